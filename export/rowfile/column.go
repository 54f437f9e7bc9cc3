package rowfile

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
)

// column buffers the values of one column as they came, row by row. The type
// of an undeclared feature is known only when the file is finished, so values
// keep their own kind until then: what a column widens to must depend on which
// values it holds and not on their order.
//
// tags holds one kind per row and may be shorter than the builder's rows: the
// rest is null. Numbers, texts and lists are stored densely, in row order.
type column struct {
	name     string
	source   source
	found    bool // whether a feature of that source was there
	declared bool
	typ      Type // if declared
	required bool

	tags  []events.ValueKind
	nums  []uint64 // Bool, Int, and Double as its bits
	text  []byte   // String and JSON
	ends  []uint32 // where each text ends
	lens  []uint32 // how many elements each list has
	elems *column  // the elements of all lists, one row each
	seen  kinds
	mark  int // row for which a feature was last resolved to this column, plus one
}

// source is what a column is filled from: a feature of the request or of the
// item, or (the zero value) the row itself.
type source struct {
	item bool
	name string
}

// kinds is a set of value kinds.
type kinds uint8

// within reports whether s holds nothing but the kinds given.
func (s kinds) within(ks ...events.ValueKind) bool {
	for _, k := range ks {
		s &^= 1 << k
	}
	return s == 0
}

// What a value costs in memory, roughly, beyond the bytes of a text.
const (
	tagBytes  = 1
	numBytes  = 8
	textBytes = 4
)

// append1 appends v, doubling the capacity where append alone would grow by a
// quarter and copy a large column many times.
func append1[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = slices.Grow(s, max(minGrow, len(s)))
	}
	return append(s, v)
}

// minGrow is the first capacity of a column, in values.
const minGrow = 16

// skipTo makes the next value the one of row.
func (c *column) skipTo(row int) {
	for len(c.tags) < row {
		c.addNull()
	}
}

func (c *column) addNull() { c.tags = append1(c.tags, events.Null) }

func (c *column) addNum(k events.ValueKind, bits uint64) {
	c.tags = append1(c.tags, k)
	c.nums = append1(c.nums, bits)
	c.seen |= 1 << k
}

func (c *column) addInt(v int64)      { c.addNum(events.Int, uint64(v)) }
func (c *column) addDouble(v float64) { c.addNum(events.Double, math.Float64bits(v)) }

// addText adds a String or JSON. Parquet strings must be UTF-8 or readers
// refuse the whole file, so what is not becomes U+FFFD.
func (c *column) addText(k events.ValueKind, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	c.tags = append1(c.tags, k)
	if cap(c.text)-len(c.text) < len(s) {
		c.text = slices.Grow(c.text, max(len(s), len(c.text)))
	}
	c.text = append(c.text, s...)
	c.ends = append1(c.ends, uint32(len(c.text)))
	c.seen |= 1 << k
}

// addOptionalText adds s, or null if it is empty.
func (c *column) addOptionalText(s string) {
	if s == "" {
		c.addNull()
		return
	}
	c.addText(events.String, s)
}

// add adds a value of any kind and returns about how many bytes it takes.
func (c *column) add(v *events.Value) int {
	switch v.Kind {
	case events.Bool:
		c.addNum(events.Bool, uint64(v.Int&1))
	case events.Int:
		c.addInt(v.Int)
	case events.Double:
		c.addDouble(v.Float)
	case events.String, events.JSON:
		c.addText(v.Kind, v.Str)
		return tagBytes + textBytes + len(v.Str)
	case events.List:
		return c.addList(v.List)
	default:
		c.addNull()
		return tagBytes
	}
	return tagBytes + numBytes
}

func (c *column) addList(list []events.Value) int {
	if c.elems == nil {
		c.elems = &column{}
	}
	size := tagBytes + textBytes
	for i := range list {
		e := &list[i]
		if e.Kind == events.List {
			// Lists of lists come as JSON; one that does not is made so.
			text := appendJSON(nil, e)
			e = &events.Value{Kind: events.JSON, Str: string(text)}
		}
		size += c.elems.add(e)
	}
	c.tags = append1(c.tags, events.List)
	c.lens = append1(c.lens, uint32(len(list)))
	c.seen |= 1 << events.List
	return size
}

// textAt is the i-th text.
func (c *column) textAt(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.text[start:c.ends[i]:c.ends[i]]
}
