package schema_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// foreignCases reads cases that were recorded with TFDV.
func foreignCases(t *testing.T, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared/data/tfdv", name))
	if err != nil {
		t.Skipf("the cases of TFDV are not here: %v", err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

// read reads a message from its JSON; null is nil.
func read[M proto.Message](t *testing.T, data json.RawMessage, to M) M {
	t.Helper()
	if string(data) == "null" || len(data) == 0 {
		var none M
		return none
	}
	if err := protojson.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func readStats(t *testing.T, data json.RawMessage) *tfmd.DatasetFeatureStatisticsList {
	t.Helper()
	return read(t, data, &tfmd.DatasetFeatureStatisticsList{})
}

// recorded is a call of TFDV.
type recorded struct {
	Test       string          `json:"test"`
	Name       string          `json:"name"`
	Statistics json.RawMessage `json:"statistics"`
	Stats      json.RawMessage `json:"stats"`
	Schema     json.RawMessage `json:"schema"`
	Inferred   json.RawMessage `json:"inferred_schema"`
	Previous   json.RawMessage `json:"previous_statistics"`
	Serving    json.RawMessage `json:"serving_statistics"`
	Custom     json.RawMessage `json:"custom_validation_config"`
	Result     json.RawMessage `json:"result"`
	Env        string          `json:"environment"`
	Shape      bool            `json:"infer_feature_shape"`
	Texts      int             `json:"max_string_domain_size"`
	Error      string          `json:"error"`
}

// wrongType is the error of calls with something that is no message, which Go's
// types do not allow.
func (r *recorded) wrongType() bool { return len(r.Error) > 9 && r.Error[:9] == "TypeError" }

// same compares messages, floats exactly.
func same(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", prototext.Format(got), prototext.Format(want))
	}
}

func TestInferIsThatOfTFDV(t *testing.T) {
	var cases, data []recorded
	foreignCases(t, "infer_schema.json", &cases)
	foreignCases(t, "stats_generated_by_tfdv_1.16.1.json", &data)
	for _, c := range data {
		cases = append(cases, recorded{Test: c.Name, Statistics: c.Stats, Schema: c.Inferred, Shape: true, Texts: schema.DefaultTexts})
	}
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d %s", i, c.Test), func(t *testing.T) {
			got, err := schema.Infer(readStats(t, c.Statistics), c.Texts, c.Shape)
			if (err != nil) != (c.Error != "") {
				t.Fatalf("error %v, want %q", err, c.Error)
			}
			if err == nil {
				same(t, got, read(t, c.Schema, &tfmd.Schema{}))
			}
		})
	}
}

func TestUpdateIsThatOfTFDV(t *testing.T) {
	var cases []recorded
	foreignCases(t, "update_schema.json", &cases)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d %s", i, c.Test), func(t *testing.T) {
			if c.wrongType() {
				t.Skip(c.Error)
			}
			got, err := schema.Update(read(t, c.Schema, &tfmd.Schema{}), readStats(t, c.Statistics), c.Texts)
			if (err != nil) != (c.Error != "") {
				t.Fatalf("error %v, want %q", err, c.Error)
			}
			if err == nil {
				same(t, got, read(t, c.Result, &tfmd.Schema{}))
			}
		})
	}
}

func TestValidateIsThatOfTFDV(t *testing.T) {
	var cases []recorded
	foreignCases(t, "validate_statistics.json", &cases)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d %s", i, c.Test), func(t *testing.T) {
			if c.wrongType() {
				t.Skip(c.Error)
			}
			if string(c.Custom) != "null" {
				t.Skip("custom validations are expressions of ZetaSQL, which are not evaluated here")
			}
			got, err := schema.Validate(readStats(t, c.Statistics), read(t, c.Schema, &tfmd.Schema{}), schema.Against{
				Environment: c.Env, Previous: readStats(t, c.Previous), Serving: readStats(t, c.Serving),
			})
			if (err != nil) != (c.Error != "") {
				t.Fatalf("error %v, want %q", err, c.Error)
			}
			if err == nil {
				compareAnomalies(t, got, read(t, c.Result, &tfmd.Anomalies{}))
			}
		})
	}
}

// compareAnomalies compares all but the last digits of measurements.
func compareAnomalies(t *testing.T, got, want *tfmd.Anomalies) {
	t.Helper()
	compareDrift(t, got.DriftSkewInfo, want.DriftSkewInfo)
	got.DriftSkewInfo, want.DriftSkewInfo = nil, nil
	same(t, got, want)
}

func compareDrift(t *testing.T, got, want []*tfmd.DriftSkewInfo) {
	t.Helper()
	ok := slices.EqualFunc(got, want, func(g, w *tfmd.DriftSkewInfo) bool {
		near := func(a, b *tfmd.DriftSkewInfo_Measurement) bool {
			return a.GetType() == b.GetType() && math.Abs(a.GetValue()-b.GetValue()) <= 1e-9 && a.GetThreshold() == b.GetThreshold()
		}
		return proto.Equal(g.Path, w.Path) && slices.EqualFunc(g.DriftMeasurements, w.DriftMeasurements, near) && slices.EqualFunc(g.SkewMeasurements, w.SkewMeasurements, near)
	})
	if !ok {
		t.Errorf("measured %v\nwant %v", got, want)
	}
}

// measureCase is a measurement by TFDV.
type measureCase struct {
	Name, Metric, Kind string
	Histogram          string
	A, B               json.RawMessage
	NanA               uint64   `json:"nan_a"`
	NanB               uint64   `json:"nan_b"`
	Want               *float64 `json:"tfdv_1.16.1"`
}

func TestMeasuresAreThoseOfTFDV(t *testing.T) {
	var cases []measureCase
	foreignCases(t, "metrics.json", &cases)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d %s %s", i, c.Metric, c.Name), func(t *testing.T) {
			got, err := measure(t, c)
			switch {
			case c.Want == nil && err == nil:
				t.Errorf("measured %v, want nothing", got)
			case c.Want != nil && (err != nil || math.Abs(got-*c.Want) > 1e-9):
				t.Errorf("measured %v (%v), want %v", got, err, *c.Want)
			}
		})
	}
}

func measure(t *testing.T, c measureCase) (float64, error) {
	t.Helper()
	if c.Kind == "categorical" {
		var a, b map[string]float64
		if err := json.Unmarshal(c.A, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(c.B, &b); err != nil {
			t.Fatal(err)
		}
		switch c.Metric {
		case "L_INFTY":
			_, d := schema.LInfinity(a, b)
			return d, nil
		case "NAD":
			_, d := schema.NormalizedDifference(a, b)
			return d, nil
		}
		return schema.JensenShannon(a, b)
	}
	histogram := func(data json.RawMessage, nan uint64) *tfmd.Histogram {
		var buckets [][]json.RawMessage
		if err := json.Unmarshal(data, &buckets); err != nil {
			t.Fatal(err)
		}
		h := &tfmd.Histogram{NumNan: nan}
		for _, b := range buckets {
			h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: number(t, b[0]), HighValue: number(t, b[1]), SampleCount: number(t, b[2])})
		}
		return h
	}
	a, b := histogram(c.A, c.NanA), histogram(c.B, c.NanB)
	if c.Name == "ReadsHistogramSource STANDARD asked, absent: no measurement" {
		a = nil
	}
	return schema.JensenShannonHistograms(a, b)
}

// number reads a number, or the name of one that JSON does not have.
func number(t *testing.T, data json.RawMessage) float64 {
	t.Helper()
	var x float64
	if json.Unmarshal(data, &x) == nil {
		return x
	}
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		t.Fatal(err)
	}
	switch name {
	case "inf", "Infinity":
		return math.Inf(1)
	case "-inf", "-Infinity":
		return math.Inf(-1)
	}
	return math.NaN()
}
