package health_test

import (
	"math"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
)

// TestWindows has delays spread evenly over ten minutes.
func TestWindows(t *testing.T) {
	table := health.NewTable([]string{"clicked"})
	for d := range int64(600) {
		table.Delays[0][1000*d] = 5
	}
	table.Cell(health.Key{}).Labels[0].Known = 100000
	s := table.Windows(0, 10*time.Minute, nil)
	lost := map[time.Duration]float64{}
	for _, r := range s.Rows {
		lost[r.Window] = r.Lost
	}
	if math.Abs(lost[5*time.Minute]-0.5) > 0.02 || lost[10*time.Minute] != 0 || math.Abs(s.LastTenth-0.1) > 0.01 ||
		s.Suggested != 10*time.Minute || s.Positives != 3000 {
		t.Errorf("%+v", s)
	}
}

// TestCensoredRowsDoNotShortenDelays watches half of the rows for five minutes
// only: the estimate is that of the rows that were watched whole.
func TestCensoredRowsDoNotShortenDelays(t *testing.T) {
	table := health.NewTable([]string{"clicked"})
	cut := map[int64]uint64{}
	// 10,000 rows watched whole, 10,000 for five minutes; 6,000 positives would
	// come evenly within ten minutes in each half.
	for d := range int64(600) {
		table.Delays[0][1000*d] = 10
		if d < 300 {
			table.Delays[0][1000*d] += 10
		}
	}
	table.Cell(health.Key{}).Labels[0].Known = 10000 + 3000
	cut[299_000] = 7000
	s := table.Windows(0, 10*time.Minute, cut)
	naive := table.Windows(0, 10*time.Minute, nil)
	at := func(s health.Sufficiency) float64 {
		for _, r := range s.Rows {
			if r.Window == 5*time.Minute {
				return r.Lost
			}
		}
		return math.NaN()
	}
	if math.Abs(at(s)-0.5) > 0.03 {
		t.Errorf("five minutes lose %v of the positives, want 0.5", at(s))
	}
	if at(naive) > 0.45 {
		t.Errorf("without the censored rows it is %v: they make no difference", at(naive))
	}
}
