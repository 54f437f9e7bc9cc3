package shards

import (
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/rowfile"
)

// A vector is coded if its rows have numbers of values in its book. What becomes of the rows does
// not depend on it: the files of an export are the same, byte by byte, for coded rows and others.

// addRead adds a part of a column as a file has it, of a type that may differ from the vector's.
// codes are the numbers that the book has for the part's dictionary; nil: it has none. It returns
// how many values did not fit and became null.
func (v *vector) addRead(p *rowfile.Part, from rowfile.Type, codes []uint32) (unfit int64, err error) {
	if codes != nil && v.code() {
		v.addCodes(p, codes)
		return 0, nil
	}
	c, err := p.Values()
	if err != nil {
		return 0, err
	}
	v.expand()
	return v.addPart(c, from), nil
}

// code makes a vector coded if none of its rows has a value yet, and reports whether it is.
func (v *vector) code() bool {
	if v.coded || v.book == nil {
		return v.coded
	}
	if slices.Contains(v.null, false) {
		return false
	}
	v.coded = true
	v.nums, v.ends, v.text = v.nums[:0], v.ends[:0], v.text[:0]
	v.codes = slices.Grow(v.codes[:0], len(v.null))[:len(v.null)]
	clear(v.codes)
	return true
}

// addCodes adds a part whose values the book has.
func (v *vector) addCodes(p *rowfile.Part, codes []uint32) {
	n := p.Levels
	at := len(v.null)
	v.null = slices.Grow(v.null, n)[:at+n]
	v.codes = slices.Grow(v.codes, n)[:at+n]
	clear(v.null[at:])
	to := v.codes[at:]
	if p.Def == nil {
		for i, index := range p.Indexes {
			to[i] = codes[index]
		}
	} else {
		value := 0
		for i, def := range p.Def[:n] {
			if def == 0 {
				v.null[at+i], v.nulls, to[i] = true, true, 0
				continue
			}
			to[i] = codes[p.Indexes[value]]
			value++
		}
	}
	v.measure(at)
}

// measure takes the codes of the rows from a number on into the size and the largest of them.
func (v *vector) measure(from int) {
	codes, ends := v.codes[from:], v.book.Offsets
	for i, code := range codes {
		v.largest = max(v.largest, code)
		if len(ends) > 0 && !v.null[from+i] {
			v.texts += int64(ends[code+1] - ends[code])
		}
	}
}

// expand gives the rows of a coded vector their values.
func (v *vector) expand() {
	if !v.coded {
		return
	}
	v.coded, v.texts, v.largest = false, 0, 0
	v.nums, v.ends, v.text = v.nums[:0], v.ends[:0], v.text[:0]
	v.appendExpanded(v.codes, v.null)
	v.codes = v.codes[:0]
}

// appendExpanded appends the values of codes to a vector that is not coded.
func (v *vector) appendExpanded(codes []uint32, null []bool) {
	if v.typ.Scalar != rowfile.ScalarString {
		for i, code := range codes {
			word := uint64(0)
			if !null[i] {
				word = v.book.Words[code]
			}
			v.nums = append(v.nums, word)
		}
		return
	}
	for i, code := range codes {
		if !null[i] {
			v.text = append(v.text, v.book.TextAt(code)...)
		}
		v.ends = append(v.ends, uint32(len(v.text)))
	}
}

// num are the bits of a row's number.
func (v *vector) num(row int) uint64 {
	if !v.coded {
		return v.nums[row]
	}
	if v.null[row] {
		return 0
	}
	return v.book.Words[v.codes[row]]
}

// codesWidth is how many bytes the code of a row takes in the scratch file.
func (v *vector) codesWidth() int {
	if v.largest < 1<<8 {
		return 1
	}
	return 2 // there are no more than bookValues
}

// gatherCodes adds rows of a coded vector, if the rows before are coded too or have no values, and
// reports whether it did.
func (p *pending) gatherCodes(v *vector, rows []int32) bool {
	c := &p.Column
	if c.Book == nil {
		if c.Levels > p.nulls {
			return false
		}
		c.Book, c.Codes = &v.book.Book, c.Codes[:0]
	}
	p.addLevels(v, rows)
	if !v.nulls {
		to := grown(&c.Codes, len(rows))
		for i, row := range rows {
			to[i] = v.codes[row]
		}
		return true
	}
	for _, row := range rows {
		if !v.null[row] {
			c.Codes = append(c.Codes, v.codes[row])
		}
	}
	return true
}

// expand gives rows that are coded their values.
func (p *pending) expand(t rowfile.Type) {
	c := &p.Column
	if c.Book == nil {
		return
	}
	b := c.Book
	c.Book = nil
	for _, code := range c.Codes {
		switch t.Scalar {
		case rowfile.ScalarString:
			c.Text = append(c.Text, b.TextAt(code)...)
			c.Offsets = append(c.Offsets, uint32(len(c.Text)))
		case rowfile.ScalarDouble, rowfile.ScalarFloat32:
			c.Doubles = append(c.Doubles, math.Float64frombits(b.Words[code]))
		default:
			c.Int64s = append(c.Int64s, int64(b.Words[code]))
		}
	}
	c.Codes = c.Codes[:0]
}

// repeats reports whether a dictionary pays for the rows, in row groups of so many.
func (p *pending) repeats(r *rowfile.Repeats, t rowfile.Type, group int) bool {
	c := &p.Column
	words := func(n int, at func(int) uint64) bool { return !t.List && r.Numbers(n, at, group) }
	switch {
	case c.Book != nil && t.Scalar == rowfile.ScalarString:
		return r.Texts(len(c.Codes), func(i int) []byte { return c.Book.TextAt(c.Codes[i]) })
	case c.Book != nil:
		return words(len(c.Codes), func(i int) uint64 { return c.Book.Words[c.Codes[i]] })
	}
	return r.OfStored(t, c, group)
}
