package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// packLeaf is where reading stands in a leaf of a row group.
type packLeaf struct {
	number   int
	most     byte
	pages    parquet.Pages
	page     parquet.Page
	def, rep []byte // of the page
	levels   int
	level    int // used
	value    int // used
	values   pageValues
	book     *events.Book // the dictionary of the chunk; nil: it is not one of few texts
	booked   bool         // it was looked at
}

// take moves the levels and values of so many rows into a column.
func (l *packLeaf) take(c *packed.Column, rows int, listed bool) error {
	for begun := 0; ; {
		if l.level == l.levels {
			c.Own() // the page goes
			switch err := l.fill(); {
			case errors.Is(err, io.EOF) && begun == rows:
				return nil
			case errors.Is(err, io.EOF):
				return io.ErrUnexpectedEOF
			case err != nil:
				return err
			}
			continue
		}
		end := l.level
		if listed {
			for ; end < l.levels; end++ {
				if l.rep[end] == 0 {
					if begun == rows {
						break
					}
					begun++
				}
			}
		} else {
			end = min(l.levels, l.level+rows-begun)
			begun += end - l.level
		}
		if err := l.move(c, end); err != nil {
			return err
		}
		if begun == rows && (!listed || l.level < l.levels) {
			return nil
		}
	}
}

// move moves levels up to end, and their values, into a column.
func (l *packLeaf) move(c *packed.Column, end int) error {
	values := end - l.level
	c.Levels += values
	if l.def != nil {
		def := l.def[l.level:end]
		c.Def = append(c.Def, def...)
		values = bytes.Count(def, []byte{l.most})
	}
	if l.rep != nil {
		c.Rep = append(c.Rep, l.rep[l.level:end]...)
	}
	err := l.moveValues(c, values)
	l.level, l.value = end, l.value+values
	return err
}

// moveValues moves the next n values into a column: as numbers of its book as long as all values of the block can.
func (l *packLeaf) moveValues(c *packed.Column, n int) error {
	if l.book == nil || l.values.indexes == nil || len(c.Offsets) > 1 {
		if !c.Decode(packText) {
			return errTooLarge
		}
		return l.values.move(c, l.value, n)
	}
	if l.value+n > len(l.values.indexes) {
		return io.ErrUnexpectedEOF
	}
	c.Book, c.Codes = l.book, slices.Grow(c.Codes, n)
	texts := uint32(l.book.Len())
	for _, i := range l.values.indexes[l.value : l.value+n] {
		if uint32(i) >= texts {
			return fmt.Errorf("damaged: text %d of a dictionary of %d", i, texts)
		}
		c.Codes = append(c.Codes, uint32(i))
	}
	return nil
}

// A dictionary is handed over once for all blocks of a row group if it has few texts, which are short.
const (
	bookTexts = 4096
	bookBytes = 64 << 10
)

// takeBook takes the dictionary of the chunk, if it is such a one.
func (l *packLeaf) takeBook() {
	v := &l.values
	if l.booked || v.indexes == nil {
		return
	}
	l.booked = true
	if v.kind != encoding.ByteArray {
		return
	}
	if n := len(v.offsets) - 1; n > 0 && n <= bookTexts && v.offsets[n] <= bookBytes {
		l.book = &events.Book{Text: bytes.Clone(v.text[:v.offsets[n]]), Offsets: slices.Clone(v.offsets)}
	}
}

// first goes to the first page, if there is one: take says what it means if there is none.
func (l *packLeaf) first() (err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	if err := l.fill(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// fill goes to the next page.
func (l *packLeaf) fill() (err error) {
	l.release()
	if l.page, err = l.pages.ReadPage(); err != nil {
		return err
	}
	l.levels, l.level, l.value = int(l.page.NumValues()), 0, 0
	l.def, l.rep = l.page.DefinitionLevels(), l.page.RepetitionLevels()
	if len(l.def) == 0 {
		l.def = nil
	}
	if len(l.rep) == 0 {
		l.rep = nil
	}
	if l.def != nil && len(l.def) != l.levels || l.rep != nil && len(l.rep) != l.levels {
		return errors.New("a page has another number of levels than it says")
	}
	if err := l.values.of(l.page); err != nil {
		return err
	}
	l.takeBook()
	return nil
}

func (l *packLeaf) release() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page = nil
	}
}

func (l *packLeaf) close() {
	l.release()
	if l.pages != nil {
		_ = l.pages.Close() // it was only read
		l.pages = nil
	}
}

// atEnd looks whether all was used.
func (l *packLeaf) atEnd() error {
	for l.level == l.levels {
		if err := l.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("a column has more values than its row group has rows")
}
