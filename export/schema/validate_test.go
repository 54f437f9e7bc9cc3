package schema_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// TestEnvironmentByName: a label that is not there when rows are served is no anomaly there, however
// the environment is written; one that the schema does not have is an error.
func TestEnvironmentByName(t *testing.T) {
	column := statstest.Series{Type: "double", Values: [][]any{{1.0}, {2.0}}}
	trained := whole(t, map[string]statstest.Series{"x": column, "clicked": column}, stats.Options{}, nil)
	served := whole(t, map[string]statstest.Series{"x": column}, stats.Options{}, nil)
	list := func(d *tfmd.DatasetFeatureStatistics) *tfmd.DatasetFeatureStatisticsList {
		return &tfmd.DatasetFeatureStatisticsList{Datasets: []*tfmd.DatasetFeatureStatistics{d}}
	}
	s, err := schema.Infer(list(trained), schema.DefaultTexts, true)
	if err != nil {
		t.Fatal(err)
	}
	s.DefaultEnvironment = []string{"TRAINING", "SERVING", "Test", "TEST"}
	for _, f := range s.Feature {
		if f.GetName() == "clicked" {
			f.NotInEnvironment = []string{"SERVING"}
		}
	}
	for name, want := range map[string]int{"SERVING": 0, "serving": 0, "training": 1, "Test": 1, "": 1, "test": -1, "staging": -1} {
		t.Run(name, func(t *testing.T) {
			a, err := schema.Validate(list(served), s, schema.Against{Environment: name})
			if (err != nil) != (want < 0) || err == nil && len(a.AnomalyInfo) != want {
				t.Errorf("%v: %v, want %d anomalies", err, a.GetAnomalyInfo(), want)
			}
		})
	}
}
