package joiner

import (
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// storedOutcome is an outcome event as the state holds it.
func storedOutcome(ev *Event, lateSeq uint32) StoredOutcome {
	o := ev.Outcome
	return StoredOutcome{Origin: ev.Origin, LateSeq: lateSeq, Booked: ev.Booked, TS: o.TS, ID: o.ID, Hash: o.Hash,
		Data: ev.Data}
}

// twins says what a request, or the outcomes that wait for one, know of an outcome.
type twins struct {
	some     bool // copies of it are held
	smallest bool // it comes before all of them, in Order
	others   int  // how many different outcomes of the id are held beside it

	first events.Time // of the smallest copy, if there are some
}

// compareStored holds an outcome against those that its request has. Where they are many
// and all that there is, they are looked up and not gone through.
func (m *Machine) compareStored(x *Entry, o *events.Outcome) twins {
	if len(x.Outcomes) < ManyOutcomes || len(x.Beside)+len(x.Waiting) > 0 {
		return m.compare(x, o, x.outcomes)
	}
	short := shorten(o)
	return x.crowd.compare(x.Outcomes, &short, m.Rules.SameID)
}

func (m *Machine) compare(x *Entry, o *events.Outcome, facts func(yield func(*Fact) bool)) twins {
	t := twins{smallest: true}
	distinct := Distinct{SameID: m.Rules.SameID}
	shown := shorten(o)
	for f := range facts {
		if m.Rules.Same(&f.Outcome, &shown) {
			if !t.some || f.Outcome.TS < t.first {
				t.first = f.Outcome.TS
			}
			t.some = true
			t.smallest = t.smallest && Order(&shown, &f.Outcome) < 0
		} else if m.Outcomes > 0 && distinct.Add(&f.Outcome) {
			t.others++
		}
	}
	if m.Outcomes == 0 {
		return t
	}
	beside := func(f *Fact) {
		if !m.Rules.Same(&f.Outcome, &shown) && distinct.Add(&f.Outcome) {
			t.others++
		}
	}
	for i := range x.Beside {
		beside(&x.Beside[i])
	}
	for i := range x.Waiting {
		if x.Known {
			beside(&x.Waiting[i].Fact)
		}
	}
	return t
}

// shorten is an outcome as a Fact has it, to compare it with facts.
func shorten(o *events.Outcome) events.Outcome {
	short := *o
	short.Type = factType(o.Type)
	return short
}

// tooMany rejects an outcome that is one more than is allowed of its id.
func (m *Machine) tooMany(fx *Effects, t twins) bool {
	if m.Outcomes <= 0 || t.some || t.others < m.Outcomes {
		return false
	}
	fx.reject("too_many_outcomes", fmt.Sprintf("its request has %d outcomes already (limits.outcomes_per_request)",
		m.Outcomes))
	return true
}

// onOutcome takes in an outcome of an open request. What becomes of it is decided when
// the request closes.
func (m *Machine) onOutcome(x *Entry, fx *Effects, ev *Event) error {
	t := m.compareStored(x, ev.Outcome)
	switch {
	case m.tooMany(fx, t):
		return nil
	case m.full(x) && t.some && !t.smallest && m.copied(x, ev.Outcome, t.first):
		// It would count for nothing, and copies are not to fill the state.
		fx.Disposition = DispositionDuplicate
		return nil
	}
	before, err := m.positives(x)
	if err != nil {
		return err
	}
	if m.full(x) && t.smallest && t.some && !m.Rules.elsewhere(x.Key.TS, ev.Outcome.TS) {
		m.replace(x, fx, ev.Outcome)
	}
	stored := storedOutcome(ev, 0)
	fx.Pending, fx.Outcome = true, &stored
	f := m.Rules.Fact(ev.Outcome)
	f.Origin, f.Booked = ev.Origin, ev.Booked
	x.insertFact(f.Owned())
	return m.react(x, fx, before)
}

// copied reports whether a smaller copy of an outcome is its request's for good, and not
// perhaps of another one that has the same id and has not come yet. first is when the
// smallest copy is stamped.
func (m *Machine) copied(x *Entry, o *events.Outcome, first events.Time) bool {
	if !m.Rules.elsewhere(x.Key.TS, first) {
		return true
	}
	short := shorten(o)
	for _, f := range x.Outcomes {
		if Order(&f.Outcome, &short) > 0 {
			return false
		}
		if m.Rules.Same(&f.Outcome, &short) && !m.Rules.elsewhere(x.Key.TS, f.Outcome.TS) {
			return true
		}
	}
	return false
}

// replace drops the copies of an outcome of an open request, which are larger: where
// as many are held as may be, only the one that counts is.
func (m *Machine) replace(x *Entry, fx *Effects, o *events.Outcome) {
	short := shorten(o)
	for _, f := range x.removeCopies(&short, m.Rules.SameID) {
		if !f.Booked {
			fx.Disposed[DispositionDuplicate]++
		}
		fx.Remove = append(fx.Remove, f.stored())
	}
}

// full reports whether as many outcomes are held, copies included, as may be held.
func (m *Machine) full(x *Entry) bool { return m.Outcomes > 0 && len(x.Outcomes) >= m.Outcomes }

func (x *Entry) outcomes(yield func(*Fact) bool) {
	for _, f := range x.Outcomes {
		if !yield(f) {
			return
		}
	}
}

func (x *Entry) waiting(yield func(*Fact) bool) {
	for i := range x.Waiting {
		if !yield(&x.Waiting[i].Fact) {
			return
		}
	}
}

// onLateOutcome takes in an outcome of a closed request.
func (m *Machine) onLateOutcome(x *Entry, fx *Effects, ev *Event, now Now) error {
	t := m.compareStored(x, ev.Outcome)
	if t.some && !t.smallest {
		fx.Disposition = DispositionDuplicate
		return nil
	}
	if m.tooMany(fx, t) {
		return nil
	}
	if x.History.lateEvents() >= maxLateEvents {
		fx.reject("too_many_corrections", fmt.Sprintf("its request closed and was corrected by %d late events already",
			maxLateEvents))
		return nil
	}
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return err
	}
	fate := Decide(m.Rules, &req).judge(ev.Outcome)
	counts := fate == DispositionJoined || t.some || fate == DispositionUnknownItem && m.Rules.SameID == SameLast &&
		ev.Outcome.ID != ""
	correctable := now.Phase(x.Key.TS) == PhaseCorrectable
	switch {
	case t.some:
		fate = DispositionDuplicate
	case fate == DispositionJoined && correctable:
		fate = DispositionCorrected
	case fate == DispositionJoined:
		fate = DispositionLate
	}
	fx.Disposition = fate
	f := m.Rules.Fact(ev.Outcome)
	f.Origin, f.Booked, f.LateSeq = ev.Origin, ev.Booked, LateSeqBeyond
	if correctable {
		if err := m.reviseEarly(x, fx); err != nil {
			return err
		}
		x.History.LateSeq++
		f.LateSeq, fx.History = x.History.LateSeq, true
	}
	stored := storedOutcome(ev, f.LateSeq)
	fx.Outcome = &stored
	x.insertFact(f.Owned())
	if !correctable || !counts {
		return nil
	}
	return m.revise(x, fx)
}

// onEarlyOutcome takes in an outcome whose request is not known. Copies of one outcome wait
// together, as long as the youngest of them does, so that the one that counts is still
// there when the request comes.
func (m *Machine) onEarlyOutcome(x *Entry, fx *Effects, ev *Event, now Now) {
	m.orphan(x, fx, now)
	t := m.compare(x, ev.Outcome, x.waiting)
	if m.tooMany(fx, t) {
		return
	}
	until := m.until(x, ev.Outcome)
	if until < now.Orphaned {
		fx.Disposition = DispositionOrphan
		return
	}
	smaller := m.Outcomes > 0 && len(x.Waiting) >= m.Outcomes && t.some && m.thin(x, fx, ev.Outcome)
	m.rewait(x, fx, ev.Outcome, until)
	if smaller {
		fx.Disposition = DispositionDuplicate
		return
	}
	fx.Pending = true
	m.keepWaiting(x, fx, ev, until, false)
}

// spare has an outcome of a request wait as well, for another request of the id. It
// is counted with the one that it was taken for.
func (m *Machine) spare(x *Entry, fx *Effects, ev *Event) {
	until := m.until(x, ev.Outcome)
	m.rewait(x, fx, ev.Outcome, until)
	m.keepWaiting(x, fx, ev, until, true)
}

func (m *Machine) keepWaiting(x *Entry, fx *Effects, ev *Event, until events.Time, booked bool) {
	stored := storedOutcome(ev, 0)
	stored.Until, stored.Booked = until, booked
	f := m.Rules.Fact(ev.Outcome)
	f.Origin, f.Until, f.Booked = ev.Origin, until, booked
	x.Waiting = append(x.Waiting, Waiting{stored, f})
	fx.Wait = &stored
}

// until is how long an outcome and its copies that wait do so: as long as the youngest
// of them does.
func (m *Machine) until(x *Entry, o *events.Outcome) events.Time {
	short, until := shorten(o), o.TS
	for f := range x.waiting {
		if m.Rules.Same(&f.Outcome, &short) {
			until = max(until, f.Until)
		}
	}
	return until
}

// rewait has the copies of an outcome wait until a time.
func (m *Machine) rewait(x *Entry, fx *Effects, o *events.Outcome, until events.Time) {
	short := shorten(o)
	for i := range x.Waiting {
		w := &x.Waiting[i]
		if w.Stored.Until < until && m.Rules.Same(&w.Fact.Outcome, &short) {
			fx.Rewait = append(fx.Rewait, Rewaited{Outcome: w.Stored, Until: until})
			w.Stored.Until, w.Fact.Until = until, until
		}
	}
}

// thin has only the copy that counts wait, where as many wait as may: it drops the
// larger copies of an outcome, and reports whether a smaller one waits. Copies out of
// reach of each other may be of two requests that have the same id: then each counts.
func (m *Machine) thin(x *Entry, fx *Effects, o *events.Outcome) (smaller bool) {
	short := shorten(o)
	from, to := m.Rules.Reach(o.TS)
	near := func(f *Fact) bool {
		return f.Outcome.TS >= from && f.Outcome.TS <= to && m.Rules.Same(&f.Outcome, &short)
	}
	for f := range x.waiting {
		if near(f) && Order(&f.Outcome, &short) <= 0 {
			return true
		}
	}
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w Waiting) bool {
		if !near(&w.Fact) {
			return false
		}
		if !w.Stored.Booked {
			fx.Disposed[DispositionDuplicate]++
		}
		fx.Drop = append(fx.Drop, w.Stored)
		return true
	})
	return false
}

// orphan disposes of what has waited too long: a commit has not come to it yet, but
// what becomes of an event must not depend on when that is.
func (m *Machine) orphan(x *Entry, fx *Effects, now Now) {
	distinct := Distinct{SameID: m.Rules.SameID}
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w Waiting) bool {
		if w.Stored.Until >= now.Orphaned {
			return false
		}
		switch {
		case w.Stored.Booked:
		case distinct.Add(&w.Fact.Outcome):
			fx.Disposed[DispositionOrphan]++
		default:
			fx.Disposed[DispositionDuplicate]++
		}
		fx.Drop = append(fx.Drop, w.Stored)
		return true
	})
}

// attachWaiting gives a request the outcomes that came before it: those that waited, and those
// that an open request of the same id had meanwhile.
func (m *Machine) attachWaiting(x *Entry, fx *Effects, now Now) {
	m.orphan(x, fx, now)
	has, transferred := map[events.Origin]bool{}, map[events.Origin]bool{}
	for _, f := range x.Outcomes {
		has[f.Origin] = true
	}
	for _, o := range x.Former {
		transferred[o.Fact.Origin] = true
		fx.Transfer = append(fx.Transfer, o)
		x.insertFact(o.Fact)
	}
	x.Former = nil
	keys := append(slices.Clone(x.Others), x.Key)
	rest := x.Waiting[:0]
	for _, w := range x.Waiting {
		switch {
		case transferred[w.Stored.Origin] && m.Rules.elsewhere(x.Key.TS, w.Stored.TS):
			rest = append(rest, w) // another request may turn out to be as old as it
			continue
		case transferred[w.Stored.Origin]:
			fx.Drop = append(fx.Drop, w.Stored)
			continue
		case has[w.Stored.Origin], m.Rules.OfOutcome(keys, w.Stored.TS) != len(keys)-1:
			rest = append(rest, w) // it waits for another request, should one come
			continue
		}
		fx.Adopt = append(fx.Adopt, w.Stored)
		f := w.Fact
		f.Until = events.MinTime
		x.insertFact(f)
		if m.Rules.elsewhere(x.Key.TS, w.Stored.TS) {
			w.Stored.Booked, w.Fact.Booked = true, true
			fx.Spare = append(fx.Spare, w.Stored)
			rest = append(rest, w)
		}
	}
	x.Waiting = rest
}
