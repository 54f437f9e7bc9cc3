package engine

import (
	"context"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// apart is an engine that has read requests and outcomes up to two times.
func apart(requests, outcomes events.Time) *Engine {
	e := &Engine{o: Options{Inputs: []Input{{Kinds: []events.Kind{events.KindRequest}}, {Kinds: []events.Kind{events.KindOutcome}}}}}
	e.checkpoint.Progress.Clock = joiner.NewClock()
	e.checkpoint.Progress.Clock.Seen[events.KindRequest] = requests
	e.checkpoint.Progress.Clock.Seen[events.KindOutcome] = outcomes
	return e
}

func TestFarBehind(t *testing.T) {
	const t0 = events.Time(1_000_000_000_000)
	ahead := t0.Add(maxDrift)
	for name, c := range map[string]struct {
		requests, outcomes, proven events.Time
		want                       bool
	}{
		"nothing read":              {events.MinTime, events.MinTime, events.MinTime, false},
		"no requests yet":           {events.MinTime, t0, events.MinTime, true},
		"as far as is tolerated":    {t0, ahead, events.MinTime, false},
		"further":                   {t0, ahead + 1, events.MinTime, true},
		"ahead itself":              {ahead + 1, t0, events.MinTime, false},
		"known to be read to there": {t0, ahead + 1, t0 + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := apart(c.requests, c.outcomes)
			e.checkpoint.Progress.Clock.ReadThrough[events.KindRequest] = c.proven
			if got := e.exceedsDrift(0); got != c.want {
				t.Errorf("%s: far behind is %v", name, got)
			}
		})
	}
}

// A source that is far behind and has nothing just now is waited for, unless the
// other has been waiting as long as alignWait.
func TestReceiveWaitsForWhoIsBehind(t *testing.T) {
	const t0 = events.Time(1_000_000_000_000)
	for name, c := range map[string]struct {
		ahead events.Time
		waits bool
	}{
		"far behind": {t0.Add(time.Hour), true},
		"not far":    {t0.Add(time.Second), false},
	} {
		t.Run(name, func(t *testing.T) {
			e := apart(t0, c.ahead)
			inbox := []chan delivery{make(chan delivery), make(chan delivery, 1)}
			inbox[1] <- delivery{input: 1}
			begun := time.Now()
			d, err := e.receive(context.Background(), inbox, make([]bool, 2), make(chan time.Time))
			if err != nil || d == nil || d.input != 1 {
				t.Fatalf("%s: received %v, %v", name, d, err)
			}
			if waited := time.Since(begun) >= alignWait; c.waits && !waited {
				t.Errorf("%s: was not waited for", name)
			}
			// A tick is not held up, nor is the end.
			if c.waits {
				ticks := make(chan time.Time, 1)
				ticks <- begun
				if d, err := e.receive(context.Background(), inbox, make([]bool, 2), ticks); d != nil || err != nil {
					t.Errorf("%s: received %v, %v in place of a tick", name, d, err)
				}
			}
			// What the one behind has comes first, whatever the other has.
			inbox[0], inbox[1] = make(chan delivery, 1), make(chan delivery, 1)
			inbox[0] <- delivery{input: 0}
			inbox[1] <- delivery{input: 1}
			if d, err := e.receive(context.Background(), inbox, make([]bool, 2), make(chan time.Time)); err != nil || d == nil || d.input != 0 {
				t.Errorf("%s: received %v, %v, want the input behind", name, d, err)
			}
		})
	}
}
