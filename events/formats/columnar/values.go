package columnar

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// dictionary has the values that those of a column are numbers of: words, or texts.
type dictionary struct {
	words   []uint64
	text    []byte
	offsets []uint32
}

// dictionary reads that of the column.
func (c *chunk) dictionary(head *format.PageHeader) error {
	h := &head.DictionaryPageHeader.V
	if h.Encoding != format.Plain && h.Encoding != plainDictionary {
		return errPage
	}
	_, rest, err := c.whole(head, 0, c.isCompressed())
	if err != nil {
		return err
	}
	n := plainValues(c.kind, rest)
	if n != int(h.NumValues) {
		return errPage
	}
	if err := checkPlain(c.kind, &pageBytes{rest: rest}, n); err != nil {
		return err
	}
	d := &dictionary{}
	if c.kind == parquet.ByteArray {
		d.text, d.offsets, err = appendTexts(make([]byte, 0, len(rest)-n*textHead), append(make([]uint32, 0, n+1), 0),
			&pageBytes{rest: rest}, n, math.MaxInt32)
	} else {
		d.words = appendWords(make([]uint64, 0, n), c.kind, rest)
	}
	c.dict = d
	return err
}

// texts implements leafPages.
func (c *chunk) texts() (text []byte, offsets []uint32) {
	if !c.coded || c.kind != parquet.ByteArray {
		return nil, nil
	}
	return c.dict.text, c.dict.offsets
}

// codes implements leafPages.
func (c *chunk) codes(to *packed.Column, n int) error {
	from := len(to.Codes)
	to.Codes = slices.Grow(to.Codes, n)[:from+n]
	return fill(&c.indexes, to.Codes[from:])
}

// values implements leafPages. A number that the dictionary has not is a panic, which packer.group makes an error.
func (c *chunk) values(to *packed.Column, n int) error {
	if c.kind == parquet.Boolean {
		return c.bools(to, n)
	}
	if !c.coded {
		return appendPlain(to, c.kind, &c.plain, n)
	}
	c.numbers = slices.Grow(c.numbers[:0], n)[:n]
	if err := fill(&c.indexes, c.numbers); err != nil {
		return err
	}
	d := c.dict
	if c.kind != parquet.ByteArray {
		words := slices.Grow(to.Words, n)
		for _, i := range c.numbers {
			words = append(words, d.words[i])
		}
		to.Words = words
		return nil
	}
	text, offsets := to.Text, slices.Grow(to.Offsets, n)
	for _, i := range c.numbers {
		if len(text) > packText {
			return errTooLarge
		}
		text = append(text, d.text[d.offsets[i]:d.offsets[i+1]]...)
		offsets = append(offsets, uint32(len(text)))
	}
	to.Text, to.Offsets = text, offsets
	return nil
}

// wordSize is how many bytes a word has.
const wordSize = 8

// textHead is how long the length is that stands before each text.
const textHead = 4

// plainSize is how many bytes a value has; 0 of a text.
func plainSize(kind parquet.Kind) int {
	switch kind {
	case parquet.Int32, parquet.Float:
		return 4
	case parquet.Int64, parquet.Double:
		return 8
	}
	return 0
}

// plainValues is how many values the bytes are, or begin to be.
func plainValues(kind parquet.Kind, b []byte) (n int) {
	if size := plainSize(kind); size > 0 {
		return len(b) / size
	}
	for ; len(b) > 0; n++ {
		if len(b) < textHead {
			return n + 1
		}
		size := int(binary.LittleEndian.Uint32(b))
		b = b[min(len(b), textHead+size):]
	}
	return n
}

// checkPlain looks whether bytes that are all in memory are so many values at least, and nothing else.
func checkPlain(kind parquet.Kind, b *pageBytes, least int) error {
	if b.from != nil {
		return nil
	}
	if plainValues(kind, b.rest) < least {
		return io.ErrUnexpectedEOF
	}
	if plainSize(kind) > 0 {
		return nil
	}
	for rest := b.rest; len(rest) > 0; {
		size := 0
		if len(rest) >= textHead {
			size = int(binary.LittleEndian.Uint32(rest))
		}
		if len(rest)-textHead < size {
			return io.ErrUnexpectedEOF
		}
		rest = rest[textHead+size:]
	}
	return nil
}

// appendPlain appends n values that stand one after the other.
func appendPlain(to *packed.Column, kind parquet.Kind, b *pageBytes, n int) (err error) {
	size := plainSize(kind)
	if size == 0 {
		to.Text, to.Offsets, err = appendTexts(to.Text, to.Offsets, b, n, packText)
		return err
	}
	for n > 0 {
		some := n
		if b.from != nil {
			some = min(n, cap(b.memory)/size)
		}
		to.Own() // what the column was lent lies where the next bytes may come to lie
		values, err := b.next(some * size)
		if err != nil {
			return err
		}
		if words, ok := wordsIn(values); ok && size == wordSize {
			to.Lend(words)
		} else {
			to.Words = appendWords(to.Words, kind, values)
		}
		n -= some
	}
	return nil
}

// appendWords appends the words of numbers that stand one after the other.
func appendWords(words []uint64, kind parquet.Kind, b []byte) []uint64 {
	words = slices.Grow(words, len(b)/plainSize(kind))
	switch kind {
	case parquet.Int32:
		for ; len(b) >= 4; b = b[4:] {
			words = append(words, uint64(int32(binary.LittleEndian.Uint32(b))))
		}
	case parquet.Float:
		for ; len(b) >= 4; b = b[4:] {
			words = append(words, math.Float64bits(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))))
		}
	default:
		for ; len(b) >= wordSize; b = b[wordSize:] {
			words = append(words, binary.LittleEndian.Uint64(b))
		}
	}
	return words
}

// wordsIn are the words that bytes are, if they stand as memory has words.
func wordsIn(b []byte) (words []uint64, ok bool) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%8 != 0 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, false
	}
	return unsafe.Slice((*uint64)(p), len(b)/8), true
}

// appendTexts appends n texts. The error is errTooLarge if all of them are longer than most.
func appendTexts(text []byte, offsets []uint32, b *pageBytes, n, most int) ([]byte, []uint32, error) {
	offsets = slices.Grow(offsets, n)
	for n > 0 {
		rest := b.rest
		size := 0
		for n > 0 && len(rest) >= textHead {
			if size = int(binary.LittleEndian.Uint32(rest)); len(rest)-textHead < size {
				break
			}
			text = append(text, rest[textHead:textHead+size]...)
			offsets = append(offsets, uint32(len(text)))
			rest, size = rest[textHead+size:], 0
			n--
		}
		b.rest = rest
		if len(text) > most || size > most {
			return text, offsets, errTooLarge
		}
		if n > 0 {
			if err := b.need(textHead + size); err != nil {
				return text, offsets, err
			}
		}
	}
	return text, offsets, nil
}
