package engine

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// acceptLost goes on behind messages that a person has declared lost, where
// reading cannot go on in the stream as it stands, and says of which inputs. Only a
// declaration that names exactly the message that is wanted next is followed, so it
// is followed once: from then on another message is wanted.
func (e *Engine) acceptLost(at []events.Position, declared []events.Gap) (leapt []bool) {
	leapt = make([]bool, len(at))
	for i := range at {
		n := slices.IndexFunc(declared, func(g events.Gap) bool {
			return g.Log != nil &&
				g.Log.Leaps(&at[i], e.o.Inputs[i].Created)
		})
		if n < 0 {
			continue
		}
		g := &declared[n]
		g.Log.Leap(&at[i])
		leapt[i] = true
		e.o.Log.Warn("messages were declared lost: reading goes on behind them", "stream", g.Log.Input, "from", g.Log.From,
			"next", g.Log.Next, "gap", g.ID)
	}
	return leapt
}

// mayLack reports whether a message that a rebuild reads, of those from..until, is
// declared lost. Then the state that it makes need not be the one that was.
func mayLack(from, until []events.Position, declared []events.Gap) bool {
	for i := range from {
		for j := range declared {
			l := declared[j].Log
			if l != nil && l.Input == from[i].Input && l.From < until[i].Next && l.Next > from[i].Next {
				return true
			}
		}
	}
	return false
}

// coveredTo is the first message of an input, from one on, that is not declared
// lost.
func coveredTo(declared []events.Gap, input string, created events.Time, from uint64) uint64 {
	for {
		n := slices.IndexFunc(declared, func(g events.Gap) bool {
			return g.Log != nil &&
				g.Log.MayLack(input, created, from)
		})
		if n < 0 {
			return from
		}
		from = declared[n].Log.Next
	}
}
