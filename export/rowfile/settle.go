package rowfile

import (
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// note takes down what a value says of a column that is not typed yet. The value is
// added after it.
func (c *column) note(req *events.Request, v *events.Value, g *guess) {
	if c.first != nil && v.Kind != events.ValueList && c.first.before(req) {
		return // as of nearly every value: no more is to be known of it
	}
	typ, ok := TypeOf(v)
	switch {
	case ok && (c.first == nil || !c.first.before(req)):
		c.first = &firstValue{ts: req.TS, id: strings.Clone(req.ID), typ: typ, name: strings.Clone(g.column)}
	case !ok && v.Kind == events.ValueList:
		c.untyped = append(c.untyped, emptyList{row: c.rows, ts: req.TS, id: strings.Clone(req.ID)})
	}
}

// early takes down a value of a request before the one that decided the column in this
// commit. It reports whether the value is null therefore.
func (c *column) early(req *events.Request, v *events.Value, g *guess) (null bool) {
	f := c.of
	typ, ok := TypeOf(v)
	if !ok {
		f.nulled = f.nulled || v.Kind == events.ValueList
		return true
	}
	if f.earlier == nil || f.earlier.after(req) {
		f.earlier = &firstValue{ts: req.TS, id: strings.Clone(req.ID), typ: typ, name: strings.Clone(g.column)}
	}
	return false
}

// settle gives a column its type, and returns how many of its values do not fit. A list
// without a type of its own is null in requests before the one that decided the type:
// the commit that wrote those may have had no such column.
func (c *column) settle(f *tableFeature) (unfit int64) {
	null := map[int]bool{}
	for _, e := range c.untyped {
		if f.by != nil && f.by.after(&events.Request{TS: e.ts, ID: e.id}) {
			null[e.row], f.nulled = true, true
		}
	}
	c.untyped, c.first = nil, nil
	c.typed, c.typ, c.name = true, f.typ, f.name
	if len(null) == 0 && c.holds() {
		if c.typ.Scalar == ScalarDouble {
			f.notes.Rounded += c.toDoubles()
		}
		return 0
	}
	before := *c
	c.buffers, c.elems, c.rows, c.seen = buffers{}, nil, 0, 0
	before.each(func(row int, v *events.Value) {
		if null[row] {
			v = &events.Value{}
		}
		_, bad := c.addFitting(v)
		unfit += bad
	})
	return unfit
}

// holds reports whether the column's type is that of all values, but that integers may
// have to become doubles.
func (c *column) holds() bool {
	of := c
	if c.typ.List {
		if !c.values().within(events.ValueList) {
			return false
		}
		if of = c.elems; of == nil {
			return true
		}
	}
	if c.typ.Scalar == ScalarDouble {
		return of.values().within(events.ValueInt, events.ValueDouble)
	}
	return of.values().within(c.typ.Scalar.natural())
}

// toDoubles makes integers doubles, and returns how many of them no double holds.
func (c *column) toDoubles() (rounded int64) {
	if c.typ.List {
		if c.elems != nil {
			c.elems.typ = Type{Scalar: ScalarDouble}
			rounded = c.elems.toDoubles()
		}
		return rounded
	}
	if c.seen&(1<<events.ValueInt) == 0 {
		return 0
	}
	at := 0
	for row := range c.rows {
		switch c.tagAt(row) {
		case events.ValueDouble:
			at++
		case events.ValueInt:
			n := int64(c.nums[at])
			rounded += inexact(n)
			c.nums[at] = math.Float64bits(float64(n))
			if c.tags != nil {
				c.tags[row] = events.ValueDouble
			}
			at++
		}
	}
	if c.only == events.ValueInt {
		c.only = events.ValueDouble
	}
	c.seen = c.seen&^(1<<events.ValueInt) | 1<<events.ValueDouble
	return rounded
}

// inexact is 1 for an integer that no double holds.
func inexact(n int64) int64 {
	if f := float64(n); f < math.MaxInt64 && int64(f) == n {
		return 0
	}
	return 1
}

// retype makes a typed column what the table has meanwhile.
func (c *column) retype(f *tableFeature) {
	if c.typ != f.typ {
		c.typ = f.typ
		f.notes.Rounded += c.toDoubles()
	}
}

// addFitting adds a value to a typed column, or null where it does not fit. It returns
// about how many bytes that takes, and how many values did not fit.
func (c *column) addFitting(v *events.Value) (size int, unfit int64) {
	if !c.typ.List {
		switch {
		case v.Kind == events.ValueNull:
			c.addNull()
			return tagBytes, 0
		case v.Kind == c.typ.Scalar.natural() && c.typ.Scalar != ScalarFloat32:
			return c.add(v), 0
		case v.Kind == events.ValueInt && c.typ.Scalar == ScalarDouble:
			c.of.notes.Rounded += inexact(v.Int)
			c.addDouble(float64(v.Int))
			return tagBytes + numBytes, 0
		case v.Kind == events.ValueDouble && c.typ.Scalar == ScalarInt64 && !c.of.fixed && !isWhole(v.Float):
			c.of.widen()
			c.retype(c.of)
			return c.add(v), 0
		}
	}
	fitting, bad := fit(v, c.typ, c.of.declared)
	if n := &c.of.notes; bad > 0 {
		if n.Unfit += bad; n.Example == "" {
			n.Example = example(v)
		}
	}
	return c.add(&fitting), bad
}

// widen makes a column of integers one of doubles.
func (f *tableFeature) widen() {
	if f.notes.From == (Type{}) {
		f.notes.From = f.typ
	}
	f.typ = Type{Scalar: ScalarDouble}
}

// exampleBytes bounds an example of a value.
const exampleBytes = 64

// example is a value as JSON, cut where it is long.
func example(v *events.Value) string {
	text := strings.ToValidUTF8(string(appendJSON(nil, v)), "\uFFFD")
	if len(text) > exampleBytes {
		return strings.ToValidUTF8(text[:exampleBytes], "") + "..."
	}
	return text
}

// each calls visit with the value of every row, in order. The value is good until visit
// returns.
func (c *column) each(visit func(row int, v *events.Value)) {
	r := reader{of: c}
	for row := range c.rows {
		v := r.next()
		visit(row, &v)
	}
}

// reader takes the values of a column, one after the other.
type reader struct {
	of                   *column
	row, num, text, list int
	elems                *reader
}

func (r *reader) next() events.Value {
	v := events.Value{Kind: r.of.tagAt(r.row)}
	r.row++
	switch v.Kind {
	case events.ValueBool, events.ValueInt, events.ValueDouble:
		bits := r.of.nums[r.num]
		r.num++
		if v.Int = int64(bits); v.Kind == events.ValueDouble {
			v.Int, v.Float = 0, math.Float64frombits(bits)
		}
	case events.ValueString, events.ValueJSON:
		v.Str = string(r.of.textAt(r.text))
		r.text++
	case events.ValueList:
		if r.elems == nil {
			r.elems = &reader{of: r.of.elems}
		}
		n := int(r.of.lens[r.list])
		r.list++
		v.List = slices.Grow([]events.Value{}, n)
		for range n {
			v.List = append(v.List, r.elems.next())
		}
	}
	return v
}
