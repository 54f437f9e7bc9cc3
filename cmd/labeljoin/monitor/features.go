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
	// Dropped counts values of features that one row, or the table, had too many of.
	Dropped int64 `json:"dropped_values"`
	// Changed lists columns whose type was changed.
	Changed []changedFeature `json:"type_changes,omitempty"`
	// Unfit lists columns with values that their type does not hold, and UnfitValues
	// counts the values of all of them, which are null.
	Unfit       []unfitFeature `json:"unfit,omitempty"`
	UnfitValues int64          `json:"unfit_values"`
	// LeftOut lists features that features.mode gives no column, and LeftOutValues counts
	// the values of all of them.
	LeftOut       []string `json:"left_out,omitempty"`
	LeftOutValues int64    `json:"left_out_values"`
	// Rounded counts integers that were written as doubles which do not hold them.
	Rounded int64 `json:"rounded_values"`
}

type changedFeature struct {
	Column string `json:"column"`
	From   string `json:"type_before"`
	To     string `json:"type"`
}

type unfitFeature struct {
	Column  string `json:"column"`
	Type    string `json:"type"`
	Values  int64  `json:"values"`
	Example string `json:"example,omitempty"` // one of the values, as JSON; empty: it is not shown
}

type movedFeature struct {
	Feature string `json:"feature"` // as output.rename names it
	Column  string `json:"column"`
	Values  int64  `json:"values"`
}

// FeatureStatusOf is nil if every value is in the column that its name asks for, of one type.
func FeatureStatusOf(n export.FeatureNotes) *featureStatus {
	if n.MovedValues+n.DroppedValues+n.UnfitValues+n.LeftOutValues+n.Rounded == 0 && len(n.Changed) == 0 {
		return nil
	}
	s := &featureStatus{
		Values: n.MovedValues, Dropped: n.DroppedValues, UnfitValues: n.UnfitValues,
		LeftOut: n.LeftOut, LeftOutValues: n.LeftOutValues, Rounded: n.Rounded,
	}
	for _, u := range n.Unfit {
		s.Unfit = append(s.Unfit, unfitFeature(u))
	}
	for _, m := range n.Moved {
		s.Moved = append(s.Moved, movedFeature(m))
	}
	for _, c := range n.Changed {
		s.Changed = append(s.Changed, changedFeature(c))
	}
	return s
}

// Print writes a line for each thing that became of features. Names come from events.
func (s *featureStatus) Print(lines io.Writer) {
	for _, m := range s.Moved {
		fmt.Fprintf(lines, "feature %q\tis in column %q, because its own name is taken: %d values since the start\n",
			m.Feature, m.Column, m.Values)
	}
	for _, c := range s.Changed {
		fmt.Fprintf(lines, "feature %q\tis of another type than in older files: %s, before %s; labeljoin compact makes integers doubles\n",
			c.Column, c.To, c.From)
	}
	for _, u := range s.Unfit {
		example := ""
		if u.Example != "" {
			example = fmt.Sprintf(", one of them %q", u.Example)
		}
		fmt.Fprintf(lines, "feature %q\tis of type %s, and %d values since the start do not fit and are null%s; features.declare gives it another type\n",
			u.Column, u.Type, u.Values, example)
	}
	if s.LeftOutValues > 0 {
		fmt.Fprintf(lines, "features\t%d values since the start are left out by features.mode, of %q\n", s.LeftOutValues,
			s.LeftOut)
	}
	if s.Rounded > 0 {
		fmt.Fprintf(lines, "features\t%d integers since the start are rounded, because no double holds them; features.declare with int64 keeps them\n",
			s.Rounded)
	}
	if s.Dropped > 0 {
		fmt.Fprintf(lines, "features\t%d values since the start are in no row: their requests or the output have too many features\n",
			s.Dropped)
	}
}

// featureMetrics are the counters of featureStatus.
type featureMetrics struct{ moved, dropped, leftOut, rounded *prometheus.Desc }

func newFeatureMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) featureMetrics {
	return featureMetrics{
		moved: describe("features_moved_total",
			"Feature values written since the start to another column than their name asks for, which is taken."),
		dropped: describe("features_dropped_total",
			"Feature values dropped since the start, because a row or the output had too many features."),
		leftOut: describe("features_left_out_total",
			"Feature values left out since the start, because features.mode gives them no column."),
		rounded: describe("features_rounded_total",
			"Integers beyond 2^53 written since the start as doubles, which do not hold them."),
	}
}

func (m *featureMetrics) Collect(n export.FeatureNotes, counter func(*prometheus.Desc, float64, ...string)) {
	counter(m.moved, float64(n.MovedValues))
	counter(m.dropped, float64(n.DroppedValues))
	counter(m.leftOut, float64(n.LeftOutValues))
	counter(m.rounded, float64(n.Rounded))
}
