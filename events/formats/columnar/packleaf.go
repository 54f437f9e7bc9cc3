package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// packLeaf is where reading stands in a leaf of a row group.
type packLeaf struct {
	number   int
	most     byte
	pages    leafPages
	own      *chunk       // is pages, or memory for the next row group
	def, rep []byte       // of levels at hand; nil: of all they are the same
	count    int          // of these levels
	level    int          // used
	book     *events.Book // the dictionary of the chunk; nil: it is not one of few texts
	booked   bool         // it was looked at
}

// leafPages are the levels and the values of a leaf, in order.
type leafPages interface {
	// levels are the next ones, of one page. They are good until it is called again; the values of those before were
	// used. The error is io.EOF after the last. def and rep are nil if all values are there, or outside of lists.
	levels() (n int, rep, def []byte, err error)
	// texts are those of the dictionary, if the values of the levels are numbers of such; else there are no offsets.
	texts() (text []byte, offsets []uint32)
	// codes appends the next n numbers.
	codes(to *packed.Column, n int) error
	// values appends the next n values.
	values(to *packed.Column, n int) error
	close()
}

// open begins to read a leaf of a row group.
func (l *packLeaf) open(p *packer, c parquet.ColumnChunk, meta *format.ColumnChunk, listed bool) {
	kind := c.Type().Kind()
	if !canRead(meta, kind) {
		l.pages = &libraryPages{pages: c.Pages()}
		return
	}
	if l.own == nil {
		l.own = &chunk{kind: kind, most: l.most, scratch: &p.scratch}
		if listed {
			l.own.lists = 1
		}
	}
	l.own.open(p.file, &meta.MetaData)
	l.pages = l.own
}

// take moves the levels and values of so many rows into a column.
func (l *packLeaf) take(c *packed.Column, rows int, listed bool) error {
	for begun := 0; ; {
		if l.level == l.count {
			c.Own() // a page may go
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
			for ; end < l.count; end++ {
				if l.rep[end] == 0 {
					if begun == rows {
						break
					}
					begun++
				}
			}
		} else {
			end = min(l.count, l.level+rows-begun)
			begun += end - l.level
		}
		if err := l.move(c, end); err != nil {
			return err
		}
		if begun == rows && (!listed || l.level < l.count) {
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
	l.level = end
	return l.moveValues(c, values)
}

// moveValues moves the next n values into a column: as numbers of its book as long as all values of the block can.
func (l *packLeaf) moveValues(c *packed.Column, n int) error {
	if _, offsets := l.pages.texts(); l.book == nil || offsets == nil || len(c.Offsets) > 1 {
		if !c.Decode(packText) {
			return errTooLarge
		}
		if n == 0 {
			return nil
		}
		return l.pages.values(c, n)
	}
	from := len(c.Codes)
	if err := l.pages.codes(c, n); err != nil {
		return err
	}
	c.Book = l.book
	for _, code := range c.Codes[from:] {
		if int(code) >= l.book.Len() {
			return fmt.Errorf("damaged: text %d of a dictionary of %d", code, l.book.Len())
		}
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
	text, offsets := l.pages.texts()
	if l.booked || offsets == nil {
		return
	}
	l.booked = true
	if n := len(offsets) - 1; n > 0 && n <= bookTexts && offsets[n] <= bookBytes {
		l.book = &events.Book{Text: bytes.Clone(text[:offsets[n]]), Offsets: slices.Clone(offsets)}
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

// fill goes to the next levels.
func (l *packLeaf) fill() (err error) {
	l.level = 0
	if l.count, l.rep, l.def, err = l.pages.levels(); err != nil {
		l.count = 0
		return err
	}
	l.takeBook()
	return nil
}

func (l *packLeaf) close() {
	if l.pages != nil {
		l.pages.close()
		l.pages = nil
	}
}

// atEnd looks whether all was used.
func (l *packLeaf) atEnd() error {
	for l.level == l.count {
		if err := l.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("a column has more values than its row group has rows")
}
