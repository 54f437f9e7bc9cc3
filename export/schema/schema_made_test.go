package schema_test

import (
	"encoding/json"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// made is a data set and a schema, with the anomalies that TFDV found.
type made struct {
	Name     string
	Schema   string `json:"schema_pbtxt"`
	Env      string `json:"environment"`
	Current  map[string]statstest.Series
	Previous map[string]statstest.Series
	Serving  map[string]statstest.Series
	Found    map[string][]madeReason `json:"anomalies"`
	Dataset  []madeReason            `json:"dataset_anomalies"`
	Drift    []json.RawMessage       `json:"drift_skew_info"`
}

type madeReason struct {
	Type        string
	Short       string `json:"short_description"`
	Description string
}

// TestAnomaliesOfDataAreThoseOfTFDV goes from Parquet to anomalies.
func TestAnomaliesOfDataAreThoseOfTFDV(t *testing.T) {
	var cases []made
	foreignCases(t, "anomalies_made_here_by_tfdv_1.16.1.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, err := schema.Parse([]byte(c.Schema))
			if err != nil {
				t.Fatal(err)
			}
			got, err := schema.Validate(statsOf(t, c.Current), s, schema.Against{Environment: c.Env, Previous: statsOf(t, c.Previous), Serving: statsOf(t, c.Serving)})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.AnomalyInfo) != len(c.Found) {
				t.Errorf("anomalies of %d features, want %d: %v", len(got.AnomalyInfo), len(c.Found), got.AnomalyInfo)
			}
			for name, want := range c.Found {
				compareReasons(t, name, got.AnomalyInfo[name], want)
			}
			compareReasons(t, "the data set", got.DatasetAnomalyInfo, c.Dataset)
			var want []*tfmd.DriftSkewInfo
			for _, data := range c.Drift {
				want = append(want, read(t, data, &tfmd.DriftSkewInfo{}))
			}
			compareDrift(t, got.DriftSkewInfo, want)
		})
	}
}

func compareReasons(t *testing.T, name string, got *tfmd.AnomalyInfo, want []madeReason) {
	t.Helper()
	ok := slices.EqualFunc(got.GetReason(), want, func(g *tfmd.AnomalyInfo_Reason, w madeReason) bool {
		return g.GetType().String() == w.Type && g.GetDescription() == w.Description && (w.Short == "" || g.GetShortDescription() == w.Short)
	})
	if !ok {
		t.Errorf("%s has %s\nwant %+v", name, protojson.Format(got), want)
	}
}

// statsOf are the statistics of columns; nil for nil.
func statsOf(t *testing.T, columns map[string]statstest.Series) *tfmd.DatasetFeatureStatisticsList {
	t.Helper()
	if columns == nil {
		return nil
	}
	r, err := stats.Of(t.Context(), []stats.Source{statstest.File(t, columns)}, stats.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sketched(r.Statistics, columns)
	return r.Statistics
}
