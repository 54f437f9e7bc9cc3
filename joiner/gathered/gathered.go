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

	parts [2][]Column // by index
}

// Column is a feature of the rows that are alike. It has as many values as they are, or more.
type Column struct {
	Name string
	// Kinds are those of all values, a bit for each events.ValueKind. Of other kinds than numbers and texts, and
	// where numbers and texts are mixed, the values are not here.
	Kinds uint16
	// Words are numbers: integers, and doubles as their bits. Tags say which, where there are both; else it is empty.
	Words []uint64
	Tags  []events.ValueKind
	// Text has texts, the i-th from Offsets[i] to Offsets[i+1].
	Text    []byte
	Offsets []uint32

	last events.ValueKind
}

func index(ofItem bool) int {
	if ofItem {
		return 1
	}
	return 0
}

// Columns are the features of the requests, or of the items, of the rows that are alike.
func (r *Rows) Columns(ofItem bool) []Column { return r.parts[index(ofItem)] }

// Begin empties the rows.
func (r *Rows) Begin() {
	clear(r.List)
	r.List, r.Alike = r.List[:0], 0
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
	if r.Alike = 0; len(list) == 0 {
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
		*c = Column{Name: fields[i].Name, Words: c.Words[:0], Tags: c.Tags[:0], Text: c.Text[:0],
			Offsets: append(c.Offsets[:0], 0), last: fields[i].Value.Kind}
	}
	r.parts[part] = columns
}

// add adds features, each so many times. It is false if they are not those of the columns, or too large.
func add(columns []Column, fields []events.Field, times int) bool {
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
		c.Kinds |= 1 << v.Kind
		if v.Kind != c.last {
			c.mix(v.Kind)
		}
		switch v.Kind {
		case events.ValueDouble:
			c.addWord(v.Kind, math.Float64bits(v.Float), times)
		case events.ValueInt:
			c.addWord(v.Kind, uint64(v.Int), times)
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

func (c *Column) addWord(kind events.ValueKind, word uint64, times int) {
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
func (c *Column) mix(kind events.ValueKind) {
	if len(c.Tags) == 0 {
		for range c.Words {
			c.Tags = append(c.Tags, c.last)
		}
	}
	c.last = kind
}

// Numbers reports whether the values are numbers, all of them here.
func (c *Column) Numbers() bool { return c.Kinds&^(1<<events.ValueInt|1<<events.ValueDouble) == 0 }

// Only reports whether all values are of a kind.
func (c *Column) Only(kind events.ValueKind) bool { return c.Kinds == 1<<kind }

// KindOf is the kind of a value, where all are numbers.
func (c *Column) KindOf(i int) events.ValueKind {
	if len(c.Tags) > 0 {
		return c.Tags[i]
	}
	return c.last
}
