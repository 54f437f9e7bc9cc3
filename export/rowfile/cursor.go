package rowfile

import (
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
)

// cursor walks a column's values in row order and turns them into Parquet's, in
// the shape the column has taken.
type cursor struct {
	col       *column
	shape     shape
	index     int // of the leaf column in the file
	row       int
	num, text int
	list      int
	elems     *cursor
	scratch   []byte // JSON text of the current batch
}

func newCursor(c *column, s shape, index int) *cursor {
	k := &cursor{col: c, shape: s, index: index}
	if c.elems != nil {
		k.elems = &cursor{col: c.elems, index: index}
	}
	return k
}

// The limits of a batch: rows, so that the values stay in the cache, and bytes
// of text and elements of lists, so that pages do not grow far beyond their size.
const (
	batchRows     = 1024
	batchBytes    = 128 << 10
	batchElements = 8 * batchRows
)

// next appends the values of the rows up to end, or as many as make a batch, to
// dst. The values are valid until the call after.
func (k *cursor) next(dst []parquet.Value, end int) []parquet.Value {
	end = min(end, k.row+batchRows)
	switch {
	case k.shape.typ.List:
		return k.nextLists(dst, end)
	case k.shape.json:
		return k.nextJSON(dst, end)
	case k.shape.typ.Scalar == String:
		return k.nextTexts(dst, end)
	}
	return k.nextNumbers(dst, end)
}

// tag is the kind of the next row.
func (k *cursor) tag() events.ValueKind {
	if k.row < len(k.col.tags) {
		return k.col.tags[k.row]
	}
	return events.Null
}

// null is a row without a value, and defined the definition level of others.
func (k *cursor) null() parquet.Value { return parquet.Value{}.Level(0, 0, k.index) }

func (k *cursor) defined() int {
	if k.col.required {
		return 0
	}
	return 1
}

// nextNumbers is where most values of most files pass: it keeps everything in
// locals, which is twice as fast.
func (k *cursor) nextNumbers(dst []parquet.Value, end int) []parquet.Value {
	null, defined, index, scalar := k.null(), k.defined(), k.index, k.shape.typ.Scalar
	nums, n := k.col.nums[k.num:], 0
	tags := k.col.tags[min(k.row, len(k.col.tags)):min(end, len(k.col.tags))]
	for _, tag := range tags {
		if tag == events.Null {
			dst = append(dst, null)
			continue
		}
		dst = append(dst, number(tag, scalar, nums[n]).Level(0, defined, index))
		n++
	}
	for range end - k.row - len(tags) {
		dst = append(dst, null)
	}
	k.row, k.num = end, k.num+n
	return dst
}

func (k *cursor) nextTexts(dst []parquet.Value, end int) []parquet.Value {
	null, defined, size := k.null(), k.defined(), 0
	for ; k.row < end && size < batchBytes; k.row++ {
		if k.tag() == events.Null {
			dst = append(dst, null)
			continue
		}
		text := k.col.textAt(k.text)
		k.text++
		size += len(text)
		dst = append(dst, parquet.ByteArrayValue(text).Level(0, defined, k.index))
	}
	return dst
}

func (k *cursor) nextJSON(dst []parquet.Value, end int) []parquet.Value {
	null, defined := k.null(), k.defined()
	k.scratch = k.scratch[:0]
	for ; k.row < end && len(k.scratch) < batchBytes; k.row++ {
		tag := k.tag()
		if tag == events.Null {
			dst = append(dst, null)
			continue
		}
		from := len(k.scratch)
		k.scratch = k.appendText(k.scratch, tag)
		text := k.scratch[from:len(k.scratch):len(k.scratch)]
		dst = append(dst, parquet.ByteArrayValue(text).Level(0, defined, k.index))
	}
	return dst
}

func (k *cursor) nextLists(dst []parquet.Value, end int) []parquet.Value {
	null, start := k.null(), len(dst)
	for ; k.row < end && len(dst)-start < batchElements; k.row++ {
		if k.tag() == events.Null {
			dst = append(dst, null)
			continue
		}
		dst = k.appendList(dst)
	}
	return dst
}

// scalar takes the next value, which widens to s as it is.
func (k *cursor) scalar(tag events.ValueKind, s Scalar) parquet.Value {
	if tag == events.String || tag == events.JSON {
		k.text++
		return parquet.ByteArrayValue(k.col.textAt(k.text - 1))
	}
	k.num++
	return number(tag, s, k.col.nums[k.num-1])
}

// number is a number as s, to which tag widens.
func number(tag events.ValueKind, s Scalar, bits uint64) parquet.Value {
	switch s {
	case Double:
		if tag == events.Int {
			return parquet.DoubleValue(float64(int64(bits)))
		}
		return parquet.DoubleValue(math.Float64frombits(bits))
	case Bool:
		return parquet.BooleanValue(bits != 0)
	case Int32:
		return parquet.Int32Value(int32(bits))
	}
	return parquet.Int64Value(int64(bits))
}

// Definition levels in an optional list of optional elements.
const (
	listEmpty   = 1
	elementNull = 2
	elementSet  = 3
)

func (k *cursor) appendList(dst []parquet.Value) []parquet.Value {
	n := int(k.col.lens[k.list])
	k.list++
	if n == 0 {
		return append(dst, parquet.Value{}.Level(0, listEmpty, k.index))
	}
	repeated := 0
	for range n {
		tag := k.elems.col.tags[k.elems.row]
		k.elems.row++
		if tag == events.Null {
			dst = append(dst, parquet.Value{}.Level(repeated, elementNull, k.index))
		} else {
			dst = append(dst, k.elems.scalar(tag, k.shape.typ.Scalar).Level(repeated, elementSet, k.index))
		}
		repeated = 1
	}
	return dst
}

// appendText takes the next value as JSON text.
func (k *cursor) appendText(dst []byte, tag events.ValueKind) []byte {
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
			element := k.elems.col.tags[k.elems.row]
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
