// Package gathered holds rows with their features as columns. Features are gathered where rows are
// decided, by several goroutines and while the requests lie in the processor's cache: adding them to
// a file is hardly more than a copy then.
package gathered

import (
	"math"
	"slices"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Rows are rows, those of a request after each other. Its memory is used again by Begin.
type Rows struct {
	List []joiner.Labeled
	// Alike is how many rows, from the first on, are gathered: those that have an item if the first has one, and
	// the features of the first, in its order.
	Alike int

	parts    [2][]events.FeatureColumn // by index
	attached []events.FeatureColumn    // of the requests, which need not have features then; nil: parts has them
}

func index(ofItem bool) int {
	if ofItem {
		return 1
	}
	return 0
}

// Columns are the features of the requests, or of the items, of the rows that are alike.
func (r *Rows) Columns(ofItem bool) []events.FeatureColumn {
	if r.attached != nil && !ofItem {
		return r.attached
	}
	return r.parts[index(ofItem)]
}

// Attach gathers all rows, which have no items, without looking at them: these are their features, all numbers or
// texts. The columns are good until Begin.
func (r *Rows) Attach(columns []events.FeatureColumn) {
	r.attached, r.parts[1], r.Alike = columns, r.parts[1][:0], len(r.List)
}

// Attached reports whether the rows were gathered by Attach. Their requests need not have features then, but for
// those that Complete was called for.
func (r *Rows) Attached() bool { return r.attached != nil }

// Complete gives the requests of the rows from one to before another the features that Attach has left out.
func (r *Rows) Complete(from, to int) {
	for i := from; i < to && r.attached != nil; i++ {
		req := r.List[i].Request
		req.Features = events.AppendFeatures(req.Features[:0], r.attached, i)
	}
}

// Begin empties the rows.
func (r *Rows) Begin() {
	clear(r.List)
	r.List, r.Alike, r.attached = r.List[:0], 0, nil
}

// ItemOf is the item of a row; nil if the row is of the whole request, or out of bounds.
func ItemOf(r *joiner.Labeled) *events.Item {
	if i := r.Row.Item; i >= 0 && i < len(r.Request.Items) {
		return &r.Request.Items[i]
	}
	return nil
}

// Bounds of what is gathered: a text of a request is there for each of its items.
const (
	mostRows = 2048
	mostText = 4 << 20 // of a column, in bytes
)

// Gather gathers the first rows.
func (r *Rows) Gather() {
	list := r.List[:min(len(r.List), mostRows)]
	if r.Alike, r.attached = 0, nil; len(list) == 0 {
		return
	}
	first := ItemOf(&list[0])
	r.begin(0, list[0].Request.Features)
	if first != nil {
		r.begin(1, first.Features)
	} else {
		r.parts[1] = r.parts[1][:0]
	}
	for from, to := 0, 0; from < len(list); from = to {
		req := list[from].Request
		for to = from + 1; to < len(list) && list[to].Request == req; to++ {
		}
		if !add(r.parts[0], req.Features, to-from) {
			return
		}
		for i := from; i < to; i++ {
			item := ItemOf(&list[i])
			if (item != nil) != (first != nil) || item != nil && !add(r.parts[1], item.Features, 1) {
				return
			}
			r.Alike++
		}
	}
}

// begin begins the columns of a part.
func (r *Rows) begin(part int, fields []events.Field) {
	columns := slices.Grow(r.parts[part][:0], len(fields))[:len(fields)]
	for i := range columns {
		c := &columns[i]
		*c = events.FeatureColumn{Name: fields[i].Name, Words: c.Words[:0], Tags: c.Tags[:0], Text: c.Text[:0],
			Offsets: append(c.Offsets[:0], 0)}
	}
	r.parts[part] = columns
}

// add adds features, each so many times. It is false if they are not those of the columns, or too large.
func add(columns []events.FeatureColumn, fields []events.Field, times int) bool {
	if len(fields) != len(columns) {
		return false
	}
	for i := range fields {
		c, name, v := &columns[i], fields[i].Name, &fields[i].Value
		if unsafe.StringData(name) != unsafe.StringData(c.Name) || len(name) != len(c.Name) {
			if name != c.Name {
				return false
			}
			c.Name = name // the next row has likely been decoded by the same parser
		}
		if c.Kinds>>v.Kind&1 == 0 {
			mix(c)
			c.Kinds |= 1 << v.Kind
		}
		switch v.Kind {
		case events.ValueDouble:
			addWord(c, v.Kind, math.Float64bits(v.Float), times)
		case events.ValueInt:
			addWord(c, v.Kind, uint64(v.Int), times)
		case events.ValueString:
			if len(c.Text)+times*len(v.Str) > mostText {
				return false
			}
			for range times {
				c.Text = append(c.Text, v.Str...)
				c.Offsets = append(c.Offsets, uint32(len(c.Text)))
			}
		}
	}
	return true
}

func addWord(c *events.FeatureColumn, kind events.ValueKind, word uint64, times int) {
	for range times {
		c.Words = append(c.Words, word)
	}
	if len(c.Tags) > 0 {
		for range times {
			c.Tags = append(c.Tags, kind)
		}
	}
}

// mix gives each number its tag, as the next value is the first of another kind.
func mix(c *events.FeatureColumn) {
	for len(c.Tags) < len(c.Words) {
		c.Tags = append(c.Tags, kindOfNumbers(c.Kinds))
	}
}

// kindOfNumbers is the one kind of numbers among some kinds.
func kindOfNumbers(kinds uint16) events.ValueKind {
	if kinds>>events.ValueInt&1 == 1 {
		return events.ValueInt
	}
	return events.ValueDouble
}
