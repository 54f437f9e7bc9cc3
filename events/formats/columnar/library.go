package columnar

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// libraryPages are pages that the library decodes, each as a whole.
type libraryPages struct {
	pages parquet.Pages
	page  parquet.Page
	of    pageValues
	used  int // values of the page
}

// levels implements leafPages.
func (p *libraryPages) levels() (n int, rep, def []byte, err error) {
	p.release()
	if p.page, err = p.pages.ReadPage(); err != nil {
		return 0, nil, nil, err
	}
	n, p.used = int(p.page.NumValues()), 0
	if def = p.page.DefinitionLevels(); len(def) == 0 {
		def = nil
	}
	if rep = p.page.RepetitionLevels(); len(rep) == 0 {
		rep = nil
	}
	if def != nil && len(def) != n || rep != nil && len(rep) != n {
		return 0, nil, nil, errors.New("a page has another number of levels than it says")
	}
	return n, rep, def, p.of.of(p.page)
}

// texts implements leafPages.
func (p *libraryPages) texts() (text []byte, offsets []uint32) {
	if p.of.indexes == nil || p.of.kind != encoding.ByteArray {
		return nil, nil
	}
	return p.of.text, p.of.offsets
}

// codes implements leafPages.
func (p *libraryPages) codes(to *packed.Column, n int) error {
	if p.used+n > len(p.of.indexes) {
		return io.ErrUnexpectedEOF
	}
	to.Codes = slices.Grow(to.Codes, n)
	for _, i := range p.of.indexes[p.used : p.used+n] {
		to.Codes = append(to.Codes, uint32(i))
	}
	p.used += n
	return nil
}

// values implements leafPages.
func (p *libraryPages) values(to *packed.Column, n int) error {
	err := p.of.move(to, p.used, n)
	p.used += n
	return err
}

func (p *libraryPages) release() {
	if p.page != nil {
		parquet.Release(p.page)
		p.page = nil
	}
}

// close implements leafPages.
func (p *libraryPages) close() {
	p.release()
	_ = p.pages.Close() // it was only read
}

// pageValues are the values of a page, which may be those of a dictionary.
type pageValues struct {
	kind    encoding.Kind
	indexes []int32 // nil: there is no dictionary
	bits    []byte
	int32s  []int32
	int64s  []int64
	floats  []float32
	doubles []float64
	text    []byte
	offsets []uint32
}

// of are the values of a page.
func (v *pageValues) of(page parquet.Page) error {
	*v = pageValues{}
	data := page.Data()
	if dict := page.Dictionary(); dict != nil {
		v.indexes = data.Int32()
		data = dict.Page().Data()
	}
	v.kind = data.Kind()
	switch v.kind {
	case encoding.Boolean:
		v.bits = data.Boolean()
	case encoding.Int32:
		v.int32s = data.Int32()
	case encoding.Int64:
		v.int64s = data.Int64()
	case encoding.Float:
		v.floats = data.Float()
	case encoding.Double:
		v.doubles = data.Double()
	case encoding.ByteArray:
		v.text, v.offsets = data.ByteArray()
	default:
		if page.NumNulls() < page.NumValues() {
			return fmt.Errorf("it has values of type %s", v.kind)
		}
	}
	return nil
}

// move appends n values from one on to a column.
func (v *pageValues) move(c *packed.Column, from, n int) error {
	if n == 0 {
		return nil
	}
	if v.indexes == nil {
		return v.add(c, from, n)
	}
	if from+n > len(v.indexes) {
		return io.ErrUnexpectedEOF
	}
	indexes := v.indexes[from : from+n]
	switch v.kind {
	case encoding.Int64:
		c.Words = appendOf(c.Words, v.int64s, indexes, func(x int64) uint64 { return uint64(x) })
	case encoding.Double:
		c.Words = appendOf(c.Words, v.doubles, indexes, math.Float64bits)
	case encoding.ByteArray:
		text, offsets := c.Text, slices.Grow(c.Offsets, len(indexes))
		for _, i := range indexes {
			if len(text) > packText {
				return errTooLarge
			}
			text = append(text, v.text[v.offsets[i]:v.offsets[i+1]]...)
			offsets = append(offsets, uint32(len(text)))
		}
		c.Text, c.Offsets = text, offsets
	default:
		for _, i := range indexes {
			if err := v.add(c, int(i), 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendOf appends the words of values of a dictionary.
func appendOf[T any](words []uint64, values []T, indexes []int32, word func(T) uint64) []uint64 {
	words = slices.Grow(words, len(indexes))
	for _, i := range indexes {
		words = append(words, word(values[i]))
	}
	return words
}

// appendAll appends the words of values.
func appendAll[T any](words []uint64, values []T, word func(T) uint64) []uint64 {
	words = slices.Grow(words, len(values))
	for _, x := range values {
		words = append(words, word(x))
	}
	return words
}

// wordsOf are numbers of eight bytes as their bits.
func wordsOf[T int64 | float64](values []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
}

// add appends n values of the page or the dictionary. An index out of bounds is a panic,
// which group makes an error.
func (v *pageValues) add(c *packed.Column, from, n int) error {
	end := from + n
	switch v.kind {
	case encoding.Boolean:
		for i := from; i < end; i++ {
			c.Words = append(c.Words, uint64(v.bits[i/8]>>(i%8)&1))
		}
	case encoding.Int32:
		c.Words = appendAll(c.Words, v.int32s[from:end], func(x int32) uint64 { return uint64(int64(x)) })
	case encoding.Int64:
		c.Lend(wordsOf(v.int64s[from:end]))
	case encoding.Float:
		c.Words = appendAll(c.Words, v.floats[from:end], func(x float32) uint64 { return math.Float64bits(float64(x)) })
	case encoding.Double:
		c.Lend(wordsOf(v.doubles[from:end]))
	default:
		if len(c.Text) > packText {
			return errTooLarge
		}
		base := uint32(len(c.Text)) - v.offsets[from]
		c.Text = append(c.Text, v.text[v.offsets[from]:v.offsets[end]]...)
		for _, o := range v.offsets[from+1 : end+1] {
			c.Offsets = append(c.Offsets, base+o)
		}
	}
	return nil
}
