package joiner

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// crowd finds, among many outcomes of a request, the copies and the edits of one. It is made when
// it is first asked, and kept up to date from then on.
//
// Invariant: once made, it has all of the entry's outcomes, those of one identity together and in
// Order, but of edits with the very same bytes one.
type crowd struct {
	alike     map[identity][]*Fact // by the identity that they have with SameFirst; nil: not made
	same      SameID
	different int // how many they are without the copies
}

// gather makes a crowd of outcomes, unless it is made.
func (c *crowd) gather(facts []*Fact, same SameID) {
	if c.alike != nil && c.same == same {
		return
	}
	*c = crowd{alike: make(map[identity][]*Fact, len(facts)), same: same}
	for _, f := range facts {
		c.add(f)
	}
}

// compare holds an outcome, with a type as facts have it, against all.
func (c *crowd) compare(facts []*Fact, o *events.Outcome, same SameID) twins {
	c.gather(facts, same)
	alike, t := c.of(o), twins{smallest: true, others: c.different}
	if c.edits(o) {
		at := after(alike, o)
		if t.some = at > 0 && Order(&alike[at-1].Outcome, o) == 0; t.some {
			alike = alike[at-1:]
		}
	} else {
		t.some = len(alike) > 0
	}
	if t.some {
		t.others--
		t.first, t.smallest = alike[0].Outcome.TS, Order(o, &alike[0].Outcome) < 0
	}
	return t
}

// of are the copies or the edits of an outcome, in Order.
func (c *crowd) of(o *events.Outcome) []*Fact { return c.alike[identify(o, SameFirst)] }

// edits reports whether outcomes with the identity of this one are edits, and not copies.
func (c *crowd) edits(o *events.Outcome) bool { return c.same == SameLast && o.ID != "" }

// add adds an outcome, if the crowd is made, and reports whether it did.
func (c *crowd) add(f *Fact) bool {
	if c.alike == nil {
		return false
	}
	id, edits := identify(&f.Outcome, SameFirst), c.edits(&f.Outcome)
	alike := c.alike[id]
	at := after(alike, &f.Outcome)
	if edits && at > 0 && Order(&alike[at-1].Outcome, &f.Outcome) == 0 {
		return false
	}
	if edits || len(alike) == 0 {
		c.different++
	}
	c.alike[id] = slices.Insert(alike, at, f)
	return true
}

// take takes the copies of an outcome away, and gives them.
func (c *crowd) take(o *events.Outcome) []*Fact {
	id := identify(o, SameFirst)
	copies := c.alike[id]
	delete(c.alike, id)
	c.different--
	return copies
}

// forget has the crowd made anew when it is asked next.
func (c *crowd) forget() { *c = crowd{} }

// after is how many of facts, which are in Order, do not come after an outcome.
func after(facts []*Fact, o *events.Outcome) int {
	at, _ := slices.BinarySearchFunc(facts, o, func(f *Fact, o *events.Outcome) int {
		if Order(&f.Outcome, o) <= 0 {
			return -1
		}
		return 1
	})
	return at
}

// insertFact adds an outcome to those of the request.
func (x *Entry) insertFact(f Fact) {
	at := len(x.Outcomes)
	if at > 0 && orderFacts(x.Outcomes[at-1], &f) > 0 {
		at, _ = slices.BinarySearchFunc(x.Outcomes, &f, orderFacts)
	}
	x.Outcomes = slices.Insert(x.Outcomes, at, &f)
	if x.crowd.add(&f) {
		x.countFirst(&f)
	}
}

// removeCopies takes the copies of an outcome away from the request, and gives them, in Order.
func (x *Entry) removeCopies(o *events.Outcome, same SameID) []*Fact {
	x.crowd.gather(x.Outcomes, same)
	copies := x.crowd.take(o)
	for _, f := range copies {
		at, _ := slices.BinarySearchFunc(x.Outcomes, f, orderFacts)
		for x.Outcomes[at] != f { // the same bytes
			at++
		}
		x.Outcomes = slices.Delete(x.Outcomes, at, at+1)
	}
	if len(copies) > 0 {
		x.updateFirst(copies[0])
	}
	return copies
}

// Owned is a fact whose texts last: those of an event that is being read do not.
func (f Fact) Owned() Fact {
	o := &f.Outcome
	o.RequestID, o.ID = strings.Clone(o.RequestID), strings.Clone(o.ID)
	o.Type, o.ItemID = strings.Clone(o.Type), strings.Clone(o.ItemID)
	f.view = f.view.owned()
	return f
}
