package stats_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// foreign is a data set with its statistics by TFDV.
type foreign struct {
	Name    string
	Options struct {
		Weight    string `json:"weight_feature"`
		Buckets   int    `json:"num_histogram_buckets"`
		Quantiles int    `json:"num_quantiles_histogram_buckets"`
		TopValues int    `json:"num_top_values"`
		Ranks     int    `json:"num_rank_histogram_buckets"`
	}
	Schema string                      `json:"schema_pbtxt"`
	Input  map[string]statstest.Series `json:"input"`
	Stats  json.RawMessage             `json:"stats"`
}

// foreignCases reads cases that other programs were recorded with.
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

// TestStatisticsAreThoseOfTFDV computes the statistics of the recorded data
// sets. TFDV reads its counts of equal width off a sketch: those may differ by
// 0.1 % of the values. All else is equal to rounding.
func TestStatisticsAreThoseOfTFDV(t *testing.T) {
	var cases []foreign
	foreignCases(t, "stats_generated_by_tfdv_1.16.1.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			want := &tfmd.DatasetFeatureStatisticsList{}
			if err := protojson.Unmarshal(c.Stats, want); err != nil {
				t.Fatal(err)
			}
			o := stats.Options{Weight: c.Options.Weight, Buckets: c.Options.Buckets, Quantiles: c.Options.Quantiles, TopValues: c.Options.TopValues, Ranks: c.Options.Ranks}
			if c.Schema != "" {
				schema := &tfmd.Schema{}
				if err := prototext.Unmarshal([]byte(c.Schema), schema); err != nil {
					t.Fatal(err)
				}
				for _, f := range schema.Feature {
					if f.GetIntDomain().GetIsCategorical() {
						o.Categorical = append(o.Categorical, f.GetName())
					}
				}
			}
			got, err := stats.Of(t.Context(), []stats.Source{statstest.File(t, c.Input)}, o)
			if err != nil {
				t.Fatal(err)
			}
			sketched := c.Name == "lognormal_5000" || c.Name == "normal_1000"
			compare(t, want.Datasets[0], got.Statistics.Datasets[0], sketched)
		})
	}
}

// compare checks a data set against what TFDV says of it.
func compare(t *testing.T, want, got *tfmd.DatasetFeatureStatistics, sketched bool) {
	t.Helper()
	if want.NumExamples != got.NumExamples || want.WeightedNumExamples != got.WeightedNumExamples {
		t.Errorf("%d examples of weight %v, want %d and %v", got.NumExamples, got.WeightedNumExamples, want.NumExamples, want.WeightedNumExamples)
	}
	found := map[string]*tfmd.FeatureNameStatistics{}
	for _, f := range got.Features {
		found[f.GetPath().Step[0]] = f
	}
	if len(found) != len(want.Features) {
		t.Errorf("%d features, want %d", len(found), len(want.Features))
	}
	for _, w := range want.Features {
		name := w.GetPath().Step[0]
		g := found[name]
		if g == nil || w.Type != g.Type {
			t.Errorf("%s is %v, want %v", name, g.GetType(), w.Type)
			continue
		}
		if w.GetNumStats() != nil {
			n := float64(w.GetNumStats().CommonStats.GetTotNumValues())
			compareNumbers(t, w.GetNumStats(), g.GetNumStats(), n, sketched)
			continue
		}
		a, b := protojson.Format(w.GetStringStats()), protojson.Format(g.GetStringStats())
		var x, y any
		_, _ = json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)
		if !alike(x, y, 1e-9) {
			t.Errorf("%s: %s\nwant %s", name, b, a)
		}
	}
}

func compareNumbers(t *testing.T, want, got *tfmd.NumericStatistics, n float64, sketched bool) {
	t.Helper()
	if got == nil {
		t.Fatal("no statistics of numbers")
	}
	cut := func(s *tfmd.NumericStatistics) map[string]any {
		text := protojson.Format(s)
		out := map[string]any{}
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		delete(out, "histograms")
		if w, ok := out["weightedNumericStats"].(map[string]any); ok {
			delete(w, "histograms")
		}
		if sketched {
			delete(out, "median")
		}
		return out
	}
	if a, b := cut(want), cut(got); !alike(a, b, 1e-9) {
		t.Errorf("%v\nwant %v", b, a)
	}
	compareHistograms(t, want.Histograms, got.Histograms, 0.001*n+1e-9, sketched)
	compareHistograms(t, want.WeightedNumericStats.GetHistograms(), got.WeightedNumericStats.GetHistograms(), 0.001*17+1e-9, sketched)
}

func compareHistograms(t *testing.T, want, got []*tfmd.Histogram, most float64, sketched bool) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d histograms, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if w.Type != g.Type || w.NumNan != g.NumNan || len(w.Buckets) != len(g.Buckets) {
			t.Fatalf("histogram %v\nwant %v", g, w)
		}
		if sketched && w.Type == tfmd.Histogram_QUANTILES {
			continue
		}
		// Of fewer buckets each is made of more parts of the sketch.
		most := most * max(1, 10/float64(max(len(w.Buckets), 1)))
		for k, b := range w.Buckets {
			off := math.Abs(b.SampleCount - g.Buckets[k].SampleCount)
			if sketched {
				off -= 0.01 * most / 0.001 // the sketch is sure of 1 %
			}
			if b.LowValue != g.Buckets[k].LowValue || b.HighValue != g.Buckets[k].HighValue || off > most {
				t.Errorf("bucket %d of %v is %v, want %v", k, w.Type, g.Buckets[k], b)
			}
		}
	}
}

// alike compares what JSON holds, numbers to a relative difference.
func alike(a, b any, most float64) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if !alike(a[k], b[k], most) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, func(x, y any) bool { return alike(x, y, most) })
	case float64:
		b, ok := b.(float64)
		return ok && math.Abs(a-b) <= most*max(1, math.Abs(a))
	}
	return a == b
}
