package shards

import (
	"math"
	"slices"
	"unsafe"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// vector is a column in memory, with one entry for each row, null or not, so that
// rows can be taken from it in any order.
type vector struct {
	typ   rowfile.Type
	null  []bool
	nulls bool // whether a row may be null

	nums []uint64 // of Bool, Int32, Int64, Double, Float32 (a double's) and Timestamp: the value's bits
	ends []uint32 // of String and lists: where the row's bytes or elements end
	text []byte   // of String

	elems *vector  // of lists
	dense []uint64 // memory of addAll

	// Rows of a coded vector have codes of values in the book, and neither nums nor texts.
	book    *book // of String, Double and Int64; nil: the vector is never coded
	coded   bool
	codes   []uint32
	texts   int64  // how many bytes the texts of the rows have
	largest uint32 // of the codes
}

func newVector(t rowfile.Type, b *book) *vector {
	v := &vector{typ: t, book: b}
	if t.List {
		v.elems = newVector(rowfile.Type{Scalar: t.Scalar}, nil)
	}
	return v
}

// rows is how many entries there are.
func (v *vector) rows() int { return len(v.null) }

// reset forgets the rows and keeps the memory.
func (v *vector) reset() {
	v.null, v.nums, v.ends, v.text, v.nulls = v.null[:0], v.nums[:0], v.ends[:0], v.text[:0], false
	v.coded, v.codes, v.texts, v.largest = false, v.codes[:0], 0, 0
	if v.elems != nil {
		v.elems.reset()
	}
}

// start is where the bytes or elements of a row begin.
func (v *vector) start(row int) uint32 {
	if row == 0 {
		return 0
	}
	return v.ends[row-1]
}

// bytes is the text of a row.
func (v *vector) bytes(row int) []byte {
	if !v.coded {
		return v.text[v.start(row):v.ends[row]]
	}
	if v.null[row] {
		return nil
	}
	return v.book.TextAt(v.codes[row])
}

// addNulls adds n rows without a value.
func (v *vector) addNulls(n int) {
	v.nulls = v.nulls || n > 0
	for range n {
		v.null = append(v.null, true)
		if v.coded {
			v.codes = append(v.codes, 0)
		} else if v.typ.List || v.typ.Scalar == rowfile.ScalarString {
			v.ends = append(v.ends, v.end())
		} else {
			v.nums = append(v.nums, 0)
		}
	}
}

// end is where the last row's bytes or elements end.
func (v *vector) end() uint32 { return v.start(len(v.ends)) }

// addNum adds a row with a number, as its bits.
func (v *vector) addNum(bits uint64) {
	v.null, v.nums = append(v.null, false), append(v.nums, bits)
}

// addText adds a row with a text.
func (v *vector) addText(text []byte) {
	v.null, v.text = append(v.null, false), append(v.text, text...)
	v.ends = append(v.ends, uint32(len(v.text)))
}

// addPart adds a part of a column as a file has it, of a type that may differ from
// the vector's. It returns how many values did not fit and became null.
func (v *vector) addPart(c *colfile.Column, from rowfile.Type) (unfit int64) {
	if from.List {
		return v.addLists(c, from)
	}
	if v.typ.List {
		v.addNulls(c.Levels)
		return countSet(c)
	}
	if v.typ == from {
		v.addAll(c)
		return 0
	}
	value := 0
	for i := range c.Levels {
		if c.Def != nil && c.Def[i] == 0 {
			v.addNulls(1)
			continue
		}
		unfit += v.addValue(c, from.Scalar, value)
		value++
	}
	return unfit
}

// addAll adds a part of the vector's own type, which no list is.
func (v *vector) addAll(c *colfile.Column) {
	at := len(v.null)
	v.null = slices.Grow(v.null, c.Levels)[:at+c.Levels]
	clear(v.null[at:])
	if c.Def != nil {
		for i, def := range c.Def[:c.Levels] {
			v.null[at+i] = def == 0
			v.nulls = v.nulls || def == 0
		}
	}
	if v.typ.Scalar == rowfile.ScalarString {
		v.addTexts(c)
		return
	}
	var dense []uint64
	switch v.typ.Scalar {
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		dense = asBits(c.Doubles)
	case rowfile.ScalarInt32:
		for _, n := range c.Int32s {
			v.dense = append(v.dense, uint64(int64(n)))
		}
		dense, v.dense = v.dense, v.dense[:0]
	case rowfile.ScalarBool:
		for _, b := range c.Bools {
			v.dense = append(v.dense, bit(b))
		}
		dense, v.dense = v.dense, v.dense[:0]
	default:
		dense = asBits(c.Int64s)
	}
	if c.Def == nil {
		v.nums = append(v.nums, dense[:c.Levels]...)
		return
	}
	value := 0
	for _, def := range c.Def[:c.Levels] {
		if def == 0 {
			v.nums = append(v.nums, 0)
			continue
		}
		v.nums = append(v.nums, dense[value])
		value++
	}
}

// addTexts adds the texts of a part.
func (v *vector) addTexts(c *colfile.Column) {
	at, first := v.end(), uint32(0)
	if len(c.Offsets) > 0 {
		first = c.Offsets[0]
		v.text = append(v.text, c.Text[first:c.Offsets[len(c.Offsets)-1]]...)
	}
	if c.Def == nil {
		from := len(v.ends)
		v.ends = slices.Grow(v.ends, c.Levels)[:from+c.Levels]
		for i := range c.Levels {
			v.ends[from+i] = at + c.Offsets[i+1] - first
		}
		return
	}
	value := 0
	for i := range c.Levels {
		if c.Def[i] != 0 {
			value++
		}
		end := at
		if value > 0 {
			end = at + c.Offsets[value] - first
		}
		v.ends = append(v.ends, end)
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// asBits are the same numbers, seen as their bits.
func asBits[T int64 | float64](nums []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(nums))), len(nums))
}

// countSet counts the values of a part that cannot be stored.
func countSet(c *colfile.Column) (n int64) {
	for i := range c.Levels {
		if c.Def == nil || c.Def[i] != 0 {
			n++
		}
	}
	return n
}

// addValue adds the value of that number of a part.
func (v *vector) addValue(c *colfile.Column, from rowfile.Scalar, i int) (unfit int64) {
	if v.typ.Scalar == from {
		v.addSame(c, i)
		return 0
	}
	if v.typ.Scalar.IsFloat() {
		if x, ok := v.floatOf(c, from, i); ok {
			v.addNum(math.Float64bits(x))
			return 0
		}
	}
	if v.typ.Scalar == rowfile.ScalarInt64 && from == rowfile.ScalarInt32 {
		v.addNum(uint64(int64(c.Int32s[i])))
		return 0
	}
	v.addNulls(1)
	return 1
}

// floatOf is a number of a part as one of the vector, whose values are doubles or singles.
func (v *vector) floatOf(c *colfile.Column, from rowfile.Scalar, i int) (x float64, ok bool) {
	switch from {
	case rowfile.ScalarInt32:
		x = float64(c.Int32s[i])
	case rowfile.ScalarInt64:
		x = float64(c.Int64s[i])
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		x = c.Doubles[i]
	default:
		return 0, false
	}
	if v.typ.Scalar == rowfile.ScalarFloat32 {
		return rowfile.Single(x)
	}
	return x, true
}

func (v *vector) addSame(c *colfile.Column, i int) {
	switch v.typ.Scalar {
	case rowfile.ScalarString:
		v.addText(c.Text[c.Offsets[i]:c.Offsets[i+1]])
	case rowfile.ScalarBool:
		v.addNum(bit(c.Bools[i]))
	case rowfile.ScalarInt32:
		v.addNum(uint64(int64(c.Int32s[i])))
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		v.addNum(math.Float64bits(c.Doubles[i]))
	default:
		v.addNum(uint64(c.Int64s[i]))
	}
}

// addLists adds a part of a column of lists.
func (v *vector) addLists(c *colfile.Column, from rowfile.Type) (unfit int64) {
	value := 0
	for i := 0; i < c.Levels; i++ {
		if !v.typ.List {
			if c.Rep == nil || c.Rep[i] == 0 {
				v.addNulls(1)
				if c.Def[i] != 0 {
					unfit++
				}
			}
			continue
		}
		if c.Rep[i] == 0 {
			null := c.Def[i] < rowfile.ListEmpty
			v.null, v.ends, v.nulls = append(v.null, null), append(v.ends, v.end()), v.nulls || null
		}
		switch {
		case c.Def[i] == rowfile.ElementSet:
			unfit += v.elems.addValue(c, from.Scalar, value)
			value++
		case c.Def[i] == rowfile.ElementNull:
			v.elems.addNulls(1)
		default:
			continue
		}
		v.ends[len(v.ends)-1]++
	}
	return unfit
}

// size is about how many bytes a plain encoding of all rows takes, coded or not.
func (v *vector) size() int64 {
	if v.elems != nil {
		return int64(len(v.ends)) + v.elems.size()
	}
	if v.coded && v.typ.Scalar == rowfile.ScalarString {
		return int64(len(v.null))*5 + v.texts
	}
	if v.coded {
		return int64(len(v.null)) * 9
	}
	return int64(len(v.null)) + int64(len(v.nums))*8 + int64(len(v.ends))*4 + int64(len(v.text))
}
