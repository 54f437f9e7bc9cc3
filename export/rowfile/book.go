package rowfile

import (
	"slices"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
)

// book is the texts of a column that comes as numbers of texts: each once, in the order in which they come. Neither
// the dictionary of the file nor what counts the texts has to look at each row's then.
type book struct {
	colfile.Book
	numbers map[string]uint32 // of the texts

	from     *events.Book // that the rows come with
	numberOf []uint32     // per code of it: the number here plus one; 0: it has none yet
}

// A column has a book as long as it has few texts, or each of them often.
const (
	bookTexts = 4096
	bookEach  = 4
)

func newBook() *book {
	return &book{Book: colfile.Book{Offsets: []uint32{0}}, numbers: map[string]uint32{}}
}

// number is the number of a text.
func (b *book) number(text string) uint32 {
	n, known := b.numbers[text]
	if !known {
		n = uint32(b.Len())
		b.Text = append(b.Text, text...)
		b.Offsets = append(b.Offsets, uint32(len(b.Text)))
		at := b.TextAt(n)
		b.numbers[unsafe.String(unsafe.SliceData(at), len(at))] = n // what is in the book does not change
	}
	return n
}

// CodeTexts gives a book to the columns of texts that the file has a dictionary of. What counts, encodes and compares
// them looks at each text once then. Finish must have been called, and nothing else may use the builder meanwhile.
func (b *Builder) CodeTexts() {
	workers := newWorkers(len(b.finished))
	workers.start(func(next func() (int, bool)) {
		coder, ok := b.layout.coders.Get().(*colfile.Coder)
		if !ok {
			coder = new(colfile.Coder)
		}
		defer b.layout.coders.Put(coder)
		var repeats Repeats
		for i, ok := next(); ok; i, ok = next() {
			c := b.finished[i]
			t := c.typ.stored()
			if t.Scalar != ScalarString || t.List || c.book != nil || !repeats.ofColumn(c, b.layout.groupRows) {
				continue
			}
			c.book = &book{}
			c.book.Book, c.codes = coder.Code(c.text, c.offsets, c.offsets[:0])
			c.text, c.offsets = c.text[:0], nil
		}
	})
	workers.wait()
}

// begin makes those of a book the codes that translate knows.
func (b *book) begin(from *events.Book) {
	if b.from != from {
		b.from = from
		b.numberOf = slices.Grow(b.numberOf[:0], from.Len())[:from.Len()]
		clear(b.numberOf)
	}
}

// translate is the number of a code.
func (b *book) translate(code uint32) uint32 {
	n := b.numberOf[code]
	if n == 0 {
		text := b.from.At(code)
		n = b.number(valid(unsafe.String(unsafe.SliceData(text), len(text)))) + 1
		b.numberOf[code] = n
	}
	return n - 1
}

// addCodes adds texts that come as numbers, and returns how many, and about how many bytes they take as texts.
func (c *column) addCodes(r *run) (n, size int) {
	from, codes := r.column.Book, r.column.Codes[r.at:r.at+len(r.rows)]
	offsets := from.Offsets
	for _, code := range codes {
		size += int(offsets[code+1] - offsets[code])
	}
	n, size = len(codes), size+len(codes)*(tagBytes+textBytes)
	if c.book == nil && !c.encode() {
		c.addStrings(r.once[:n], func(i int) string { return r.value(i).Str })
		return n, size
	}
	c.book.begin(from)
	into := grown(c, c.codes, n)
	for _, code := range codes {
		into = append(into, c.book.translate(code))
	}
	c.codes = into
	c.tagRun(events.ValueString, n)
	c.bound()
	return n, size
}

// addNames adds texts of which a file mostly has few different ones, each so many times, or null where one is empty.
func (c *column) addNames(times []int, at func(int) string) {
	if c.book == nil {
		c.encode()
	}
	c.addOptionalStrings(times, at)
}

// addToBook adds texts, each so many times, to a column with a book. Their rows have no tags yet.
func (c *column) addToBook(times []int, at func(int) string) {
	codes := grown(c, c.codes, sum(times))
	last, number := "", uint32(0)
	for i, n := range times {
		if text := at(i); i == 0 || text != last {
			last, number = text, c.book.number(valid(text))
		}
		for range n {
			codes = append(codes, number)
		}
	}
	c.tagRun(events.ValueString, len(codes)-len(c.codes))
	c.codes = codes
	c.bound()
}

// encode gives a column a book for the texts that it has, if they are few.
func (c *column) encode() bool {
	if c.texts() > bookTexts {
		return false
	}
	b := newBook()
	codes := make([]uint32, c.texts())
	for i := range codes {
		codes[i] = b.number(string(c.textAt(i)))
	}
	c.codes = append(c.offsets[:0], codes...)
	c.book, c.text, c.offsets = b, c.text[:0], nil
	return true
}

// bound gives the texts back to a column whose book became large.
func (c *column) bound() {
	if n := c.book.Len(); n > bookTexts && n > len(c.codes)/bookEach {
		c.decode()
	}
}

// decode gives a column with a book its texts.
func (c *column) decode() {
	text := c.text[:0]
	offsets := append(grown(c, c.codes, 1), 0) // the last is the end
	start := uint32(0)
	for i, code := range c.codes {
		text = append(text, c.book.TextAt(code)...)
		offsets[i], start = start, uint32(len(text))
	}
	offsets[len(c.codes)] = start
	c.text, c.offsets, c.book, c.codes = text, offsets, nil, nil
}
