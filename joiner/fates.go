package joiner

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// LabelFates counts the outcomes of closed requests that meet what a label's condition says of
// the outcome alone, by how far they came. It decides nothing: it tells why a label counts none.
type LabelFates struct {
	Unlisted  int64 // their request does not list their item
	Outside   int64 // they are outside of the label's window
	Valueless int64 // they have no value, of a label that is made of values
	Inside    int64 // all others; copies are in none of these
}

// Note takes in an outcome that is stamped so long after its request, and of which
// Decision.Add has said what became of it.
func (f *LabelFates) Note(l *Label, o *events.Outcome, delay time.Duration, fate Disposition) {
	switch {
	case l.Of != nil || fate == DispositionDuplicate || !l.When(o):
	case fate == DispositionUnknownItem:
		f.Unlisted++
	case fate == DispositionOutsideWindow || !l.within(delay):
		f.Outside++
	default:
		if has, _ := l.HasValue(o); !has {
			f.Valueless++
			return
		}
		f.Inside++
	}
}

// Plus is the sum of two counts.
func (f LabelFates) Plus(of LabelFates) LabelFates {
	return LabelFates{f.Unlisted + of.Unlisted, f.Outside + of.Outside, f.Valueless + of.Valueless, f.Inside + of.Inside}
}

// All are all of them.
func (f *LabelFates) All() int64 { return f.Unlisted + f.Outside + f.Valueless + f.Inside }

// Counts reports whether a cell of the label says that it was decided: by an outcome or, of a
// label that is made of others or of the request, as something else than 0.
func (l *Label) Counts(c *Cell) bool {
	if l.Of != nil {
		return !c.Null && c.Value != 0
	}
	return c.TS != events.MinTime
}

// HasValue reports whether an outcome has what a label is made of, and else why that cannot
// be evaluated, if that is so. A value that looks at the request or the item counts as there:
// the outcome alone does not say.
func (l *Label) HasValue(o *events.Outcome) (has bool, fault string) {
	switch {
	case !l.Agg.OfValues() || l.Votes != nil || l.NumberInRow:
		return true, ""
	case l.Number == nil:
		return o.HasValue || l.Pair != nil, ""
	}
	number, err := l.Number(o, &events.Request{}, -1)
	if err != nil {
		return false, err.Error()
	}
	return number.Has, ""
}

// countedOutcomes counts the outcomes that count for a label, and has the number of the last.
type countedOutcomes struct {
	n    int64
	last uint64
}

// count notes that the outcome which is folded counts for a label in a row, once if that is so in
// several rows.
func (d *Decision) count(label int) {
	if len(d.counted) == 0 {
		n := len(d.rules.Labels)
		d.counted = slices.Grow(d.counted, n)[:n]
		clear(d.counted)
	}
	if c := &d.counted[label]; c.last != d.folded {
		c.n, c.last = c.n+1, d.folded
	}
}

// Counted is how many outcomes count for a label in some row. Of a label of pairs they are those
// that close one. No outcome can be added afterwards.
func (d *Decision) Counted(label int) int64 {
	d.foldEdits()
	if len(d.counted) == 0 {
		return 0
	}
	return d.counted[label].n
}
