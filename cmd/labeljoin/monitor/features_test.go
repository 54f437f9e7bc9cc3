package monitor

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export"
)

// TestTypeChangesAreNamed: the status names a feature whose type changed.
func TestTypeChangesAreNamed(t *testing.T) {
	if s := FeatureStatusOf(export.FeatureNotes{}); s != nil {
		t.Fatalf("of nothing it says %+v", s)
	}
	s := FeatureStatusOf(export.FeatureNotes{Changed: []export.ChangedFeature{{Column: "age\x1b", From: "int64", To: "double", Changes: 2}}})
	var text strings.Builder
	s.Print(&text)
	if want := `feature "age\x1b"` + "\thas changed its type, last from int64 to double: 2 times"; !strings.HasPrefix(text.String(), want) {
		t.Errorf("it says %s", &text)
	}
}
