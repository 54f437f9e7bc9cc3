package engine

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// outcome takes in an outcome event.
func (e *Engine) outcome(m *events.Message, at events.Origin, o *events.Outcome, data []byte) error {
	if limit := e.o.OutcomesPerRequest; limit > 0 && e.o.Store.OutcomeCount(o.RequestID) >= limit {
		e.deadLetter(m, at, data, joiner.Rejected, "too_many_outcomes",
			fmt.Sprintf("its request has %d outcomes already (limits.outcomes_per_request)", limit))
		return nil
	}
	w := e.watermark()
	held := joiner.HeldOutcome{Origin: at, TS: o.TS, ID: o.ID, Hash: o.Hash, Data: data}
	p, request, known, err := e.find(o.RequestID, w)
	switch {
	case err != nil:
		return err
	case known && (request.Late || e.phase(p.TS, w) != joiner.Open):
		return e.lateOutcome(m, p, request, held, o)
	case known:
		e.tally(events.KindOutcome).Pending++
		e.o.Store.PutOutcome(p, &held)
		if !e.qualifies(o) {
			return nil
		}
		return e.react(p, p, &request, []joiner.HeldOutcome{held})
	case o.TS < e.rules.OrphanedThrough(w):
		e.dispose(events.KindOutcome, joiner.Orphan)
	default:
		e.tally(events.KindOutcome).Pending++
		e.o.Store.PutWaiting(o.RequestID, &held)
	}
	return nil
}

// qualifies reports whether an outcome is of interest to any label.
func (e *Engine) qualifies(o *events.Outcome) bool {
	for i := range e.rules.Labels {
		if e.rules.Labels[i].When(o) {
			return true
		}
	}
	return false
}

// react tells the world what an open request's outcomes have decided so far:
// positives on the label stream, and rows when they are written early. What was
// applied of it stands under from, fresh is what the batch adds.
func (e *Engine) react(p, from joiner.Place, held *joiner.HeldRequest, fresh []joiner.HeldOutcome) error {
	publishes := e.o.Publisher != nil
	if e.quiet || !e.rules.Early && !publishes || e.o.Store.OutcomeCount(p.ID) == 0 {
		return nil
	}
	req, d, err := e.decide(from, held, everything, fresh)
	if err != nil {
		return err
	}
	if publishes {
		e.announcePositives(&req, d.Rows(events.MaxTime, joiner.Early))
	}
	if e.rules.Early {
		return e.writeEarly(p, from, &req, d)
	}
	return nil
}

// writeEarly writes the rows of which every label is decided, once.
func (e *Engine) writeEarly(p, from joiner.Place, req *events.Request, d *joiner.Decision) error {
	decided := d.Decided()
	if len(decided) == 0 {
		return nil
	}
	h, _, err := e.o.Store.History(from)
	if err != nil {
		return err
	}
	written := map[string]bool{}
	for _, s := range h.Rows {
		written[s.Item] = true
	}
	for i, s := range joiner.Standings(req, decided) {
		if !s.Written || written[s.Item] {
			continue
		}
		h.Rows = append(h.Rows, s)
		e.o.Store.AddUnwritten(&joiner.Unwritten{Place: p, Item: s.Item, Row: decided[i]})
	}
	e.o.Store.PutHistory(p, &h)
	return nil
}
