package monitor

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/export"
)

// featureStatus is what became of features in the rows written since the start.
type featureStatus struct {
	// Moved lists features whose own column is taken, and Values counts the values of
	// all of them.
	Moved  []movedFeature `json:"moved,omitempty"`
	Values int64          `json:"moved_values"`
	// Dropped counts values of features that one row had too many of.
	Dropped int64 `json:"dropped_values"`
	// Changed lists features whose type is not the same in all files.
	Changed []changedFeature `json:"type_changes,omitempty"`
}

type changedFeature struct {
	Column  string `json:"column"`
	From    string `json:"type_before"` // at the last change
	To      string `json:"type"`
	Changes int64  `json:"changes"`
}

type movedFeature struct {
	Feature string `json:"feature"` // as output.rename names it
	Column  string `json:"column"`
	Values  int64  `json:"values"`
}

// FeatureStatusOf is nil if every feature is in the column that its name asks for, of one type.
func FeatureStatusOf(n export.FeatureNotes) *featureStatus {
	if n.MovedValues == 0 && n.DroppedValues == 0 && len(n.Changed) == 0 {
		return nil
	}
	s := &featureStatus{Values: n.MovedValues, Dropped: n.DroppedValues}
	for _, m := range n.Moved {
		s.Moved = append(s.Moved, movedFeature(m))
	}
	for _, c := range n.Changed {
		s.Changed = append(s.Changed, changedFeature(c))
	}
	return s
}

// Print writes a line for each feature with another column or with several types. Names come from events.
func (s *featureStatus) Print(lines io.Writer) {
	for _, m := range s.Moved {
		fmt.Fprintf(lines, "feature %q\tis in column %q, because its own name is taken: %d values since the start\n",
			m.Feature, m.Column, m.Values)
	}
	for _, c := range s.Changed {
		fmt.Fprintf(lines, "feature %q\thas changed its type, last from %s to %s: %d times since the start, each from one file to the next\n",
			c.Column, c.From, c.To, c.Changes)
	}
	if s.Dropped > 0 {
		fmt.Fprintf(lines, "features\t%d values since the start are in no row: their requests have too many features\n",
			s.Dropped)
	}
}

// featureMetrics are the counters of featureStatus.
type featureMetrics struct{ moved, dropped *prometheus.Desc }

func newFeatureMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) featureMetrics {
	return featureMetrics{
		moved: describe("features_moved_total",
			"Feature values written since the start to another column than their name asks for, which is taken."),
		dropped: describe("features_dropped_total",
			"Feature values dropped since the start, because a row had too many features."),
	}
}

func (m *featureMetrics) Collect(n export.FeatureNotes, counter func(*prometheus.Desc, float64, ...string)) {
	counter(m.moved, float64(n.MovedValues))
	counter(m.dropped, float64(n.DroppedValues))
}
