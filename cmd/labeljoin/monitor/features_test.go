package monitor

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export"
)

// TestFeaturesAreNamed: the status names a feature whose type changed, or has values that do
// not fit, or has no column.
func TestFeaturesAreNamed(t *testing.T) {
	if s := FeatureStatusOf(export.FeatureNotes{}); s != nil {
		t.Fatalf("of nothing it says %+v", s)
	}
	s := FeatureStatusOf(export.FeatureNotes{
		Changed: []export.ChangedFeature{{Column: "age\x1b", From: "int64", To: "double"}},
		Unfit:   []export.UnfitFeature{{Column: "price", Type: "double", Values: 3, Example: `"n/a"`}}, UnfitValues: 3,
		LeftOut: []string{"debug"}, LeftOutValues: 2,
	})
	var text strings.Builder
	s.Print(&text)
	for _, want := range []string{
		`feature "age\x1b"` + "\tis of another type than in older files: double, before int64",
		`feature "price"` + "\tis of type double, and 3 values since the start do not fit and are null, one of them \"\\\"n/a\\\"\"",
		"features\t2 values since the start are left out by features.mode, of [\"debug\"]",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %s:\n%s", want, &text)
		}
	}
}
