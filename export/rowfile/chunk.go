package rowfile

import (
	"math"
	"slices"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
)

// chunker takes a column's values, one row group after another, in the shape
// that the column has taken.
type chunker struct {
	col       *column
	shape     shape
	row       int
	num, text int
	list      int
	elems     *chunker
	made      *colfile.Column // of the call of next
}

func newChunker(c *column, s shape) *chunker {
	k := &chunker{col: c, shape: s}
	if c.elems != nil {
		k.elems = &chunker{col: c.elems, shape: shape{typ: Type{Scalar: s.typ.Scalar}}}
	}
	return k
}

// next is the column of the rows up to end. made is memory for what the column
// does not hold as the file has it; the result is good until it is used again.
func (k *chunker) next(end int, made *colfile.Column) colfile.Column {
	k.made = made
	if k.elems != nil {
		k.elems.made = made
	}
	var c colfile.Column
	switch {
	case k.shape.typ.List:
		return k.lists(end)
	case k.shape.json:
		c = k.json(end)
	default:
		n := k.count(end)
		c = k.scalars(n)
		c.Def = k.levels(end)
	}
	c.Levels, k.row = end-k.row, end
	return c
}

// count is how many of the rows up to end are not null.
func (k *chunker) count(end int) int {
	c := k.col
	last := min(end, c.rows)
	switch {
	case k.row >= last, c.tags == nil && c.only == events.Null:
		return 0
	case c.tags == nil:
		return last - k.row
	}
	n := 0
	for _, tag := range c.tags[k.row:last] {
		if tag != events.Null {
			n++
		}
	}
	return n
}

// levels are the definition levels of the rows up to end; nil: none is null.
func (k *chunker) levels(end int) []byte {
	c := k.col
	if c.required || c.full(end) {
		return nil
	}
	n := end - k.row
	def := slices.Grow(k.made.Def[:0], n)[:n]
	k.made.Def = def
	for i := range def {
		def[i] = 0
		if c.tagAt(k.row+i) != events.Null {
			def[i] = 1
		}
	}
	return def
}

// scalars takes the next n values that are not null, of a column that widens to
// a scalar without JSON.
func (k *chunker) scalars(n int) (c colfile.Column) {
	if k.shape.typ.Scalar == String {
		c.Text, c.Offsets = k.col.text, noTexts
		if n > 0 {
			c.Offsets = k.col.offsets[k.text : k.text+n+1]
		}
		k.text += n
		return c
	}
	nums := k.col.nums[k.num : k.num+n]
	k.num += n
	m := k.made
	switch k.shape.typ.Scalar {
	case Bool:
		m.Bools = m.Bools[:0]
		for _, v := range nums {
			m.Bools = append(m.Bools, v != 0)
		}
		c.Bools = m.Bools
	case Int32:
		m.Int32s = m.Int32s[:0]
		for _, v := range nums {
			m.Int32s = append(m.Int32s, int32(v))
		}
		c.Int32s = m.Int32s
	case Double:
		c.Doubles = k.doubles(nums)
	default:
		c.Int64s = as[int64](nums)
	}
	return c
}

var noTexts = []uint32{0}

// doubles are numbers of which some may be integers.
func (k *chunker) doubles(nums []uint64) []float64 {
	if k.col.values().within(events.Double) {
		return as[float64](nums)
	}
	out := k.made.Doubles[:0]
	for row := k.row; len(out) < len(nums); row++ {
		switch bits := nums[len(out)]; k.col.tagAt(row) {
		case events.Int:
			out = append(out, float64(int64(bits)))
		case events.Double:
			out = append(out, math.Float64frombits(bits))
		}
	}
	k.made.Doubles = out
	return out
}

// as are the same bits as numbers of another type of the same size.
func as[T int64 | float64](nums []uint64) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(nums))), len(nums))
}

// json makes the JSON texts of the rows up to end.
func (k *chunker) json(end int) (c colfile.Column) {
	m := k.made
	m.Def, m.Text, m.Offsets = m.Def[:0], m.Text[:0], append(m.Offsets[:0], 0)
	for row := k.row; row < end; row++ {
		tag := k.col.tagAt(row)
		if tag == events.Null {
			m.Def = append(m.Def, 0)
			continue
		}
		m.Def = append(m.Def, 1)
		m.Text = k.appendText(m.Text, tag)
		m.Offsets = append(m.Offsets, uint32(len(m.Text)))
	}
	return colfile.Column{Def: m.Def, Text: m.Text, Offsets: m.Offsets}
}

// Definition levels in an optional list of optional elements.
const (
	listEmpty   = 1
	elementNull = 2
	elementSet  = 3
)

// lists takes the lists of the rows up to end.
func (k *chunker) lists(end int) colfile.Column {
	m := k.made
	m.Rep, m.Def = m.Rep[:0], m.Def[:0]
	values := 0
	elem := 0
	if k.elems != nil {
		elem = k.elems.row
	}
	for ; k.row < end; k.row++ {
		if k.col.tagAt(k.row) == events.Null {
			m.Rep, m.Def = append(m.Rep, 0), append(m.Def, 0)
			continue
		}
		n := int(k.col.lens[k.list])
		k.list++
		if n == 0 {
			m.Rep, m.Def = append(m.Rep, 0), append(m.Def, listEmpty)
			continue
		}
		for i := range n {
			level := byte(elementNull)
			if k.elems.col.tagAt(elem) != events.Null {
				level = elementSet
				values++
			}
			elem++
			m.Rep, m.Def = append(m.Rep, byte(min(i, 1))), append(m.Def, level)
		}
	}
	c := colfile.Column{Offsets: noTexts}
	if k.elems != nil {
		c = k.elems.scalars(values)
		k.elems.row = elem
	}
	c.Levels, c.Rep, c.Def = len(m.Def), m.Rep, m.Def
	return c
}

// appendText takes the next value as JSON text.
func (k *chunker) appendText(dst []byte, tag events.ValueKind) []byte {
	switch tag {
	case events.Null:
		return append(dst, "null"...)
	case events.String:
		k.text++
		return appendQuoted(dst, k.col.textAt(k.text-1))
	case events.JSON:
		k.text++
		return append(dst, k.col.textAt(k.text-1)...)
	case events.List:
		n := int(k.col.lens[k.list])
		k.list++
		dst = append(dst, '[')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			element := k.elems.col.tagAt(k.elems.row)
			k.elems.row++
			dst = k.elems.appendText(dst, element)
		}
		return append(dst, ']')
	}
	bits := k.col.nums[k.num]
	k.num++
	v := events.Value{Kind: tag, Int: int64(bits), Float: math.Float64frombits(bits)}
	return appendJSON(dst, &v)
}
