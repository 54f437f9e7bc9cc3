package joiner

import "github.com/labeljoin/labeljoin/events"

// Phase is where a request stands at a watermark.
type Phase uint8

// The phases of a request, in the order in which it goes through them.
const (
	PhaseOpen        Phase = iota // an outcome may still join it
	PhaseCorrectable              // closed; a late outcome still corrects it
	PhaseRemembered               // closed; a late outcome is only counted
	PhaseForgotten                // nothing is known of it any more
)

// Phase says where a request stamped ts stands at watermark w. Every boundary
// is strict: at exactly its window's end a request is still open.
func (r *Rules) Phase(ts, w events.Time) Phase {
	closes := ts.Add(r.Longest())
	switch {
	case w <= closes:
		return PhaseOpen
	case w > closes.Add(r.Retention()):
		return PhaseForgotten
	case w > closes.Add(r.Corrections):
		return PhaseRemembered
	}
	return PhaseCorrectable
}

// ClosedThrough is the bound of what watermark w closes: requests stamped
// before it are no longer PhaseOpen.
func (r *Rules) ClosedThrough(w events.Time) events.Time { return w.Add(-r.Longest()) }

// ForgottenThrough is the bound of what watermark w forgets: requests stamped
// before it are PhaseForgotten.
func (r *Rules) ForgottenThrough(w events.Time) events.Time {
	return r.ClosedThrough(w).Add(-r.Retention())
}

// OrphanedThrough is the bound of the outcomes that can no longer find a
// request: one stamped before it belongs, if to any, to a request that is
// PhaseForgotten at watermark w. A request may be ClockSkew younger than its outcome.
func (r *Rules) OrphanedThrough(w events.Time) events.Time {
	return r.ForgottenThrough(w).Add(-r.ClockSkew)
}
