package joiner

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// heldOutcome is an outcome event as the state holds it.
func heldOutcome(ev *Event, round uint32) HeldOutcome {
	o := ev.Outcome
	return HeldOutcome{Origin: ev.Origin, Round: round, TS: o.TS, ID: o.ID, Hash: o.Hash, Data: ev.Data}
}

// twins says what a request, or the outcomes that wait for one, know of an outcome.
type twins struct {
	some     bool // copies of it are held
	smallest bool // it comes before all of them, in Order
	others   int  // how many different outcomes of the id are held beside it
}

// compareHeld holds an outcome against those that its request has. Where they are many
// and all that there is, they are looked up and not gone through.
func (m *Machine) compareHeld(x *Entry, o *events.Outcome) twins {
	if len(x.Outcomes) < ManyOutcomes || len(x.Beside)+len(x.Waiting) > 0 {
		return m.compare(x, o, x.outcomes)
	}
	short := shorten(o)
	return x.crowd.compare(x.Outcomes, &short)
}

func (m *Machine) compare(x *Entry, o *events.Outcome, held func(yield func(*Fact) bool)) twins {
	t := twins{smallest: true}
	var distinct Distinct
	shown := shorten(o)
	for f := range held {
		if Same(&f.Outcome, &shown) {
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
		if !Same(&f.Outcome, &shown) && distinct.Add(&f.Outcome) {
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

// joins takes in an outcome of an open request. What becomes of it is decided when
// the request closes.
func (m *Machine) joins(x *Entry, fx *Effects, ev *Event) error {
	t := m.compareHeld(x, ev.Outcome)
	switch {
	case m.tooMany(fx, t):
		return nil
	case m.full(x) && t.some && !t.smallest:
		// It would count for nothing, and copies are not to fill the state.
		fx.Fate = Duplicate
		return nil
	}
	before, err := m.positives(x)
	if err != nil {
		return err
	}
	if m.full(x) && t.some {
		m.replace(x, fx, ev.Outcome)
	}
	held := heldOutcome(ev, 0)
	fx.Pending, fx.Outcome = true, &held
	f := m.Rules.Fact(ev.Outcome)
	f.Origin = ev.Origin
	x.take(f.owned())
	return m.react(x, fx, before)
}

// replace drops the copies of an outcome of an open request, which are larger: where
// as many are held as may be, only the one that counts is.
func (m *Machine) replace(x *Entry, fx *Effects, o *events.Outcome) {
	short := shorten(o)
	x.crowd.forget()
	x.Outcomes = slices.DeleteFunc(x.Outcomes, func(f Fact) bool {
		if !Same(&f.Outcome, &short) {
			return false
		}
		if !f.Booked {
			fx.Settled[Duplicate]++
		}
		fx.Remove = append(fx.Remove, f.held())
		return true
	})
}

// full reports whether as many outcomes are held, copies included, as may be held.
func (m *Machine) full(x *Entry) bool { return m.Outcomes > 0 && len(x.Outcomes) >= m.Outcomes }

func (x *Entry) outcomes(yield func(*Fact) bool) {
	for i := range x.Outcomes {
		if !yield(&x.Outcomes[i]) {
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

// late takes in an outcome of a closed request.
func (m *Machine) late(x *Entry, fx *Effects, ev *Event, now Now) error {
	t := m.compareHeld(x, ev.Outcome)
	if t.some && !t.smallest {
		fx.Fate = Duplicate
		return nil
	}
	if m.tooMany(fx, t) {
		return nil
	}
	if x.History.Round >= maxRounds {
		fx.reject("too_many_corrections", fmt.Sprintf("its request closed and was corrected by %d late events already",
			maxRounds))
		return nil
	}
	req, err := x.assemble(m, everything)
	if err != nil {
		return err
	}
	fate := Decide(m.Rules, &req).judge(ev.Outcome)
	counts, correctable := fate == Joined || t.some, now.Phase(x.Place.TS) == Correctable
	switch {
	case t.some:
		fate = Duplicate
	case fate == Joined && correctable:
		fate = CorrectedLabel
	case fate == Joined:
		fate = Late
	}
	fx.Fate = fate
	f := m.Rules.Fact(ev.Outcome)
	f.Origin, f.Round = ev.Origin, Beyond
	if correctable {
		if err := m.settle(x, fx); err != nil {
			return err
		}
		x.History.Round++
		f.Round, fx.History = x.History.Round, true
	}
	held := heldOutcome(ev, f.Round)
	fx.Outcome = &held
	x.take(f.owned())
	if !correctable || !counts {
		return nil
	}
	return m.revise(x, fx)
}

// wait takes in an outcome whose request is not known. Copies of one outcome that may
// be of one request wait together, as long as the youngest of them does, so that the one
// that counts is still there when the request comes.
func (m *Machine) wait(x *Entry, fx *Effects, ev *Event, now Now) {
	m.orphan(x, fx, now)
	t := m.compare(x, ev.Outcome, x.waiting)
	if m.tooMany(fx, t) {
		return
	}
	from, until := m.together(x, ev.Outcome)
	if until < now.Orphaned {
		fx.Fate = Orphan
		return
	}
	full := m.Outcomes > 0 && len(x.Waiting) >= m.Outcomes && t.some
	if full && t.smallest { // where as many wait as may, only the copy that counts does
		m.replaceWaiting(x, fx, ev.Outcome)
	}
	m.rewait(x, fx, ev.Outcome, from, until)
	if full && !t.smallest {
		fx.Fate = Duplicate
		return
	}
	fx.Pending = true
	m.keepWaiting(x, fx, ev, until, false)
}

// spare has an outcome of a request wait as well, for another request of the id. It
// is counted with the one that it was taken for.
func (m *Machine) spare(x *Entry, fx *Effects, ev *Event) {
	from, until := m.together(x, ev.Outcome)
	m.rewait(x, fx, ev.Outcome, from, until)
	m.keepWaiting(x, fx, ev, until, true)
}

func (m *Machine) keepWaiting(x *Entry, fx *Effects, ev *Event, until events.Time, booked bool) {
	held := heldOutcome(ev, 0)
	held.Until, held.Booked = until, booked
	f := m.Rules.Fact(ev.Outcome)
	f.Origin, f.Until, f.Booked = ev.Origin, until, booked
	x.Waiting = append(x.Waiting, Waiting{held, f})
	fx.Wait = &held
}

// rewait has the copies of an outcome that are stamped at from or later, and before
// until, wait until then.
func (m *Machine) rewait(x *Entry, fx *Effects, o *events.Outcome, from, until events.Time) {
	short := shorten(o)
	for i := range x.Waiting {
		w := &x.Waiting[i]
		if w.Held.TS >= from && w.Held.Until < until && Same(&w.Fact.Outcome, &short) {
			fx.Rewait = append(fx.Rewait, Rewaited{Outcome: w.Held, Until: until})
			w.Held.Until, w.Fact.Until = until, until
		}
	}
}

// replaceWaiting drops the copies of an outcome that wait.
func (m *Machine) replaceWaiting(x *Entry, fx *Effects, o *events.Outcome) {
	short := shorten(o)
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w Waiting) bool {
		if !Same(&w.Fact.Outcome, &short) {
			return false
		}
		if !w.Held.Booked {
			fx.Settled[Duplicate]++
		}
		fx.Drop = append(fx.Drop, w.Held)
		return true
	})
}

// together says which copies of an outcome wait together with it, as far as they may
// be of one request: those stamped from..until, each within reach of the next. They wait
// until then.
func (m *Machine) together(x *Entry, o *events.Outcome) (from, until events.Time) {
	short := shorten(o)
	var copies []*Fact
	for f := range x.waiting {
		if Same(&f.Outcome, &short) {
			copies = append(copies, f)
		}
	}
	slices.SortFunc(copies, func(a, b *Fact) int { return cmp.Compare(a.Outcome.TS, b.Outcome.TS) })
	from, until = o.TS, o.TS
	after, _ := slices.BinarySearchFunc(copies, o.TS, func(f *Fact,
		ts events.Time) int {
		return cmp.Compare(f.Outcome.TS, ts)
	})
	for _, f := range copies[after:] {
		if first, _ := m.Rules.Reach(f.Outcome.TS); first > until {
			break
		}
		until = max(until, f.Until)
	}
	for _, f := range slices.Backward(copies[:after]) {
		if _, last := m.Rules.Reach(max(f.Outcome.TS, f.Until)); last < from {
			break
		}
		from, until = f.Outcome.TS, max(until, f.Until)
	}
	return from, until
}

// orphan disposes of what has waited too long: a commit has not come to it yet, but
// what becomes of an event must not depend on when that is.
func (m *Machine) orphan(x *Entry, fx *Effects, now Now) {
	var orphans Orphans
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w Waiting) bool {
		if w.Held.Until >= now.Orphaned {
			return false
		}
		switch {
		case w.Held.Booked:
		case orphans.Add(&w.Fact.Outcome, w.Held.Until):
			fx.Settled[Orphan]++
		default:
			fx.Settled[Duplicate]++
		}
		fx.Drop = append(fx.Drop, w.Held)
		return true
	})
}

// Orphans tells the outcomes of one id that found no request apart: of copies that
// waited together one is the orphan. Its zero value knows none.
type Orphans struct {
	until map[events.Time]*Distinct
}

// Add reports whether no copy was added that waited until the same time.
func (s *Orphans) Add(o *events.Outcome, until events.Time) bool {
	if s.until == nil {
		s.until = map[events.Time]*Distinct{}
	}
	d := s.until[until]
	if d == nil {
		d = new(Distinct)
		s.until[until] = d
	}
	return d.Add(o)
}

// adopt gives a request the outcomes that came before it: those that waited, and those
// that an open request of the same id had meanwhile.
func (m *Machine) adopt(x *Entry, fx *Effects, now Now) {
	m.orphan(x, fx, now)
	has, taken := map[events.Origin]bool{}, map[events.Origin]bool{}
	for i := range x.Outcomes {
		has[x.Outcomes[i].Origin] = true
	}
	for _, o := range x.Former {
		taken[o.Fact.Origin] = true
		fx.Take = append(fx.Take, o)
		x.take(o.Fact)
	}
	x.Former = nil
	places := append(slices.Clone(x.Others), x.Place)
	rest := x.Waiting[:0]
	for _, w := range x.Waiting {
		switch {
		case taken[w.Held.Origin]:
			fx.Drop = append(fx.Drop, w.Held)
			continue
		case has[w.Held.Origin], m.Rules.OfOutcome(places, w.Held.TS) != len(places)-1:
			rest = append(rest, w) // it waits for another request, should one come
			continue
		}
		fx.Adopt = append(fx.Adopt, w.Held)
		f := w.Fact
		f.Until = events.MinTime
		x.take(f)
		if m.Rules.elsewhere(x.Place.TS, w.Held.TS) {
			w.Held.Booked, w.Fact.Booked = true, true
			fx.Spare = append(fx.Spare, w.Held)
			rest = append(rest, w)
		}
	}
	x.Waiting = rest
}
