package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// patient hands over a batch only after as many commits as it waits for.
type patient struct {
	engine.Source
	made  <-chan struct{} // one for each commit
	waits []int           // for each batch: commits that are made before it
}

func (p *patient) Next(ctx context.Context) (events.Batch, error) {
	if len(p.waits) > 0 {
		for range p.waits[0] {
			select {
			case <-p.made:
			case <-time.After(time.Minute):
				return events.Batch{}, errors.New("a commit is not made")
			}
		}
		p.waits = p.waits[1:]
	}
	return p.Source.Next(ctx)
}

// TestDayIsOver lets the clock run on over midnight, without requests: a commit says that the
// requests of the day have closed, another that nothing remembers them any more, and a third that an
// export of the day is due. A clock that only moves within a day makes no commit.
func TestDayIsOver(t *testing.T) {
	rules := oneLabel()
	rules.Corrections = 6 * time.Hour
	h := enginetest.Lines(rules)
	midnight := h.At(0).Std().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(h.At(0).Std())
	h.Request(midnight-time.Hour, "r")
	h.Click(midnight-time.Hour+time.Second, "r")
	due := rules.Retention() + 15*time.Minute
	past := rules.Longest() + rules.Lateness // what the watermark has to pass a time by
	var waits []int
	for _, b := range []struct {
		at      time.Duration
		commits int // that it brings about
	}{
		{midnight - time.Second, 1}, // the row
		{midnight + past - time.Second, 0},
		{midnight + past + time.Second, 1}, // the day has closed
		{midnight + past + rules.Retention() - time.Second, 0},
		{midnight + past + rules.Retention() + time.Second, 1}, // and is settled
		{midnight + past + due - time.Second, 0},
		{midnight + past + due + time.Second, 1}, // and is due
		{midnight + past + 20*time.Hour, 0},
	} {
		h.Heartbeats(b.at)
		waits = append(waits, 0, b.commits) // a batch is a heartbeat; the second of two moves the clock
	}
	waits = append([]int{0, 0, 0}, waits...)
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll, w.days = engine.Roll{}, due
	made := make(chan struct{}, 100)
	w.out.Fail = func(_ uint64, created bool) error {
		if created {
			made <- struct{}{}
		}
		return nil
	}
	w.source = func(s engine.Source, _ events.Position) engine.Source {
		return &patient{Source: s, made: made, waits: waits}
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range w.out.Commits {
		got = append(got, fmt.Sprint(len(c.Rows), " rows, closed through ", c.Cut.Progress.ClosedThrough.Sub(h.At(midnight))))
	}
	if len(got) != 4 {
		t.Fatalf("commits: %q, want the row's, one after the day, one after the corrections and one for an export", got)
	}
	for i, least := range []time.Duration{-time.Hour, 0, rules.Retention(), due} {
		if c := &w.out.Commits[i]; c.Cut.Progress.ClosedThrough < h.At(midnight+least) || (len(c.Rows) > 0) != (i == 0) {
			t.Errorf("commit %d: %s", i+1, got[i])
		}
	}
}
