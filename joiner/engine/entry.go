package engine

import (
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// step takes in an event: it loads what is known of its id, lets the machine say
// what follows, and saves that. reject is not nil if the event is rejected.
func (e *Engine) step(m *events.Message, ev *joiner.Event) (reject *events.RejectError, err error) {
	now, id := e.now(), ev.Key.ID
	if ev.Outcome != nil && id == "" {
		e.stepUnnamed(m, ev)
		return nil, nil
	}
	if x := e.hot[id]; x != nil {
		if e.isOf(x, ev, now) {
			return e.stepHot(m, x, ev, now)
		}
		delete(e.hot, id)
	}
	found, err := e.find(id, ev, now)
	if err != nil {
		return nil, err
	}
	again := len(e.found) > 1 || len(e.found) == 1 && found == nil // the id is used again
	outcomes := 0
	if found != nil && ev.Outcome != nil || again || e.o.Store.HasWaiting(id) {
		outcomes = e.o.Store.OutcomeCount(id)
	}
	fx, alone := e.machine.Alone(ev, found, outcomes, now)
	if alone {
		x := &e.alone
		if x.Key = ev.Key; found != nil {
			x.Key = found.Key
		}
		if fx.New && e.attr != nil {
			if err := e.requestAlone(ev); err != nil {
				return nil, err
			}
		}
		return nil, e.save(m, x, ev, &fx)
	}
	x, err := e.load(id, found)
	if err == nil && e.machine.Needs(x, ev, now) {
		err = e.loadOutcomes(x)
	}
	if err == nil && again {
		err = e.loadOthers(x, found, ev, outcomes, now)
	}
	if err != nil {
		return nil, err
	}
	if e.attr != nil && ev.Outcome == nil {
		fx, err = e.stepKeyed(x, ev, now)
	} else {
		fx, err = e.machine.Step(x, ev, now)
	}
	if err != nil {
		return nil, err
	}
	if err = e.save(m, x, ev, &fx); err == nil && e.isAlone(found) && ev.Outcome != nil && x.Lasting() {
		e.keepHot(x)
	}
	return fx.Reject, err
}

// now is how far time has come for the event that is met now.
func (e *Engine) now() joiner.Now {
	p := &e.checkpoint.Progress
	switch {
	case e.pace != nil:
		// Nothing closes before all is read, and what was forgotten by then is.
		at, now := e.rules.At(e.pace.watermark, events.MinTime), joiner.Never()
		now.Forgotten, now.Orphaned = at.Forgotten, at.Orphaned
		return now
	case e.reads():
		return joiner.Never()
	}
	w := e.watermark()
	if e.at.watermark != w || e.at.closed != p.ClosedThrough || !e.at.known {
		e.at = timed{now: e.rules.At(w, p.ClosedThrough), watermark: w, closed: p.ClosedThrough, known: true}
	}
	now := e.at.now
	// What was forgotten stays so, by whatever configuration.
	now.Forgotten, now.Orphaned = max(now.Forgotten, e.checkpoint.Forgotten), max(now.Orphaned, e.checkpoint.Orphaned)
	if len(e.rules.Stages) > 0 {
		now.Staged = e.stagedThrough()
	}
	return now
}

// timed is a Now and what it was made of, so that it need not be made for every event.
type timed struct {
	now               joiner.Now
	watermark, closed events.Time
	known             bool
}

// find returns where the request is held that an event belongs to; nil if it is not
// known. In e.found are all that are held of its id and not forgotten, in e.stored how many are
// held at all.
func (e *Engine) find(id string, ev *joiner.Event, now joiner.Now) (*joiner.Found, error) {
	var err error
	e.found, err = e.o.Store.Find(e.found[:0], id)
	if e.stored = len(e.found); err != nil || e.stored == 0 {
		return nil, err
	}
	e.found = slices.DeleteFunc(e.found, func(f joiner.Found) bool { return f.Key.TS < now.Forgotten })
	at := e.rules.Owner(e.found, ev)
	if at < 0 {
		return nil, nil
	}
	return &e.found[at], nil
}

// load reads what is known of a request, or of the outcomes that wait for one, but
// not the request's outcomes.
func (e *Engine) load(id string, found *joiner.Found) (*joiner.Entry, error) {
	x := &joiner.Entry{Key: joiner.RequestKey{ID: id}}
	if e.o.Store.HasWaiting(id) {
		waiting, err := e.o.Store.Waiting(id, events.MinTime, events.MaxTime)
		if err != nil {
			return nil, err
		}
		for i := range waiting {
			if e.inflight != nil && waiting[i].Until < e.inflight.cut.Orphaned {
				continue // the commit under way has it
			}
			if err := x.AddWaiting(&e.machine, &waiting[i]); err != nil {
				return nil, err
			}
		}
	}
	if found == nil {
		return x, nil
	}
	x.Known, x.Key = true, found.Key
	var ok bool
	var err error
	if x.Request, x.History, ok, err = e.o.Store.Get(x.Key); err == nil && !ok {
		err = fmt.Errorf("request %q was found in the state, and is not there: %w", id, joiner.ErrNoPieces)
	}
	return x, err
}

// loadOutcomes reads the outcomes of a request.
func (e *Engine) loadOutcomes(x *joiner.Entry) error {
	for h, err := range e.o.Store.Outcomes(x.Key) {
		if err == nil {
			err = x.AddOutcome(&e.machine, &h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loadOthers reads, of the other requests of an id, what an event needs: the outcomes
// that open ones have and that belong to the request that comes now, or, where there
// may be too many outcomes, all.
func (e *Engine) loadOthers(x *joiner.Entry, found *joiner.Found, ev *joiner.Event, outcomes int,
	now joiner.Now) error {
	for _, f := range e.found {
		if !x.Known || f.Key != x.Key {
			x.Others = append(x.Others, f.Key)
		}
	}
	begins := ev.Outcome == nil && found == nil
	if !begins && (ev.Outcome == nil || e.machine.Outcomes == 0 || outcomes < e.machine.Outcomes) {
		return nil
	}
	keys := append(slices.Clone(x.Others), ev.Key)
	for _, f := range e.found {
		if x.Known && f.Key == x.Key {
			continue
		}
		if begins && (f.Late || now.Phase(f.Key.TS) != joiner.PhaseOpen) {
			continue
		}
		for h, err := range e.o.Store.Outcomes(f.Key) {
			switch {
			case err != nil:
			case !begins:
				err = x.AddBeside(&e.machine, &h)
			case e.rules.OfOutcome(keys, h.TS) == len(keys)-1:
				err = x.AddFormer(&e.machine, f.Key, &h)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// loadAll reads everything that is known of a request that closed; nil if it is gone.
func (e *Engine) loadAll(p joiner.RequestKey) (*joiner.Entry, error) {
	stored, history, ok, err := e.o.Store.Get(p)
	if err != nil || !ok {
		return nil, err
	}
	x := &joiner.Entry{Key: p, Known: true, Request: stored, History: history}
	return x, e.loadOutcomes(x)
}

// save books what a step has decided and puts it into the batch. m and ev are nil if
// it was no event that made the step.
func (e *Engine) save(m *events.Message, x *joiner.Entry, ev *joiner.Event, fx *joiner.Effects) error {
	switch {
	case ev == nil:
		e.cool()
	case fx.Reject != nil:
		e.reject(m, ev.Origin, ev.Data, fx.Reject)
	case fx.Pending:
		e.tally(m.Kind).Pending++
	default:
		e.dispose(m.Kind, fx.Disposition)
	}
	e.sightStep(ev, fx)
	if fx.Counts {
		e.checkpoint.Progress.Guard.Request(ev.Key.TS)
	}
	if fx.Closed {
		e.tally(events.KindRequest).Pending--
		e.dispose(events.KindRequest, joiner.DispositionAccepted)
	}
	outcomes := e.tally(events.KindOutcome)
	for fate, n := range fx.Disposed {
		outcomes.Pending -= n
		outcomes.Disposed[fate] += n
	}
	e.ledger().Unseen += fx.Unseen
	e.ledger().SampledOut += fx.SampledOut
	if err := e.saveEntry(x, ev, &fx.Save); err != nil {
		return err
	}
	for i := range fx.Rows {
		e.o.Store.QueueRow(&fx.Rows[i])
	}
	if fx.Moved != nil && len(fx.Updates) > 0 {
		e.labels.addRange(fx.Moved.TS) // what is being told of it is told where it was
	}
	for i := range fx.Updates {
		e.addUpdate(x.Key, &fx.Updates[i])
	}
	return nil
}

// saveEntry puts what has changed of an entry into the batch.
func (e *Engine) saveEntry(x *joiner.Entry, ev *joiner.Event, s *joiner.Save) error {
	st, p := e.o.Store, x.Key
	if s.Moved != nil {
		if err := st.Move(*s.Moved, p); err != nil {
			return err
		}
	}
	if s.New {
		st.AddRequest(p, ev.Origin, ev.Data)
	} else if s.Request {
		st.PutRequest(p, &x.Request)
	}
	if s.History {
		st.PutHistory(p, &x.History)
	}
	for i := range s.Remove {
		st.DeleteOutcome(p, &s.Remove[i])
	}
	if len(s.Mark) > 0 {
		if err := e.mark(p, s.Mark); err != nil {
			return err
		}
	}
	if s.Outcome != nil {
		st.PutOutcome(p, s.Outcome)
	}
	for i := range s.Drop {
		st.DeleteWaiting(p.ID, &s.Drop[i])
	}
	for i := range s.Rewait {
		o := s.Rewait[i].Outcome
		st.DeleteWaiting(p.ID, &o)
		o.Until = s.Rewait[i].Until
		st.PutWaiting(p.ID, &o)
	}
	for i := range s.Adopt {
		st.DeleteWaiting(p.ID, &s.Adopt[i])
		st.PutOutcome(p, &s.Adopt[i])
	}
	for i := range s.Spare {
		st.PutWaiting(p.ID, &s.Spare[i])
	}
	for i := range s.Transfer {
		st.DeleteOutcome(s.Transfer[i].From, &s.Transfer[i].Stored)
		st.PutOutcome(p, &s.Transfer[i].Stored)
	}
	if s.Wait != nil {
		st.PutWaiting(p.ID, s.Wait)
	}
	return nil
}

// mark saves that outcomes of a request are gone, or are there again.
func (e *Engine) mark(p joiner.RequestKey, changed []joiner.StoredOutcome) error {
	for o, err := range e.o.Store.Outcomes(p) {
		if err != nil {
			return err
		}
		for i := range changed {
			if c := &changed[i]; c.Origin == o.Origin && c.Hash == o.Hash {
				e.o.Store.DeleteOutcome(p, &o)
				o.Gone = c.Gone
				e.o.Store.PutOutcome(p, &o)
			}
		}
	}
	return nil
}
