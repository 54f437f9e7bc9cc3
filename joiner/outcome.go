package joiner

import (
	"fmt"

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
	for _, w := range x.Waiting {
		if x.Known {
			beside(&w.Fact)
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
