package columnar

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// Truth values stand bit by bit, or in runs of equal ones. The library (v0.32.0) reads runs wrongly: of a run of true,
// only the first of each eight. Writers of the second version of pages write runs. So truth values are decoded here.

// beginBools begins the truth values of a page.
func (c *chunk) beginBools(e format.Encoding, values pageBytes) error {
	switch e {
	case format.Plain:
		c.indexes = runs{bytes: values, width: 1, left: (c.there + 7) / 8 * 8} // as one run of bits
		if values.from == nil && len(values.rest) < (c.there+7)/8 {
			return io.ErrUnexpectedEOF
		}
		return nil
	case format.RLE:
		if c.there == 0 {
			return nil
		}
		size, err := values.next(4)
		if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(size)
		if values.from == nil {
			if uint64(n) > uint64(len(values.rest)) {
				return io.ErrUnexpectedEOF
			}
			values.rest = values.rest[:n]
		}
		c.indexes = runs{bytes: values, width: 1}
		return c.indexes.check(c.there)
	}
	return errPage
}

// bools appends the next n truth values.
func (c *chunk) bools(to *packed.Column, n int) error {
	c.numbers = slices.Grow(c.numbers[:0], n)[:n]
	if err := fill(&c.indexes, c.numbers); err != nil {
		return err
	}
	for _, x := range c.numbers {
		to.Words = append(to.Words, uint64(x&1))
	}
	return nil
}

// boolValues are the truth values of a column in a row group, as those of the library are.
type boolValues struct {
	chunk    chunk
	leaf     int
	rep, def []byte // of levels at hand
	left     int    // of these levels
}

// ReadValues implements parquet.ValueReader.
func (b *boolValues) ReadValues(values []parquet.Value) (n int, err error) {
	if b.left == 0 {
		if b.left, b.rep, b.def, err = b.chunk.levels(); err != nil {
			return 0, err
		}
	}
	n = min(b.left, len(values))
	b.left -= n
	there := n
	if b.def != nil {
		there = bytes.Count(b.def[:n], []byte{b.chunk.most})
	}
	b.chunk.numbers = slices.Grow(b.chunk.numbers[:0], there)[:there]
	if err := fill(&b.chunk.indexes, b.chunk.numbers); err != nil {
		return 0, err
	}
	at, rep, def := 0, 0, int(b.chunk.most)
	for i := range n {
		if b.rep != nil {
			rep = int(b.rep[i])
		}
		if b.def != nil {
			def = int(b.def[i])
		}
		v := parquet.NullValue()
		if def == int(b.chunk.most) {
			v = parquet.BooleanValue(b.chunk.numbers[at]&1 == 1)
			at++
		}
		values[i] = v.Level(rep, def, b.leaf)
	}
	if b.rep != nil {
		b.rep = b.rep[n:]
	}
	if b.def != nil {
		b.def = b.def[n:]
	}
	return n, nil
}

// Close implements leafValues.
func (b *boolValues) Close() error { return nil }
