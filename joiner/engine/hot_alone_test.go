package engine

import (
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// holding is a state of which only Find is asked: it holds requests of one id at these times.
type holding struct {
	Store
	times []events.Time
}

func (h *holding) Find(into []joiner.Found, id string) ([]joiner.Found, error) {
	for _, ts := range h.times {
		into = append(into, joiner.Found{Key: joiner.RequestKey{ID: id, TS: ts}})
	}
	return into, nil
}

// TestAloneWhileAnotherIsForgotten: a request is the only one of its id, and may be kept at hand, if the state holds no
// other one, also none that is forgotten: in a rebuild of two logs time goes back, and then the other one is known
// again. An outcome of it would be taken for one of the request at hand, which is stamped within its reach.
func TestAloneWhileAnotherIsForgotten(t *testing.T) {
	const older, younger = events.Time(time.Hour), events.Time(3 * time.Hour)
	for _, c := range []struct {
		name      string
		held      []events.Time
		forgotten events.Time
		alone     bool
	}{
		{"nothing is held", nil, events.MinTime, true},
		{"one", []events.Time{younger}, events.MinTime, true},
		{"one that is forgotten", []events.Time{older}, younger, false},
		{"two", []events.Time{older, younger}, events.MinTime, false},
		{"two, of which one is forgotten", []events.Time{older, younger}, younger, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := joiner.Rules{Labels: []joiner.Label{{Name: "clicked", Window: 4 * time.Hour}}}
			e := New(Options{Rules: rules, Store: &holding{times: c.held}})
			ev := joiner.Event{Key: joiner.RequestKey{ID: "r"}, Outcome: &events.Outcome{RequestID: "r", TS: younger.Add(time.Minute)}}
			now := joiner.Never()
			now.Forgotten = c.forgotten
			found, err := e.find("r", &ev, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.isAlone(found); got != c.alone {
				t.Errorf("it is alone: %v, want %v", got, c.alone)
			}
		})
	}
}
