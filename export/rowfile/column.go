package rowfile

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
)

// column buffers the values of one column, row by row. Until its type is known, they
// stay as they came: it must not depend on the order of the rows.
//
// Numbers, texts and lists are stored densely, in row order. Most columns have
// one kind of value in every row: only from the first that differs on does each
// row have a tag.
type column struct {
	// What adding a value looks at comes first, so that it lies together.
	rows  int // may be fewer than the builder's: the rest is null
	only  events.ValueKind
	seen  kinds
	typed bool // the type is known, and the values are of it
	buffers

	name     string
	typ      Type // if typed
	required bool
	foreseen bool    // how much memory the rows take is known, nearly
	mark     int     // row for which a feature was last resolved to this column, plus one
	elems    *column // the elements of all lists, one row each

	of      *tableFeature // of features
	first   *firstValue   // of those that are not typed; nil: none has a type
	untyped []emptyList   // if not typed: rows whose list has no type
}

// emptyList is a row with a list that has no type of its own.
type emptyList struct {
	row int
	ts  events.Time
	id  string
}

// buffers is the memory of a column, which a later file's can have.
type buffers struct {
	tags    []events.ValueKind // of each row; nil: all rows are of the kind only
	nums    []uint64           // Bool, Int, and Double as its bits
	text    []byte             // String and JSON
	offsets []uint32           // where each text starts and the last ends; empty: there is none
	lens    []uint32           // how many elements each list has
	// book, if not nil, has the texts instead, each once, and codes are their numbers there, in the memory of offsets.
	book  *book
	codes []uint32
	spare []events.ValueKind // for tags
}

// emptied is the same memory with nothing in it.
func (b *buffers) emptied() buffers {
	if b.tags != nil {
		b.spare = b.tags
	}
	if b.book != nil {
		b.offsets = b.codes
	}
	return buffers{nums: b.nums[:0], text: b.text[:0], offsets: b.offsets[:0], lens: b.lens[:0], spare: b.spare[:0]}
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

// minGrow is the first capacity of a column, in values.
const minGrow = 16

// grown has room for n more values of the column. It doubles the capacity, where append alone
// would grow by a quarter and copy a large column many times.
func grown[T any](c *column, s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	more := max(n, minGrow, len(s))
	if c.foreseen { // little is missing
		more = max(n, minGrow, len(s)/8)
	}
	return withRoom(s, len(s)+more)
}

// withRoom is s with room for so many values in all. Unlike append and slices.Grow it does not
// write to the new room, of which a large column may never use the end: memory that comes from
// the system costs no time before it is touched.
func withRoom[T any](s []T, room int) []T {
	if cap(s) >= room {
		return s
	}
	return append(make([]T, 0, room), s...)
}

// foresee gives the column room for so many times what it holds, and a little more: then the
// rest of the rows copies nothing, and little of the memory stays empty. Of a column that holds
// nothing yet nothing is known, and it grows like others.
func (c *column) foresee(times float64) {
	room := func(n int) int { return int(float64(n) * times * (1 + 1.0/32)) }
	c.foreseen = len(c.tags) > 0 || len(c.nums) > 0 || len(c.offsets) > 0 || len(c.lens) > 0 || len(c.codes) > 0
	if c.tags != nil {
		c.tags = withRoom(c.tags, room(len(c.tags)))
	}
	c.nums, c.text = withRoom(c.nums, room(len(c.nums))), withRoom(c.text, room(len(c.text)))
	c.offsets, c.lens = withRoom(c.offsets, room(len(c.offsets))), withRoom(c.lens, room(len(c.lens)))
	c.codes = withRoom(c.codes, room(len(c.codes)))
	if c.elems != nil {
		c.elems.foresee(times)
	}
}

// tag begins the next row, of kind k.
func (c *column) tag(k events.ValueKind) {
	switch {
	case c.tags != nil:
		c.tags = append(grown(c, c.tags, 1), k)
		c.seen |= 1 << k
	case c.rows == 0:
		c.only = k
		c.seen = 1 << k
	case c.only != k:
		c.tagAll(k)
	}
	c.rows++
}

// tagAll gives every row its tag, as the next is the first of another kind.
func (c *column) tagAll(k events.ValueKind) {
	c.tags = grown(c, c.spare[:0], c.rows+1)
	for range c.rows {
		c.tags = append(c.tags, c.only)
	}
	c.tags = append(c.tags, k)
	c.seen |= 1 << k
}

// tagAt is the kind of a row.
func (c *column) tagAt(row int) events.ValueKind {
	switch {
	case row >= c.rows:
		return events.ValueNull
	case c.tags == nil:
		return c.only
	}
	return c.tags[row]
}

// full reports whether none of the first n rows is null.
func (c *column) full(n int) bool { return c.rows >= n && c.seen&(1<<events.ValueNull) == 0 }

// values are the kinds of what is not null.
func (c *column) values() kinds { return c.seen &^ (1 << events.ValueNull) }

// skipTo makes the next value the one of row.
func (c *column) skipTo(row int) {
	for c.rows < row {
		c.addNull()
	}
}

func (c *column) addNull() { c.tag(events.ValueNull) }

func (c *column) addNum(k events.ValueKind, bits uint64) {
	c.tag(k)
	c.nums = append(grown(c, c.nums, 1), bits)
}

func (c *column) addInt(v int64)      { c.addNum(events.ValueInt, uint64(v)) }
func (c *column) addDouble(v float64) { c.addNum(events.ValueDouble, math.Float64bits(v)) }

// addText adds a String or JSON. Parquet strings must be UTF-8 or readers
// refuse the whole file, so what is not becomes U+FFFD.
func (c *column) addText(k events.ValueKind, s string) {
	s = valid(s)
	c.tag(k)
	if c.book != nil {
		c.codes = append(grown(c, c.codes, 1), c.book.number(s))
		c.bound()
		return
	}
	c.text = append(grown(c, c.text, len(s)), s...)
	c.offsets = grown(c, c.offsets, 2)
	if len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
	c.offsets = append(c.offsets, uint32(len(c.text)))
}

// valid is a text as a file can have it.
func valid(s string) string {
	if isASCII(unsafe.Slice(unsafe.StringData(s), len(s))) || utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// isASCII reports whether texts have ASCII alone, as most have: one, or all of a run at once. It
// looks at eight bytes at a time, the last eight included, where utf8.ValidString goes through
// what is left one by one.
func isASCII(text []byte) bool {
	const high = 0x8080808080808080
	if len(text) < 8 {
		var all byte
		for _, c := range text {
			all |= c
		}
		return all < utf8.RuneSelf
	}
	all := binary.LittleEndian.Uint64(text[len(text)-8:])
	for ; len(text) > 8; text = text[8:] {
		all |= binary.LittleEndian.Uint64(text)
	}
	return all&high == 0
}

// addOptionalText adds s, or null if it is empty.
func (c *column) addOptionalText(s string) {
	if s == "" {
		c.addNull()
		return
	}
	c.addText(events.ValueString, s)
}

// add adds a value of any kind and returns about how many bytes it takes.
func (c *column) add(v *events.Value) int {
	switch v.Kind {
	case events.ValueBool:
		c.addNum(events.ValueBool, uint64(v.Int&1))
	case events.ValueInt:
		c.addInt(v.Int)
	case events.ValueDouble:
		c.addDouble(v.Float)
	case events.ValueString, events.ValueJSON:
		c.addText(v.Kind, v.Str)
		return tagBytes + textBytes + len(v.Str)
	case events.ValueList:
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
		if e.Kind == events.ValueList {
			// Lists of lists come as JSON; one that does not is made so.
			text := appendJSON(nil, e)
			e = &events.Value{Kind: events.ValueJSON, Str: string(text)}
		}
		size += c.elems.add(e)
	}
	c.tag(events.ValueList)
	c.lens = append(grown(c, c.lens, 1), uint32(len(list)))
	return size
}

// texts is how many texts there are.
func (c *column) texts() int { return max(len(c.offsets), 1) - 1 + len(c.codes) }

// textAt is the i-th text.
func (c *column) textAt(i int) []byte {
	if c.book != nil {
		return c.book.TextAt(c.codes[i])
	}
	return c.text[c.offsets[i]:c.offsets[i+1]:c.offsets[i+1]]
}
