package joiner

import (
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// crowd finds, among many outcomes of a request, the copies of one. It is made when it
// is first asked, and kept up to date from then on.
//
// Invariant: once made, it has every identity of the entry's outcomes, each with the
// smallest of its copies.
type crowd struct {
	smallest map[identity]ordered // nil: not made
	same     SameID
}

// ordered is what Order compares of an outcome.
type ordered struct {
	ts   events.Time
	id   string
	hash [32]byte
}

func orderedOf(o *events.Outcome) ordered { return ordered{o.TS, o.ID, o.Hash} }

func (a *ordered) outcome() *events.Outcome {
	return &events.Outcome{TS: a.ts, ID: a.id, Hash: a.hash}
}

// compare holds an outcome, with a type as facts have it, against all.
func (c *crowd) compare(facts []Fact, o *events.Outcome, same SameID) twins {
	if c.smallest == nil || c.same != same {
		c.same = same
		c.smallest = make(map[identity]ordered, len(facts))
		for i := range facts {
			c.add(&facts[i])
		}
	}
	copied, some := c.smallest[identify(o, same)]
	t := twins{some: some, smallest: true, others: len(c.smallest)}
	if some {
		t.others--
		t.first, t.smallest = copied.ts, Order(o, copied.outcome()) < 0
	}
	return t
}

// add adds an outcome, if the crowd is made.
func (c *crowd) add(f *Fact) {
	if c.smallest == nil {
		return
	}
	id := identify(&f.Outcome, c.same)
	if old, known := c.smallest[id]; !known || Order(&f.Outcome, old.outcome()) < 0 {
		c.smallest[id] = orderedOf(&f.Outcome)
	}
}

// forget has the crowd made anew when it is asked next.
func (c *crowd) forget() { c.smallest = nil }

// insertFact adds an outcome to those of the request.
func (x *Entry) insertFact(f Fact) {
	x.crowd.add(&f)
	if n := len(x.Outcomes); n > 0 && orderFacts(x.Outcomes[n-1], f) > 0 {
		x.folded.forget()
		x.Outcomes = insert(x.Outcomes, f)
	} else {
		x.Outcomes = append(x.Outcomes, f)
	}
}

// Owned is a fact whose texts last: those of an event that is being read do not.
func (f Fact) Owned() Fact {
	o := &f.Outcome
	o.RequestID, o.ID = strings.Clone(o.RequestID), strings.Clone(o.ID)
	o.Type, o.ItemID = strings.Clone(o.Type), strings.Clone(o.ItemID)
	f.view = f.view.owned()
	return f
}
