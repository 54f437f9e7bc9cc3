package engine

import (
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestPaceOfEachLog: a rebuild that reads one log ahead of the other judges the events of
// each by the time at which they were read first.
func TestPaceOfEachLog(t *testing.T) {
	cut := func(requests, outcomes uint64, watermark events.Time) paced {
		return paced{inputs: []events.Position{{Next: requests}, {Next: outcomes}}, watermark: watermark}
	}
	p := pace{
		rules: &joiner.Rules{}, next: make([]int, 2), watermark: events.MinTime,
		cuts: []paced{cut(10, 5, 100), cut(20, 10, 200)},
	}
	clock := joiner.NewClock()
	for i, step := range []struct {
		input       uint8
		seq         uint64
		least, most events.Time
	}{
		{0, 3, events.MinTime, 100},
		{0, 15, 100, 200},
		{0, 25, 200, events.MaxTime}, // requests are read beyond the second commit
		{1, 3, events.MinTime, 100},  // outcomes are not beyond the first
		{1, 7, 100, 200},
		{0, 26, 200, events.MaxTime},
	} {
		p.at(&clock, step.input, step.seq, 0)
		if p.watermark < step.least || p.watermark > step.most {
			t.Errorf("step %d: the watermark is %s, want one from %s to %s", i, p.watermark, step.least, step.most)
		}
	}
}
