package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// edit is an outcome that may have been edited: what it counts for is known when all
// outcomes of its request are.
type edit struct {
	fact *Fact
	row  int // it labels; -1: every one; or unlisted
	at   int // its index, for the trace

	replaced bool          // there is a later one of its id
	after    time.Duration // how long after the request that is stamped
	back     bool          // it has no value, and an earlier one of its id has one: it takes that back
}

// unlisted is the row of an outcome whose item its request does not list. It labels none, and
// replaces what stands before it all the same.
const unlisted = -2

// gone reports whether an outcome does not count within a window, because of another one of
// its id.
func (e *edit) gone(window time.Duration) bool { return e.back || e.replaced && e.after <= window }

// edit keeps an outcome until all are added. What an event holds may be of memory that is used
// again.
func (d *Decision) edit(o *events.Outcome, f *Fact, row int) {
	delay := o.TS.Sub(d.req.TS)
	if delay < -d.rules.ClockSkew || delay > d.rules.Longest() {
		return
	}
	if f == nil {
		made := d.rules.Fact(o).Owned()
		f = &made
	}
	d.edits = append(d.edits, edit{fact: f, row: row, at: d.at})
}

// foldEdits folds the outcomes that were kept, in Order, which they were added in.
func (d *Decision) foldEdits() {
	if len(d.edits) == 0 {
		return
	}
	next := map[string]events.Time{}
	for i := len(d.edits) - 1; i >= 0; i-- {
		e := &d.edits[i]
		o := &e.fact.Outcome
		if o.ID == "" {
			continue
		}
		if ts, some := next[o.ID]; some {
			e.replaced, e.after = true, ts.Sub(d.req.TS)
		}
		next[o.ID] = o.TS
	}
	valued := map[string]bool{}
	for i := range d.edits {
		e := &d.edits[i]
		o := &e.fact.Outcome
		if o.ID != "" {
			e.back = !o.HasValue && valued[o.ID]
			valued[o.ID] = valued[o.ID] || o.HasValue
		}
		if e.row != unlisted {
			d.at = e.at
			d.foldInto(e.row, o, e.fact, e)
		}
	}
	d.edits = d.edits[:0]
}
