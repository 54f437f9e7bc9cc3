package rowfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// Reread reads the file back that Encode has written, with the summary that it returned, and
// compares the columns, the number of rows and every value with those of the builder. It
// finds what Verify finds, in less time: values are compared where they are, and not hashed.
func (b *Builder) Reread(r io.ReaderAt, size int64, sum *Summary) (err error) {
	defer guard(&err)
	w, err := openWritten(r, size, sum)
	if err != nil {
		return err
	}
	if len(b.finished) != len(w.columns) {
		return fmt.Errorf("the builder has %d columns, the file %d", len(b.finished), len(w.columns))
	}
	return w.each(func(i int, chunks []parquet.ColumnChunk) error {
		c := b.finished[i]
		d := comparison{pageDecoder: newPageDecoder(c.typ.stored(), c.required), chunker: newChunker(c),
			made: b.layout.takeColumn()}
		defer b.layout.columns.Put(d.made)
		end := 0
		for g, chunk := range chunks {
			if end += int(w.groups[g].NumRows()); end > b.rows {
				return errOther
			}
			if err := d.chunk(chunk, end); err != nil {
				return err
			}
		}
		return nil
	})
}

// errOther says that a file does not hold what was written.
var errOther = errors.New("read back other values than were written")

// comparison compares a column with what a file has of it.
type comparison struct {
	pageDecoder
	chunker      *chunker
	made         *colfile.Column // memory of want
	want         colfile.Column  // of the row group
	level, value int             // how far it was compared
	// codeOf is, per number of the file's dictionary, the code wanted of the same text, plus one; 0: it is not known.
	codeOf []uint32
}

// chunk compares the rows up to end, which are those of a column chunk.
func (c *comparison) chunk(chunk parquet.ColumnChunk, end int) error {
	c.want, c.level, c.value = c.chunker.next(end, c.made), 0, 0
	clear(c.codeOf)
	var got colfile.Column
	err := eachPage(chunk, func(page parquet.Page) error { return c.page(page, &got) })
	if err == nil && c.level != c.want.Levels {
		return errOther
	}
	return err
}

// page compares a page. got is memory that is used again.
func (c *comparison) page(page parquet.Page, got *colfile.Column) error {
	values, err := c.levels(page, got)
	if err != nil {
		return err
	}
	from, to := c.level, c.level+got.Levels
	if to > c.want.Levels || !sameLevels(got.Rep, c.want.Rep, from, to, 0) ||
		!sameLevels(got.Def, c.want.Def, from, to, c.most) {
		return errOther
	}
	same := values == 0 // of the same levels, as many values are wanted
	if dict := page.Dictionary(); !same && dict != nil {
		data := page.Data()
		same = c.sameByDictionary(dict, data.Int32(), values)
	} else if !same {
		found, err := c.fill(got, page, values)
		if err != nil {
			return err
		}
		same = found >= values && c.sameValues(got, values)
	}
	if !same {
		return errOther
	}
	c.level, c.value = to, c.value+values
	return nil
}

// sameLevels compares levels with a part of others. Those that are nil are all the same.
func sameLevels(got, want []byte, from, to int, all byte) bool {
	switch n := to - from; {
	case got != nil && want != nil:
		return bytes.Equal(got, want[from:to])
	case got != nil:
		return bytes.Count(got, []byte{all}) == n
	case want != nil:
		return bytes.Count(want[from:to], []byte{all}) == n
	}
	return true
}

// sameValues compares n values, at least one.
func (c *comparison) sameValues(got *colfile.Column, n int) bool {
	want, from, to := &c.want, c.value, c.value+n
	switch c.scalar {
	case ScalarString:
		return want.Book == nil && sameTexts(got, want, from, n) // a book makes a dictionary
	case ScalarBool:
		return slices.Equal(got.Bools[:n], want.Bools[from:to])
	case ScalarInt32:
		return slices.Equal(got.Int32s[:n], want.Int32s[from:to])
	case ScalarDouble, ScalarFloat32: // by their bits, as NaN is not itself
		return slices.Equal(wordsOf(got.Doubles[:n]), wordsOf(want.Doubles[from:to]))
	}
	return slices.Equal(got.Int64s[:n], want.Int64s[from:to])
}

// sameTexts compares texts, which lie one after the other.
func sameTexts(got, want *colfile.Column, from, n int) bool {
	ours, theirs := want.Offsets[from:from+n+1], got.Offsets[:n+1]
	by := ours[0] - theirs[0]
	for i := range ours {
		if ours[i]-theirs[i] != by {
			return false
		}
	}
	return bytes.Equal(got.Text[theirs[0]:theirs[n]], want.Text[ours[0]:ours[n]])
}

// sameByDictionary compares values that indexes stand for.
func (c *comparison) sameByDictionary(dict parquet.Dictionary, indexes []int32, n int) bool {
	data := dict.Page().Data()
	if data.Kind() != c.scalar.physical() || len(indexes) < n {
		return false
	}
	from, to := c.value, c.value+n
	switch c.scalar {
	case ScalarString:
	case ScalarInt32:
		return sameIndexed(data.Int32(), indexes, c.want.Int32s[from:to])
	case ScalarDouble:
		return sameIndexed(wordsOf(data.Double()), indexes, wordsOf(c.want.Doubles[from:to]))
	case ScalarFloat32:
		return sameSingles(data.Float(), indexes, c.want.Doubles[from:to])
	case ScalarBool:
		return false // none is written
	default:
		return sameIndexed(data.Int64(), indexes, c.want.Int64s[from:to])
	}
	text, places := data.ByteArray()
	if c.want.Book != nil {
		return c.sameByCodes(text, places, indexes[:n])
	}
	offsets := c.want.Offsets[c.value : c.value+n+1]
	for i, index := range indexes[:n] {
		if index < 0 || int(index)+1 >= len(places) {
			return false
		}
		if !bytes.Equal(text[places[index]:places[index+1]], c.want.Text[offsets[i]:offsets[i+1]]) {
			return false
		}
	}
	return true
}

// sameIndexed compares numbers of a dictionary that indexes stand for with those that are wanted.
func sameIndexed[T int32 | int64 | uint64](values []T, indexes []int32, want []T) bool {
	for i, index := range indexes[:len(want)] {
		if uint(index) >= uint(len(values)) || values[index] != want[i] {
			return false
		}
	}
	return true
}

// sameSingles is sameIndexed of singles, which are wanted as doubles: by their bits, as NaN is not itself.
func sameSingles(values []float32, indexes []int32, want []float64) bool {
	for i, index := range indexes[:len(want)] {
		if uint(index) >= uint(len(values)) || math.Float64bits(float64(values[index])) != math.Float64bits(want[i]) {
			return false
		}
	}
	return true
}

// sameByCodes compares texts that indexes stand for with texts that codes stand for: each two of them once.
func (c *comparison) sameByCodes(text []byte, places []uint32, indexes []int32) bool {
	texts := max(len(places), 1) - 1
	c.codeOf = slices.Grow(c.codeOf[:0], texts)[:texts] // all pages of a chunk have the same dictionary
	for i, index := range indexes {
		if index < 0 || int(index) >= texts {
			return false
		}
		code := c.want.Codes[c.value+i]
		if c.codeOf[index] == code+1 {
			continue
		}
		if !bytes.Equal(text[places[index]:places[index+1]], c.want.Book.TextAt(code)) {
			return false
		}
		c.codeOf[index] = code + 1
	}
	return true
}
