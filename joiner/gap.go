package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Decided is the bound of the requests that were decided by a state that is lost:
// what comes of one stamped before it, and is not known, is not a new request.
func (r *Rules) Decided() events.Time {
	bound := events.MinTime
	for i := range r.Gaps {
		if l := r.Gaps[i].Log; l != nil && l.Decided != 0 && r.Gaps[i].Kinds[events.KindRequest] {
			bound = max(bound, l.Decided)
		}
	}
	return bound
}

// Touches reports whether a gap makes anything of a request unknown that is not
// certain without what is missing.
func (r *Rules) Touches(g *events.Gap, ts events.Time) bool {
	return g.Holds(ts) && ts.Add(-r.ClockSkew) <= g.To && ts.Add(r.Longest()) >= g.From
}

// unknown reports whether a label of a request, with a window of that length, touches a gap in
// the outcomes. Both ends of both count.
func (r *Rules) unknown(ts events.Time, l *Label, window time.Duration) bool {
	from := ts.Add(-r.ClockSkew)
	if l.From > 0 {
		from = ts.Add(l.From)
	}
	for i := range r.Gaps {
		if g := &r.Gaps[i]; g.Holds(ts) && from <= g.To && ts.Add(window) >= g.From {
			return true
		}
	}
	return false
}
