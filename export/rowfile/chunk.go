package rowfile

import (
	"slices"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
)

// chunker takes a typed column's values, one row group after another.
type chunker struct {
	col       *column
	typ       Type
	row       int
	num, text int
	list      int
	elems     *chunker
	made      *colfile.Column // of the call of next
}

func newChunker(c *column) *chunker {
	k := &chunker{col: c, typ: c.typ.stored()}
	if c.elems != nil {
		k.elems = &chunker{col: c.elems, typ: Type{Scalar: k.typ.Scalar}}
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
	if k.typ.List {
		return k.lists(end)
	}
	c := k.scalars(k.count(end))
	c.Def = k.levels(end)
	c.Levels, k.row = end-k.row, end
	return c
}

// count is how many of the rows up to end are not null.
func (k *chunker) count(end int) int {
	c := k.col
	last := min(end, c.rows)
	switch {
	case k.row >= last, c.tags == nil && c.only == events.ValueNull:
		return 0
	case c.tags == nil:
		return last - k.row
	}
	n := 0
	for _, tag := range c.tags[k.row:last] {
		if tag != events.ValueNull {
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
	clear(def)
	known := def[:max(0, min(end, c.rows)-k.row)]
	switch {
	case c.tags != nil:
		for i := range known {
			if c.tags[k.row+i] != events.ValueNull {
				known[i] = 1
			}
		}
	case c.only != events.ValueNull:
		for i := range known {
			known[i] = 1
		}
	}
	return def
}

// scalars takes the next n values that are not null, of a column of scalars.
func (k *chunker) scalars(n int) (c colfile.Column) {
	if k.typ.Scalar == ScalarString && k.col.book != nil {
		c.Book, c.Codes = &k.col.book.Book, k.col.codes[k.text:k.text+n]
		k.text += n
		return c
	}
	if k.typ.Scalar == ScalarString {
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
	switch k.typ.Scalar {
	case ScalarBool:
		m.Bools = slices.Grow(m.Bools[:0], n)[:n]
		for i, v := range nums {
			m.Bools[i] = v != 0
		}
		c.Bools = m.Bools
	case ScalarInt32:
		m.Int32s = slices.Grow(m.Int32s[:0], n)[:n]
		for i, v := range nums {
			m.Int32s[i] = int32(v)
		}
		c.Int32s = m.Int32s
	case ScalarDouble, ScalarFloat32:
		c.Doubles = as[float64](nums)
	default:
		c.Int64s = as[int64](nums)
	}
	return c
}

var noTexts = []uint32{0}

// as are the same bits as numbers of another type of the same size.
func as[T int64 | float64](nums []uint64) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(nums))), len(nums))
}

// wordsOf are the bits of numbers.
func wordsOf[T int64 | float64](nums []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(nums))), len(nums))
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
		if k.col.tagAt(k.row) == events.ValueNull {
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
			if k.elems.col.tagAt(elem) != events.ValueNull {
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
