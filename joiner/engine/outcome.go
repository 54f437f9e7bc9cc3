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
	found, known, err := e.find(o.RequestID, w)
	switch p := found.Place; {
	case err != nil:
		return err
	case known && (found.Late || e.phase(p.TS, w) != joiner.Open):
		return e.lateOutcome(m, p, held, o)
	case known:
		e.tally(events.KindOutcome).Pending++
		e.o.Store.PutOutcome(p, &held)
		return e.tellOf(p, held, o)
	case o.TS < e.orphaned(w):
		e.dispose(events.KindOutcome, joiner.Orphan)
	default:
		e.tally(events.KindOutcome).Pending++
		e.o.Store.PutWaiting(o.RequestID, &held)
	}
	return nil
}

// tellOf reacts to an outcome of an open request, if it says anything new.
func (e *Engine) tellOf(p joiner.Place, fresh joiner.HeldOutcome, o *events.Outcome) error {
	if !e.watched() || !e.qualifies(o) {
		return nil
	}
	request, err := e.load(p)
	if err != nil {
		return err
	}
	if old, err := e.nothingNew(p, &request, o); old || err != nil {
		return err
	}
	return e.react(p, p, &request, []joiner.HeldOutcome{fresh})
}

// nothingNew reports whether an outcome of an open request leaves everything as
// it was told already: the positives that it makes were made by those before it.
// Those are read only until they have made them: a producer that sends one request's outcomes by the thousand would keep
// the joiner busy with that request alone if each was decided beside all others.
func (e *Engine) nothingNew(p joiner.Place, held *joiner.HeldRequest, o *events.Outcome) (bool, error) {
	if e.o.Store.OutcomeCount(p.ID) == 1 {
		return false, nil
	}
	req, err := e.assemble(held, everything)
	if err != nil {
		return false, err
	}
	alone, before := joiner.Decide(e.rules, &req), joiner.Decide(e.rules, &req)
	alone.Add(o)
	wanted := alone.Positives()
	for other, err := range e.outcomes(p, everything, nil) {
		if err != nil {
			return false, err
		}
		if wanted = unmet(wanted, before); len(wanted) == 0 {
			break
		}
		before.Add(&other)
	}
	return len(unmet(wanted, before)) == 0, nil
}

// unmet drops positives from the end of a list as long as a decision has them.
func unmet(wanted []joiner.Spot, d *joiner.Decision) []joiner.Spot {
	for len(wanted) > 0 && d.Positive(wanted[len(wanted)-1]) {
		wanted = wanted[:len(wanted)-1]
	}
	return wanted
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

// watched reports whether anybody is told of a request before it closes.
func (e *Engine) watched() bool { return !e.quiet && (e.rules.Early || e.o.Publisher != nil) }

// react tells the world what an open request's outcomes have decided so far:
// positives on the label stream, and rows when they are written early. What was
// applied of it stands under from, fresh is what the batch adds.
func (e *Engine) react(p, from joiner.Place, held *joiner.HeldRequest, fresh []joiner.HeldOutcome) error {
	if !e.watched() || e.o.Store.OutcomeCount(p.ID) == 0 {
		return nil
	}
	req, d, err := e.decide(from, held, everything, fresh)
	if err != nil {
		return err
	}
	if e.o.Publisher != nil {
		e.herald.positives(&req, d.Rows(events.MaxTime, joiner.Early))
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
