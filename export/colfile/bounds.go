package colfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"
)

// pageIndex is what readers find pages by.
type pageIndex struct {
	bounds format.ColumnIndex
	places format.OffsetIndex
}

// add adds a page.
func (x *pageIndex) add(at format.PageLocation, b bounds, nulls int64) {
	x.places.PageLocations = append(x.places.PageLocations, at)
	x.bounds.NullPages = append(x.bounds.NullPages, !b.any)
	x.bounds.NullCounts = append(x.bounds.NullCounts, nulls)
	x.bounds.MinValues = append(x.bounds.MinValues, b.min)
	x.bounds.MaxValues = append(x.bounds.MaxValues, b.max)
}

// bounds are the least and the greatest value, encoded as PLAIN without the
// lengths of texts. They need not be values that are there.
type bounds struct {
	any      bool
	inexact  bool // they are no values, or bound no NaN
	min, max []byte
	nulls    int64
}

// boundsLimit is how many bytes of a text the bounds keep.
const boundsLimit = 64

// statistics are the bounds of a whole column chunk. Readers answer questions
// with them, so inexact ones are left out.
func (b *bounds) statistics() format.Statistics {
	s := format.Statistics{NullCount: b.nulls}
	if b.any && !b.inexact {
		s.MinValue, s.MaxValue = b.min, b.max
	}
	return s
}

// bounds are those of the page s, which are added to the chunk's.
func (k *chunk) bounds(s *span) bounds {
	c, from, to := k.values, s.value, s.value+s.values
	if from == to {
		return bounds{min: []byte{}, max: []byte{}}
	}
	if c.Book != nil && k.dict.size > 0 {
		c = k.dict.numbers(k.leaf.kind, from, to)
		from, to = 0, c.Levels
	}
	var b bounds
	var order func(x, y []byte) int
	switch k.leaf.kind {
	case format.Boolean:
		b, order = boolBounds(c.Bools[from:to]), bytes.Compare
	case format.Int32:
		least, greatest := extremes(c.Int32s[from:to])
		b = plainBounds(uint64(uint32(least)), uint64(uint32(greatest)), 4)
		order = compareAs(func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	case format.Int64:
		least, greatest := extremes(c.Int64s[from:to])
		b = plainBounds(uint64(least), uint64(greatest), 8)
		order = compareAs(func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	case format.Float:
		b = floatBounds(c.Doubles[from:to], singleBits, 4)
		order = compareAs(func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case format.Double:
		b = floatBounds(c.Doubles[from:to], math.Float64bits, 8)
		order = compareAs(func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	default:
		b, order = k.textBounds(from, to), bytes.Compare
	}
	k.total.widen(&b, order)
	return b
}

func (b *bounds) widen(page *bounds, order func(x, y []byte) int) {
	b.inexact = b.inexact || page.inexact
	if !b.any || order(page.min, b.min) < 0 {
		b.min = page.min
	}
	if !b.any || order(page.max, b.max) > 0 {
		b.max = page.max
	}
	b.any = true
}

func compareAs[T cmp.Ordered](decode func([]byte) T) func(x, y []byte) int {
	return func(x, y []byte) int { return cmp.Compare(decode(x), decode(y)) }
}

// extremes are the least and the greatest of some integers.
func extremes[T int32 | int64](values []T) (least, greatest T) {
	least, greatest = values[0], values[0]
	for _, v := range values[1:] {
		least, greatest = min(least, v), max(greatest, v)
	}
	return least, greatest
}

func plainBounds(least, greatest uint64, size int) bounds {
	return bounds{any: true, min: littleEndian(least, size), max: littleEndian(greatest, size)}
}

func littleEndian(v uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:size] }

func boolBounds(bools []bool) bounds {
	least, greatest := uint64(1), uint64(0)
	if slices.Contains(bools, false) {
		least = 0
	}
	if slices.Contains(bools, true) {
		greatest = 1
	}
	return plainBounds(least, greatest, 1)
}

// floatBounds leaves NaN out, as the format asks for, and has both zeros where
// there is one. A page of nothing but NaN is bounded by the infinities. The file has numbers
// as their bits, of so many bytes.
func floatBounds(doubles []float64, bits func(float64) uint64, size int) bounds {
	least, greatest, nan := math.Inf(1), math.Inf(-1), false
	for _, v := range doubles {
		if v >= least && v <= greatest { // nearly all are
			continue
		}
		if v < least {
			least = v
		}
		if v > greatest {
			greatest = v
		}
		nan = nan || v != v
	}
	if least > greatest {
		least, greatest = greatest, least
	}
	if least == 0 {
		least = math.Copysign(0, -1)
	}
	if greatest == 0 {
		greatest = 0
	}
	b := plainBounds(bits(least), bits(greatest), size)
	b.inexact = nan
	return b
}

// textBounds are those of a page of texts: of each distinct one, if there is a
// dictionary.
func (k *chunk) textBounds(from, to int) bounds {
	var least, greatest []byte
	if k.leaf.encoding == format.RLEDictionary {
		d := &k.dict
		for i, n := range d.distinct(d.indexes[from:to]) {
			least, greatest = widenText(least, greatest, d.at(n), i == 0)
		}
	} else {
		first, last := uint64(0), uint64(0) // how the two begin
		for i := from; i < to; i++ {
			text := k.values.textAt(i)
			if b := beginning(text); i == from || b <= first || b >= last { // few others are looked at
				least, greatest = widenText(least, greatest, text, i == from)
				first, last = beginning(least), beginning(greatest)
			}
		}
	}
	b := bounds{any: true, min: least, max: greatest, inexact: len(least) > boundsLimit || len(greatest) > boundsLimit}
	// Not nil, even if empty: an empty text is a bound too.
	b.min, b.max = append([]byte{}, shortened(least)...), append([]byte{}, above(greatest)...)
	return b
}

// beginning is the first eight bytes of a text as a number: of two texts, the lesser one has none that is greater.
func beginning(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	var short [8]byte
	copy(short[:], text)
	return binary.BigEndian.Uint64(short[:])
}

func widenText(least, greatest, text []byte, first bool) (lo, hi []byte) {
	switch {
	case first:
		return text, text
	case bytes.Compare(text, least) < 0:
		return text, greatest
	case bytes.Compare(text, greatest) > 0:
		return least, text
	}
	return least, greatest
}

// shortened is a text that is not greater and not longer than the bounds keep.
func shortened(text []byte) []byte {
	if len(text) <= boundsLimit {
		return text
	}
	cut := boundsLimit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// above is a text that is not less and hardly longer than the bounds keep: what
// is cut off is replaced by the greatest character, of which two are enough if
// the text does not have more of them itself.
func above(text []byte) []byte {
	short := shortened(text)
	if len(short) == len(text) {
		return text
	}
	greatest := string(utf8.MaxRune) + string(utf8.MaxRune)
	up := append(bytes.Clone(short), greatest...)
	if bytes.Compare(up, text) < 0 {
		return text
	}
	return up
}
