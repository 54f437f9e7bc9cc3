package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Gap is a stretch of event time of which somebody has said what became of its
// events. Labels whose windows touch a gap in the outcomes are not known.
//
// Invariant: it is taken in between two commits, and from then on is part of
// every manifest, so that a rebuild and a replay decide as live did.
type Gap struct {
	ID       uint64             // of the declaration, from 1
	From, To events.Time        // both included
	Kinds    [events.Kinds]bool // which sources it is about
	// Quiet says the opposite of the rest: nothing is missing, however few
	// outcomes there are. It moves no label, only the guard.
	Quiet bool
	// Since is the bound of what the declaration came too late for: requests
	// stamped before it keep the labels they have.
	Since events.Time
	Note  string  // why, in the words of who declared it
	Log   *LogGap // the messages that are gone; nil if only the time is known
}

// LogGap names messages of a log that were lost before they were read, by
// somebody who has decided to go on without them.
type LogGap struct {
	Input   string      // the stream
	Created events.Time // when the stream was created that is read from now on
	From    uint64      // sequence of the first message that is gone
	Next    uint64      // sequence to go on from
}

// Touches reports whether a gap makes anything of a request unknown that is not
// certain without what is missing.
func (r *Rules) Touches(g *Gap, ts events.Time) bool {
	return g.Kinds[events.KindOutcome] && !g.Quiet && ts >= g.Since &&
		ts.Add(-r.ClockSkew) <= g.To && ts.Add(r.Longest()) >= g.From
}

// unknown reports whether a label of a request has a window that touches a gap
// in the outcomes. Both ends of both count.
func (r *Rules) unknown(ts events.Time, window time.Duration) bool {
	for i := range r.Gaps {
		g := &r.Gaps[i]
		if g.Kinds[events.KindOutcome] && !g.Quiet && ts >= g.Since &&
			ts.Add(-r.ClockSkew) <= g.To && ts.Add(window) >= g.From {
			return true
		}
	}
	return false
}
