package shards

import (
	"math"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// book numbers the values of a column that repeat, so that a number goes through the export in the
// place of a text. It only grows: rows that were read keep their numbers. One goroutine adds to it;
// who else reads it waits until everything is added.
type book struct {
	colfile.Book
	typ     rowfile.Type
	numbers map[uint64]uint32
	texts   map[string]uint32
}

// A book has no more values, and no more bytes of texts, than these. Columns with more go without.
const (
	bookValues = 1 << 16
	bookBytes  = 4 << 20
)

// newBook makes a book for a column; nil where values are not looked up in one.
func newBook(t rowfile.Type) *book {
	switch {
	case t.List:
		return nil
	case t.Scalar == rowfile.ScalarString:
		return &book{typ: t, texts: map[string]uint32{}, Book: colfile.Book{Offsets: []uint32{0}}}
	case t.Scalar.IsFloat(), t.Scalar == rowfile.ScalarInt64:
		return &book{typ: t, numbers: map[uint64]uint32{}}
	}
	return nil
}

// add returns the numbers of the values of a dictionary, of the book's type; nil: there is no room
// for them.
func (b *book) add(dictionary *colfile.Column) []uint32 {
	numbers := make([]uint32, dictionary.Levels)
	for i := range numbers {
		known := false
		switch b.typ.Scalar {
		case rowfile.ScalarString:
			numbers[i], known = b.text(dictionary.Text[dictionary.Offsets[i]:dictionary.Offsets[i+1]])
		case rowfile.ScalarDouble, rowfile.ScalarFloat32:
			numbers[i], known = b.word(math.Float64bits(dictionary.Doubles[i]))
		default:
			numbers[i], known = b.word(uint64(dictionary.Int64s[i]))
		}
		if !known {
			return nil
		}
	}
	return numbers
}

func (b *book) full() bool { return b.Len() >= bookValues || len(b.Text) >= bookBytes }

func (b *book) text(text []byte) (number uint32, ok bool) {
	if number, ok = b.texts[string(text)]; ok || b.full() {
		return number, ok
	}
	number = uint32(b.Len())
	b.Text = append(b.Text, text...)
	b.Offsets = append(b.Offsets, uint32(len(b.Text)))
	b.texts[string(text)] = number
	return number, true
}

func (b *book) word(word uint64) (number uint32, ok bool) {
	if number, ok = b.numbers[word]; ok || b.full() {
		return number, ok
	}
	number = uint32(b.Len())
	b.Words = append(b.Words, word)
	b.numbers[word] = number
	return number, true
}
