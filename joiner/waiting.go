package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// queue finds, among the outcomes of an id that wait for a request, the copies of one. It is made
// when it is first asked, and kept up to date from then on.
//
// Invariant: once made, it has all outcomes that wait, by identity, and none of them waits until a
// time before least.
type queue struct {
	alike map[identity][]*Waiting // nil: not made
	same  SameID
	least events.Time
}

// add adds an outcome, if the queue is made.
func (q *queue) add(w *Waiting) {
	if q.alike == nil {
		return
	}
	id := identify(&w.Fact.Outcome, q.same)
	q.alike[id] = append(q.alike[id], w)
	q.least = min(q.least, w.Stored.Until)
}

// remove takes an outcome away.
func (q *queue) remove(w *Waiting) {
	id := identify(&w.Fact.Outcome, q.same)
	rest := slices.DeleteFunc(q.alike[id], func(other *Waiting) bool { return other == w })
	if len(rest) == 0 {
		delete(q.alike, id)
		return
	}
	q.alike[id] = rest
}

// waitingCopies are the outcomes that wait and are the Same as one.
func (m *Machine) waitingCopies(x *Entry, o *events.Outcome) []*Waiting {
	if x.queue.alike == nil || x.queue.same != m.Rules.SameID {
		x.queue = queue{alike: make(map[identity][]*Waiting, len(x.Waiting)), same: m.Rules.SameID, least: events.MaxTime}
		for _, w := range x.Waiting {
			x.queue.add(w)
		}
	}
	short := shorten(o)
	return x.queue.alike[identify(&short, m.Rules.SameID)]
}

// compareWaiting holds an outcome against those that wait. Where other requests of the id have some as
// well, all are gone through.
func (m *Machine) compareWaiting(x *Entry, o *events.Outcome) twins {
	if len(x.Beside) > 0 {
		return m.compare(x, o, x.waiting)
	}
	t, short := twins{smallest: true}, shorten(o)
	for _, w := range m.waitingCopies(x, o) {
		if !t.some || w.Stored.TS < t.first {
			t.first = w.Stored.TS
		}
		t.some, t.smallest = true, t.smallest && Order(&short, &w.Fact.Outcome) < 0
	}
	if t.others = len(x.queue.alike); t.some {
		t.others--
	}
	return t
}

func (x *Entry) waiting(yield func(*Fact) bool) {
	for _, w := range x.Waiting {
		if !yield(&w.Fact) {
			return
		}
	}
}

// onEarlyOutcome takes in an outcome whose request is not known. Copies of one outcome wait
// together, as long as the youngest of them does, so that the one that counts is still
// there when the request comes.
func (m *Machine) onEarlyOutcome(x *Entry, fx *Effects, ev *Event, now Now) {
	m.orphan(x, fx, now)
	t := m.compareWaiting(x, ev.Outcome)
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
	w := &Waiting{stored, f.Owned()}
	w.Stored.ID, w.Stored.Data = w.Fact.Outcome.ID, slices.Clone(ev.Data)
	x.Waiting = append(x.Waiting, w)
	x.queue.add(w)
	fx.Wait = &stored
}

// until is how long an outcome and its copies that wait do so: as long as the youngest
// of them does.
func (m *Machine) until(x *Entry, o *events.Outcome) events.Time {
	until := o.TS
	for _, w := range m.waitingCopies(x, o) {
		until = max(until, w.Fact.Until)
	}
	return until
}

// rewait has the copies of an outcome wait until a time.
func (m *Machine) rewait(x *Entry, fx *Effects, o *events.Outcome, until events.Time) {
	for _, w := range m.waitingCopies(x, o) {
		if w.Stored.Until < until {
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
	near := slices.DeleteFunc(slices.Clone(m.waitingCopies(x, o)), func(w *Waiting) bool {
		return w.Stored.TS < from || w.Stored.TS > to
	})
	if slices.ContainsFunc(near, func(w *Waiting) bool { return Order(&w.Fact.Outcome, &short) <= 0 }) {
		return true
	}
	for _, w := range near {
		if !w.Stored.Booked {
			fx.Disposed[DispositionDuplicate]++
		}
		fx.Drop = append(fx.Drop, w.Stored)
		x.queue.remove(w)
	}
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w *Waiting) bool { return slices.Contains(near, w) })
	return false
}

// orphan disposes of what has waited too long: a commit has not come to it yet, but
// what becomes of an event must not depend on when that is.
func (m *Machine) orphan(x *Entry, fx *Effects, now Now) {
	if x.queue.alike != nil && x.queue.least >= now.Orphaned {
		return
	}
	distinct := Distinct{SameID: m.Rules.SameID}
	x.queue.least = events.MaxTime
	x.Waiting = slices.DeleteFunc(x.Waiting, func(w *Waiting) bool {
		if w.Stored.Until >= now.Orphaned {
			x.queue.least = min(x.queue.least, w.Stored.Until)
			return false
		}
		x.queue.remove(w)
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
	x.queue = queue{}
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
