package rowfile

import (
	"math"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// dictionarySample is how many of a column's values decide on a dictionary.
const dictionarySample = 8192

// repetitive reports whether a dictionary pays for the column's values, in row groups of
// so many rows. It depends on nothing but the values.
func (c *column) repetitive(group int) bool {
	switch t := c.typ.stored(); {
	case t.List || t.Scalar == ScalarBool:
		return false
	case t.Scalar == ScalarString:
		return textsRepeat(c.texts(), c.textAt)
	}
	return wordsRepeat(c.nums, group)
}

// repetitive is column.repetitive for a column of a file. That of texts in lists depends on
// the elements.
func repetitive(t Type, c *colfile.Column, group int) bool {
	switch {
	case t.Scalar == ScalarString:
		return textsRepeat(max(len(c.Offsets), 1)-1, func(i int) []byte { return c.Text[c.Offsets[i]:c.Offsets[i+1]] })
	case t.List || t.Scalar == ScalarBool:
		return false
	case t.Scalar == ScalarDouble:
		return wordsRepeat(wordsOf(c.Doubles), group)
	case t.Scalar == ScalarInt32:
		words := make([]uint64, len(c.Int32s))
		for i, v := range c.Int32s {
			words[i] = uint64(v)
		}
		return wordsRepeat(words, group)
	}
	return wordsRepeat(wordsOf(c.Int64s), group)
}

// textsRepeat reports whether at most a quarter of an even sample is distinct.
func textsRepeat(n int, at func(int) []byte) bool {
	step := n/dictionarySample + 1
	limit := n / step / 4
	distinct := map[string]struct{}{}
	for i := 0; i < n; i += step {
		text := at(i)
		if _, known := distinct[string(text)]; known {
			continue
		}
		if len(distinct) == limit {
			return false
		}
		distinct[string(text)] = struct{}{}
	}
	return n > 0
}

// eachNumber is how often a number has to be there, in a row group and on the average, for a
// dictionary to be smaller than compressed numbers, and faster.
const eachNumber = 5

// wordsRepeat reports whether numbers repeat: whether an even sample has no more distinct
// ones than it has if all of a row group are drawn from a fifth as many. A draw of m from n
// has n(1 - e^(-m/n)) distinct ones.
func wordsRepeat(words []uint64, group int) bool {
	few := min(len(words), group) / eachNumber
	if few == 0 {
		return false
	}
	step := (len(words)-1)/dictionarySample + 1
	sample := (len(words)-1)/step + 1
	limit := few
	if step > 1 {
		limit = int(float64(few) * -math.Expm1(-float64(sample)/float64(few)))
	}
	slots := make([]uint64, 4*dictionarySample)
	distinct, zero := 0, false
	for i := 0; i < len(words); i += step {
		word := words[i]
		if word == 0 {
			zero = true
			continue
		}
		at := (word ^ word>>32) * 0x9e3779b97f4a7c15 >> (64 - 15)
		for slots[at] != 0 && slots[at] != word {
			at = (at + 1) % uint64(len(slots))
		}
		if slots[at] == 0 {
			slots[at] = word
			if distinct++; distinct > limit {
				return false
			}
		}
	}
	if zero {
		distinct++
	}
	return distinct <= limit
}
