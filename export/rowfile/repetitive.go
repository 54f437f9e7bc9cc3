package rowfile

import (
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// So many of a column's values decide on a dictionary. Few numbers are enough: how many of them are distinct is
// compared with how many would be, and not with how many there are in all.
const (
	dictionarySample = 8192
	numbersSample    = 2048
)

// Repeats tells by a sample whether a dictionary pays for a column's values. It depends on
// nothing but the values. Its memory is used again for the next column; it is used by one
// goroutine.
type Repeats struct {
	slots []uint64 // of the numbers that were seen; 0 is an empty one
	bits  int      // how many bits of a hash say where a number begins to look for its slot
	zero  bool     // 0 was seen
	batch [256]uint64
}

// begin forgets what was seen. No more than so many numbers are seen before the next call.
func (r *Repeats) begin(most int) {
	r.bits, r.zero = bits.Len(uint(2*most)), false
	r.slots = slices.Grow(r.slots[:0], 1<<r.bits)[:1<<r.bits]
	clear(r.slots)
}

// see sees a number, and reports whether it is the first time.
func (r *Repeats) see(word uint64) bool {
	if word == 0 {
		first := !r.zero
		r.zero = true
		return first
	}
	slot := int((word ^ word>>32) * 0x9e3779b97f4a7c15 >> (64 - r.bits))
	for r.slots[slot] != 0 {
		if r.slots[slot] == word {
			return false
		}
		slot = (slot + 1) & (len(r.slots) - 1)
	}
	r.slots[slot] = word
	return true
}

// distinct reports whether more than limit of the numbers 0, step, 2*step and so on to before n are distinct. They lie
// far apart in memory: many are fetched at once, before the first is looked at.
func (r *Repeats) distinct(n, step, limit int, at func(int) uint64) bool {
	r.begin(limit + 1)
	distinct := 0
	for i := 0; i < n; {
		batch := r.batch[:0]
		for ; i < n && len(batch) < cap(batch); i += step {
			batch = append(batch, at(i))
		}
		for _, word := range batch {
			if r.see(word) {
				distinct++
			}
			if distinct > limit {
				return true
			}
		}
	}
	return false
}

// ofColumn says so of a column, in row groups of so many rows.
func (r *Repeats) ofColumn(c *column, group int) bool {
	switch t := c.typ.stored(); {
	case t.List || t.Scalar == ScalarBool:
		return false
	case t.Scalar == ScalarString && c.book != nil:
		return r.codes(c.codes, c.book.Len())
	case t.Scalar == ScalarString:
		return r.Texts(c.texts(), c.textAt)
	}
	return r.Numbers(len(c.nums), func(i int) uint64 { return c.nums[i] }, group)
}

// OfStored says so of a column as a file has it. That of texts in lists depends on the elements.
func (r *Repeats) OfStored(t Type, c *colfile.Column, group int) bool {
	switch {
	case t.Scalar == ScalarString:
		return r.Texts(max(len(c.Offsets), 1)-1, func(i int) []byte { return c.Text[c.Offsets[i]:c.Offsets[i+1]] })
	case t.List || t.Scalar == ScalarBool:
		return false
	case t.Scalar.IsFloat():
		return r.Numbers(len(c.Doubles), func(i int) uint64 { return math.Float64bits(c.Doubles[i]) }, group)
	case t.Scalar == ScalarInt32:
		return r.Numbers(len(c.Int32s), func(i int) uint64 { return uint64(c.Int32s[i]) }, group)
	}
	return r.Numbers(len(c.Int64s), func(i int) uint64 { return uint64(c.Int64s[i]) }, group)
}

// Texts reports whether at most a quarter of an even sample of n texts is distinct, by their hashes.
func (r *Repeats) Texts(n int, at func(int) []byte) bool {
	step := n/dictionarySample + 1
	limit := n / step / 4
	return n > 0 && !r.distinct(n, step, limit, func(i int) uint64 { return xxhash.Sum64(at(i)) })
}

// codes is Texts of texts that are named by their numbers, of which there are so many.
func (r *Repeats) codes(codes []uint32, texts int) bool {
	n := len(codes)
	step := n/dictionarySample + 1
	limit := n / step / 4
	known, distinct := make([]bool, texts), 0
	for i := 0; i < n; i += step {
		if known[codes[i]] {
			continue
		}
		if distinct == limit {
			return false
		}
		known[codes[i]] = true
		distinct++
	}
	return n > 0
}

// eachNumber is how often a number has to be there, in a row group and on the average, for a
// dictionary to be smaller than compressed numbers, and faster.
const eachNumber = 5

// Numbers reports whether n numbers, given as their bits, repeat in row groups of so many rows:
// whether an even sample has no more distinct ones than it has if all of a row group are drawn
// from a fifth as many. A draw of m from n has n(1 - e^(-m/n)) distinct ones.
func (r *Repeats) Numbers(n int, at func(int) uint64, group int) bool {
	few := min(n, group) / eachNumber
	if few == 0 {
		return false
	}
	step := (n-1)/numbersSample + 1
	sample := (n-1)/step + 1
	limit := few
	if step > 1 {
		limit = int(float64(few) * -math.Expm1(-float64(sample)/float64(few)))
	}
	return !r.distinct(n, step, limit, at)
}
