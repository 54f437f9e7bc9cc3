package engine

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// acceptLost goes on behind messages that a person has declared lost, where
// reading cannot go on in the stream as it stands, and says by which declaration for
// each input, nil if by none. Only a declaration that names exactly the message that is
// wanted next is followed, so it is followed once: from then on another message is wanted.
func (e *Engine) acceptLost(at []events.Position, declared []events.Gap) (leaps []*events.Gap) {
	leaps = make([]*events.Gap, len(at))
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
		leaps[i] = g
		e.o.Log.Warn("messages were declared lost: reading goes on behind them", "stream", g.Log.Input, "from", g.Log.From,
			"next", g.Log.Next, "gap", g.ID)
	}
	return leaps
}

// wentOn reports whether a commit had read behind a leap already: then a rebuild reads
// on from there as far as the commit did. Else nothing of what the commit had read is
// left, or it cannot be told from what came later.
func wentOn(leap *events.Gap, from *events.Position, cut *joiner.Cut, until *events.Position) bool {
	taken := slices.ContainsFunc(cut.Progress.Gaps, func(g events.Gap) bool { return g.ID == leap.ID })
	return taken && until.Created == from.Created && until.Next >= from.Next
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
