package joiner

import (
	"cmp"
	"slices"
	"strings"
)

// OrphanCount counts the outcomes of a stream and a producer that found no request.
type OrphanCount struct {
	Stream string
	// Producer is what the outcomes say of who brought them; empty: nothing.
	Producer string
	Alone    int64 // no request came while they waited
	Late     int64 // they came when no request could come for them any more
	Keyless  int64 // they name no request, and lack what would say whose they are
}

// Total is how many outcomes they are.
func (c *OrphanCount) Total() int64 { return c.Alone + c.Late + c.Keyless }

// Add adds the outcomes of another count.
func (c *OrphanCount) Add(o *OrphanCount) {
	c.Alone, c.Late, c.Keyless = c.Alone+o.Alone, c.Late+o.Late, c.Keyless+o.Keyless
}

// Orphans are counts by stream and producer, in that order. A list is not changed: what is done with it
// gives another one.
type Orphans []OrphanCount

// MostProducers is how many streams and producers a commit tells apart.
const MostProducers = 64

// otherProducers is what the others are called.
const otherProducers = "(other)"

// Plus are these counts and others. Where most is not 0, so many streams and producers are told apart: those
// that were there first.
func (o Orphans) Plus(more Orphans, most int) Orphans {
	if len(more) == 0 {
		return o
	}
	out := slices.Clone(o)
	for i := range more {
		c := more[i]
		at, there := out.find(&c)
		if !there && most > 0 && len(out) >= most {
			c.Producer = otherProducers
			at, there = out.find(&c)
		}
		if !there {
			out = slices.Insert(out, at, OrphanCount{Stream: c.Stream, Producer: strings.Clone(c.Producer)})
		}
		out[at].Add(&c)
	}
	return out
}

// Minus are these counts without others that are among them.
func (o Orphans) Minus(less Orphans) Orphans {
	if len(less) == 0 {
		return o
	}
	out := slices.Clone(o)
	for i := range less {
		if at, there := out.find(&less[i]); there {
			c := &out[at]
			c.Alone, c.Late, c.Keyless = c.Alone-less[i].Alone, c.Late-less[i].Late, c.Keyless-less[i].Keyless
		}
	}
	return slices.DeleteFunc(out, func(c OrphanCount) bool { return c.Total() == 0 })
}

func (o Orphans) find(c *OrphanCount) (at int, there bool) {
	return slices.BinarySearchFunc(o, c, func(x OrphanCount, y *OrphanCount) int {
		return cmp.Or(cmp.Compare(x.Stream, y.Stream), cmp.Compare(x.Producer, y.Producer))
	})
}
