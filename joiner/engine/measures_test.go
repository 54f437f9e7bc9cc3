package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func TestMeasuresCountWhatRowsSay(t *testing.T) {
	commit := newMeasures(2)
	commit.row(0, &joiner.Row{Cells: []joiner.Cell{{Value: 1, TS: events.Time(time.Second)}, joiner.Undecided()}})
	commit.row(0, &joiner.Row{Cells: []joiner.Cell{{Value: 2, TS: events.Time(365 * 24 * time.Hour)}, {Value: 0, TS: events.MinTime}}})
	none := newMeasures(2)
	one := none.plus(commit, 20*time.Millisecond, time.Unix(1, 0))
	two := one.plus(commit, time.Hour, time.Unix(2, 0))
	if want := []LabelMeasure{{Positive: 4}, {Negative: 2, Null: 2}}; !slices.Equal(two.Labels, want) {
		t.Errorf("labels %+v, want %+v", two.Labels, want)
	}
	if n := len(two.Delay.Counts); two.Delay.Counts[0] != 2 || two.Delay.Counts[n-1] != 2 {
		t.Errorf("a second is within the first bound, a year beyond all: %v", two.Delay.Counts)
	}
	if c := two.Commit.Counts; c[1] != 1 || c[len(c)-1] != 1 || two.Commit.Sum != time.Hour+20*time.Millisecond {
		t.Errorf("commits %+v", two.Commit)
	}
	if !one.LastCommit.Equal(time.Unix(1, 0)) || one.Commit.Sum != 20*time.Millisecond || !slices.Equal(none.Labels, make([]LabelMeasure, 2)) {
		t.Error("what was reported before has changed")
	}
}
