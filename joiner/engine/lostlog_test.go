package engine

import (
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestLeapsOnlyToTheStreamThatIsThere: a declaration that leads to a stream that is
// gone again, since the old one was restored, moves nothing.
func TestLeapsOnlyToTheStreamThatIsThere(t *testing.T) {
	gap := events.Gap{ID: 1, Kinds: [events.Kinds]bool{true, true}, Log: &events.LogGap{Input: "log", Created: 20, From: 7, Next: 1}}
	for name, c := range map[string]struct {
		there events.Time
		at    events.Position
		leaps bool
	}{
		"to the new stream":           {20, events.Position{Input: "log", Created: 10, Next: 7}, true},
		"the old one is restored":     {10, events.Position{Input: "log", Created: 10, Next: 7}, false},
		"another message is wanted":   {20, events.Position{Input: "log", Created: 10, Next: 8}, false},
		"another stream":              {20, events.Position{Input: "gol", Created: 10, Next: 7}, false},
		"it has been made, from here": {20, events.Position{Input: "log", Created: 20, Next: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gap.Log.Leaps(&c.at, c.there); got != c.leaps {
				t.Errorf("it leaps is %v, want %v", got, c.leaps)
			}
		})
	}
}

// TestCoveredTo: stretches that adjoin cover a loss together; those of another
// stream, and leaps, do not.
func TestCoveredTo(t *testing.T) {
	lost := func(created events.Time, from, next uint64, anew bool) events.Gap {
		return events.Gap{Log: &events.LogGap{Input: "log", Created: created, From: from, Next: next, Anew: anew}}
	}
	declared := []events.Gap{lost(1, 9, 12, false), lost(1, 5, 9, false), lost(2, 12, 20, false), lost(1, 12, 20, true)}
	if got := coveredTo(declared, "log", 1, 5); got != 12 {
		t.Errorf("covered up to %d, want 12", got)
	}
	from := []events.Position{{Input: "log", Next: 3}}
	if !mayLack(from, []events.Position{{Next: 6}}, slices.Clone(declared)) || mayLack(from, []events.Position{{Next: 5}}, declared) {
		t.Error("a rebuild lacks what is declared lost of what it reads, and nothing else")
	}
}
