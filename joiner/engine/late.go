package engine

import (
	"iter"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// everything is the round that includes all events of a request; base is the
// round of those that came before its close.
const (
	everything = math.MaxUint32
	base       = 0
)

// maxRounds is how many late events a closed request takes. Each is judged
// beside all others, so that without a bound one broken producer could keep the
// joiner busy with a single request.
const maxRounds = 1000

// orderHeld is joiner.Order for outcomes that are not decoded.
func orderHeld(a, b joiner.HeldOutcome) int {
	x := events.Outcome{TS: a.TS, ID: a.ID, Hash: a.Hash}
	y := events.Outcome{TS: b.TS, ID: b.ID, Hash: b.Hash}
	return joiner.Order(&x, &y)
}

// outcomes decodes the outcomes of a request up to a round, in Order: those
// applied, and the fresh ones, sorted, that the batch adds.
func (e *Engine) outcomes(p joiner.Place, round uint32, fresh []joiner.HeldOutcome) iter.Seq2[events.Outcome, error] {
	d := &e.o.Decoders[events.KindOutcome]
	return func(yield func(events.Outcome, error) bool) {
		for h, err := range e.o.Store.Outcomes(p) {
			for err == nil && len(fresh) > 0 && orderHeld(fresh[0], h) < 0 {
				if !yield(outcome(d, &fresh[0])) {
					return
				}
				fresh = fresh[1:]
			}
			if err != nil {
				yield(events.Outcome{}, err)
				return
			}
			if h.Round <= round && !yield(outcome(d, &h)) {
				return
			}
		}
		for i := range fresh {
			if !yield(outcome(d, &fresh[i])) {
				return
			}
		}
	}
}

// decide folds a request's outcomes, up to a round, into its rows.
func (e *Engine) decide(p joiner.Place, held *joiner.HeldRequest, round uint32, fresh []joiner.HeldOutcome) (events.Request, *joiner.Decision, error) {
	return e.decideBy(e.rules, p, held, round, fresh)
}

// decideBy decides by other rules than those in force.
func (e *Engine) decideBy(rules *joiner.Rules, p joiner.Place, held *joiner.HeldRequest, round uint32, fresh []joiner.HeldOutcome) (events.Request, *joiner.Decision, error) {
	req, err := e.assemble(held, round)
	if err != nil {
		return req, nil, err
	}
	d := joiner.Decide(rules, &req)
	for o, err := range e.outcomes(p, round, fresh) {
		if err != nil {
			return req, nil, err
		}
		d.Add(&o)
	}
	return req, d, nil
}

// closeLate closes a request that came when it should have closed before, with
// what is remembered. Its waiting outcomes came in time as far as it goes.
func (e *Engine) closeLate(p, from joiner.Place, held *joiner.HeldRequest, fresh []joiner.HeldOutcome) error {
	req, err := e.assemble(held, everything)
	if err != nil {
		return err
	}
	d := joiner.Decide(e.rules, &req)
	t := e.tally(events.KindOutcome)
	for o, err := range e.outcomes(from, everything, fresh) {
		if err != nil {
			return err
		}
		t.Pending--
		t.Disposed[d.Add(&o)]++
	}
	rows := d.Rows(events.MaxTime, joiner.LateRequest)
	history, early, err := e.o.Store.History(from)
	if err != nil {
		return err
	}
	if early {
		var changed []joiner.Row
		changed, history.Rows = joiner.Settle(&req, rows, history.Rows)
		rows = append(unlessEarly(&req, rows, history.Rows), changed...)
		history.Settled = true
		e.o.Store.PutHistory(p, &history)
	}
	e.write(p, &req, rows, base)
	e.herald.late(&req, rows)
	return nil
}

// unlessEarly drops the rows that were written before their request closed.
func unlessEarly(req *events.Request, rows []joiner.Row, standing []joiner.Standing) []joiner.Row {
	return slices.DeleteFunc(rows, func(r joiner.Row) bool {
		item := ""
		if r.Item >= 0 {
			item = req.Items[r.Item].ID
		}
		return slices.ContainsFunc(standing, func(s joiner.Standing) bool { return s.Early && s.Item == item })
	})
}

// write puts rows among those that the next commit writes, and books those
// that the policies left out.
func (e *Engine) write(p joiner.Place, req *events.Request, rows []joiner.Row, round uint32) {
	for i := range rows {
		switch rows[i].LeftOut {
		case joiner.Unseen:
			e.ledger().Unseen++
		case joiner.SampledOut:
			e.ledger().SampledOut++
		default:
			u := joiner.Unwritten{Place: p, Round: round, Row: rows[i]}
			if rows[i].Item >= 0 {
				u.Item = req.Items[rows[i].Item].ID
			}
			e.o.Store.AddUnwritten(&u)
		}
	}
}

// settle compares a closed request with what was written of it early, once,
// and returns how its rows stand.
func (e *Engine) settle(p joiner.Place, held *joiner.HeldRequest) (joiner.History, error) {
	h, ok, err := e.o.Store.History(p)
	if err != nil || ok && h.Settled {
		return h, err
	}
	req, d, err := e.decide(p, held, base, nil)
	if err != nil {
		return h, err
	}
	changed, standing := joiner.Settle(&req, d.Rows(events.MaxTime, joiner.Closed), h.Rows)
	e.write(p, &req, changed, base)
	e.herald.corrected(&req, changed)
	h.Settled, h.Rows = true, standing
	return h, nil
}

// lateOutcome takes in an outcome of a closed request.
func (e *Engine) lateOutcome(m *events.Message, p joiner.Place, h joiner.HeldOutcome, o *events.Outcome) error {
	held, err := e.load(p)
	if err != nil {
		return err
	}
	history, _, err := e.o.Store.History(p)
	if err != nil {
		return err
	}
	if history.Round >= maxRounds {
		e.deadLetter(m, h.Origin, h.Data, joiner.Rejected, "too_many_corrections", "its request closed and was corrected by 1000 late events already")
		return nil
	}
	fate, known, counts, err := e.judge(p, &held, o)
	if err != nil {
		return err
	}
	correctable := e.phase(p.TS, e.watermark()) == joiner.Correctable
	if fate == joiner.Joined {
		fate = joiner.Late
		if correctable {
			fate = joiner.CorrectedLabel
		}
	}
	e.dispose(events.KindOutcome, fate)
	switch {
	case known:
		return nil
	case !correctable:
		// It is remembered, so that a copy of it is a duplicate, and no more.
		h.Round = everything
		e.o.Store.PutOutcome(p, &h)
		return nil
	}
	if history, err = e.settle(p, &held); err != nil {
		return err
	}
	history.Round++
	h.Round = history.Round
	e.o.Store.PutOutcome(p, &h)
	return e.revise(p, &held, history, counts, []joiner.HeldOutcome{h})
}

// judge says what becomes of an outcome beside those that a closed request
// has: its disposition, whether the very same bytes are known, and whether it
// can change a label at all.
func (e *Engine) judge(p joiner.Place, held *joiner.HeldRequest, late *events.Outcome) (fate joiner.Disposition, known, counts bool, err error) {
	req, err := e.assemble(held, everything)
	if err != nil {
		return 0, false, false, err
	}
	twin, smallest := false, true
	for o, err := range e.outcomes(p, everything, nil) {
		if err != nil {
			return 0, false, false, err
		}
		if joiner.Same(&o, late) {
			twin = true
			known = known || o.Hash == late.Hash
			smallest = smallest && joiner.Order(late, &o) < 0
		}
	}
	fate = joiner.Decide(e.rules, &req).Add(late)
	counts = fate == joiner.Joined || twin && smallest
	if twin {
		fate = joiner.Duplicate
	}
	return fate, known, counts, nil
}

// latePiece takes in another event of a closed request.
func (e *Engine) latePiece(p joiner.Place, held joiner.HeldRequest, piece joiner.HeldPiece, ts events.Time) error {
	wins, err := e.wins(&held, piece.Data, ts)
	if err != nil {
		return err
	}
	if !wins {
		held.Copies = append(held.Copies, hashText(piece.Data))
		e.o.Store.PutRequest(p, &held)
		return nil
	}
	history, err := e.settle(p, &held)
	if err != nil {
		return err
	}
	history.Round++
	piece.Round = history.Round
	held.Pieces = append(held.Pieces, piece)
	e.o.Store.PutRequest(p, &held)
	return e.revise(p, &held, history, true, nil)
}

// revise writes again what a late event has changed, and remembers it.
func (e *Engine) revise(p joiner.Place, held *joiner.HeldRequest, history joiner.History, counts bool, fresh []joiner.HeldOutcome) error {
	if counts {
		req, d, err := e.decide(p, held, everything, fresh)
		if err != nil {
			return err
		}
		var changed []joiner.Row
		changed, history.Rows = joiner.Revise(&req, d.Rows(events.MaxTime, joiner.Corrected), history.Rows, joiner.Corrected)
		e.write(p, &req, changed, history.Round)
		e.herald.corrected(&req, changed)
	}
	e.o.Store.PutHistory(p, &history)
	return nil
}
