package schema_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// TestPinnedDriftHolds has the traps of TFDV's measures: one value far out, a
// label that dies, numbers that are the same and hold NaN.
func TestPinnedDriftHolds(t *testing.T) {
	numbers := func(n int, f func(i int) any) map[string]statstest.Series {
		s := statstest.Series{Type: "double"}
		for i := range n {
			s.Values = append(s.Values, []any{f(i)})
		}
		return map[string]statstest.Series{"x": s}
	}
	spread := func(i int) any { return float64(i % 100) }
	for name, c := range map[string]struct {
		before, now func(i int) any
		least, most float64 // of the pinned drift
		theirs      float64 // TFDV's is at least this
	}{
		"nothing":                 {spread, spread, 0, 0, 0},
		"one value far out":       {spread, outlier, 0, 0.001, 0.99},
		"nan on both sides":       {withNaN, withNaN, 0, 0, 0.05},
		"seconds to milliseconds": {spread, func(i int) any { return 1000 * float64(i%100) }, 0.5, 1, 0},
		"a label that dies":       {func(i int) any { return float64(1 - min(i%100, 1)) }, func(int) any { return 0.0 }, 0.004, 0.006, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := schema.Drifts(whole(t, numbers(2000, c.before), stats.Options{PinOwn: true}, nil), nil)
			if len(d) != 0 {
				t.Fatalf("%d columns are compared with nothing", len(d))
			}
			before := whole(t, numbers(2000, c.before), stats.Options{PinOwn: true}, nil)
			now := whole(t, numbers(2000, c.now), stats.Options{}, before)
			got := schema.Drifts(before, now)
			if len(got) != 1 || got[0].Pinned == nil || *got[0].Pinned < c.least || *got[0].Pinned > c.most {
				t.Errorf("the drift is %v, want from %v to %v", got, c.least, c.most)
			}
			if got[0].JensenShannon == nil || *got[0].JensenShannon < c.theirs {
				t.Errorf("TFDV's measure is %v, want at least %v: is the trap still one?", got[0].JensenShannon, c.theirs)
			}
		})
	}
}

func outlier(i int) any {
	if i == 7 {
		return 1e9
	}
	return float64(i % 100)
}

func withNaN(i int) any {
	if i%10 == 0 {
		return "nan"
	}
	return float64(i % 100)
}

// whole are the statistics of all rows, pinned to those of other rows.
func whole(t *testing.T, columns map[string]statstest.Series, o stats.Options, pinnedTo *tfmd.DatasetFeatureStatistics) *tfmd.DatasetFeatureStatistics {
	t.Helper()
	o.Pins = stats.PinsOf(pinnedTo)
	r, err := stats.Of(t.Context(), []stats.Source{statstest.File(t, columns)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Statistics.Datasets[0]
}
