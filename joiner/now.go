package joiner

import "github.com/labeljoin/labeljoin/events"

// Now is how far time has come when an event is met, as bounds of the timestamps
// of requests. All are strict, and each is at or before the one above it, but for
// Staged, and for Orphaned, which is a bound of outcomes.
type Now struct {
	Closed    events.Time // requests stamped before it have closed
	Final     events.Time // those before it are corrected no more
	Forgotten events.Time // of those before it nothing is known any more
	Staged    events.Time // of those before it, rows may have been written before they close: see Rules.Stages
	Orphaned  events.Time // outcomes of which all waiting copies are before it wait no more
}

// At is how far time has come at watermark w, where what is stamped before closed
// has closed already: a changed configuration opens nothing again.
func (r *Rules) At(w, closed events.Time) Now {
	n := Now{Closed: r.ClosedThrough(w), Forgotten: r.ForgottenThrough(w), Orphaned: r.OrphanedThrough(w),
		Staged: events.MinTime}
	n.Final = n.Closed.Add(-r.Corrections)
	n.Closed = max(n.Closed, closed)
	return n
}

// Never is a time at which nothing has closed: a log is read whole first.
func Never() Now {
	return Now{Closed: events.MinTime, Final: events.MinTime, Forgotten: events.MinTime, Staged: events.MinTime,
		Orphaned: events.MinTime}
}

// Phase says where a request stamped ts stands.
func (n Now) Phase(ts events.Time) Phase {
	switch {
	case ts < n.Forgotten:
		return PhaseForgotten
	case ts >= n.Closed:
		return PhaseOpen
	case ts < n.Final:
		return PhaseRemembered
	}
	return PhaseCorrectable
}

// An id may be used again for another request. Two events of one id are of the same
// request if they are stamped within Reach of each other: a request is forgotten
// when the watermark has passed it by that much, so that nothing younger can be held
// against it.

// Reach is how far apart in time the events of one request may be stamped.
func (r *Rules) Reach(ts events.Time) (from, to events.Time) {
	return ts.Add(-r.Longest()).Add(-r.Retention()), ts.Add(r.Longest()).Add(r.Retention())
}

// OfRequest finds, among the requests that are held of an id, the one that an event
// stamped ts is a copy or a piece of: of those within reach, the youngest that is not
// younger than it, or else the oldest. It is -1 if there is none.
func (r *Rules) OfRequest(keys []RequestKey, ts events.Time) int {
	from, to := r.Reach(ts)
	best := -1
	for i := range keys {
		t := keys[i].TS
		if t < from || t > to {
			continue
		}
		if best < 0 || closer(keys[best].TS, t, ts) {
			best = i
		}
	}
	return best
}

// OfOutcome finds the request that an outcome stamped ts belongs to: the youngest
// that is stamped at most ClockSkew after it, or else, if all are younger, the oldest, if
// the outcome is within its reach. An outcome that is too late to be within the reach of
// the request before it is of the next one, if it is within the reach of that. So it does
// not matter whether the one before is forgotten. It is -1 if there is none.
func (r *Rules) OfOutcome(keys []RequestKey, ts events.Time) int {
	latest := ts.Add(r.ClockSkew)
	best, far := -1, false
	for i := range keys {
		from, to := r.Reach(keys[i].TS)
		if ts < from {
			continue
		}
		beyond := latest > to
		if best < 0 || far && !beyond || far == beyond && closer(keys[best].TS, keys[i].TS, latest) {
			best, far = i, beyond
		}
	}
	return best
}

// Owner finds the request that an event belongs to, of those that are held of its id;
// -1 if it is none of them.
func (r *Rules) Owner(found []Found, ev *Event) int {
	keys := make([]RequestKey, len(found))
	for i := range found {
		keys[i] = found[i].Key
	}
	if ev.Outcome == nil {
		return r.OfRequest(keys, ev.Key.TS)
	}
	return r.OfOutcome(keys, ev.Outcome.TS)
}

// elsewhere reports whether an outcome that is taken for one of a request may be of
// another that has the same id and has not come yet: one before it, or one so long
// after it that the id may be used again.
func (r *Rules) elsewhere(request, outcome events.Time) bool {
	_, to := r.Reach(request)
	latest := outcome.Add(r.ClockSkew)
	return latest < request || latest > to
}

// closer reports whether t is a better choice for bound than best: the youngest that
// is not younger than bound, or else the oldest.
func closer(best, t, bound events.Time) bool {
	if t <= bound {
		return best > bound || t > best
	}
	return best > bound && t < best
}

// orderFacts is Order for facts.
func orderFacts(a, b *Fact) int { return Order(&a.Outcome, &b.Outcome) }
