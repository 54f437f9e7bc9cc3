package packed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats"
)

// Block is some rows of a file. One goroutine uses it.
type Block struct {
	Rows   int
	schema *Schema
	leaves []leaf
	starts []uint32 // of each row, its first level in leaves of the list; one more for the end
	used   int      // bytes of text in the request at hand
	// featureText is how many bytes of text the features of all rows have, once Columns has looked.
	featureText int
	room        *Room // where the rows lie; nil: they are in memory that Reader.Next was given
	slot        int
}

// InRoom reports whether the rows are in memory of both processes.
func (b *Block) InRoom() bool { return b.room != nil }

// Release gives such memory back. Nothing of the rows is used any more.
func (b *Block) Release() {
	if b.room != nil {
		b.room.free(b.slot)
		b.room = nil
	}
}

// leaf is a column of a block.
type leaf struct {
	levels  int
	def     []byte // of each level; nil: each value is there
	at      []int32
	words   []uint64
	offsets []uint32 // of texts, one more than there are
	text    []byte
	ascii   bool
	// book, if not nil, has the texts instead, and codes are their numbers there.
	book   *book
	codes  []uint32
	length int // of all texts
}

// book is texts of a leaf, for more than one block.
type book struct {
	events.Book
	ascii, valid bool // all of them are ASCII, or UTF-8
}

// What a leaf has in a block.
const (
	hasDef = 1 << iota
	hasRep
	hasCodes
)

// errDamaged says that a block is none. Only this program writes blocks.
var errDamaged = errors.New("a block of rows is damaged")

// decode makes b, whose memory is used again, the rows of a payload, in which it lies. Books are those of the leaves
// so far.
func (b *Block) decode(payload []byte, books []*book) error {
	r := &bytesReader{rest: payload}
	b.Rows = int(r.uint32())
	b.starts, b.used, b.featureText = b.starts[:0], 0, 0
	b.leaves = slices.Grow(b.leaves[:0], len(b.schema.leaves))[:len(b.schema.leaves)]
	for i := range b.leaves {
		if err := b.decodeLeaf(i, r, &books[i]); err != nil {
			return err
		}
	}
	if r.failed || len(r.rest) > 0 {
		return errDamaged
	}
	return nil
}

func (b *Block) decodeLeaf(i int, r *bytesReader, of **book) error {
	l, t := &b.leaves[i], &b.schema.leaves[i]
	*l = leaf{at: l.at[:0]}
	flags := r.byte()
	l.levels = int(r.uint32())
	if flags&hasDef != 0 {
		l.def = r.bytes(l.levels)
	}
	if flags&hasRep != 0 {
		if rep := r.bytes(l.levels); len(b.starts) == 0 {
			for level, n := range rep {
				if n == 0 {
					b.starts = append(b.starts, uint32(level))
				}
			}
			b.starts = append(b.starts, uint32(len(rep)))
		}
	}
	values := 0
	switch {
	case flags&hasCodes != 0:
		if !l.decodeCodes(r, of) {
			return errDamaged
		}
		values = len(l.codes)
	case t.kind == KindText:
		var ok bool
		if l.text, l.offsets, ok = textsOf(r); !ok {
			return errDamaged
		}
		values, l.length = l.texts(), len(l.text)
		l.ascii = isASCII(l.text)
	default:
		values = int(r.uint32())
		l.words = numbersOf[uint64](r, values)
	}
	n := l.levels
	if l.def != nil {
		n, l.at = 0, slices.Grow(l.at, len(l.def))
		for _, d := range l.def {
			l.at = append(l.at, int32(n))
			if d >= t.def {
				n++
			}
		}
	}
	if r.failed || n != values || !t.listed && l.levels != b.Rows || t.listed && (len(b.starts) != b.Rows+1 ||
		l.levels != int(b.starts[b.Rows])) {
		return errDamaged
	}
	return nil
}

// textsOf takes texts, after their number.
func textsOf(r *bytesReader) (text []byte, offsets []uint32, ok bool) {
	values := int(r.uint32())
	if offsets = numbersOf[uint32](r, values+1); len(offsets) == 0 {
		return nil, nil, false
	}
	text = r.bytes(int(offsets[values]))
	return text, offsets, !r.failed
}

// decodeCodes takes the numbers of texts, after the book that has them if it is a new one.
func (l *leaf) decodeCodes(r *bytesReader, of **book) (ok bool) {
	if r.byte() == 1 {
		text, offsets, ok := textsOf(r)
		if !ok {
			return false
		}
		*of = newBook(bytes.Clone(text), slices.Clone(offsets))
	}
	if l.book = *of; l.book == nil {
		return false
	}
	l.ascii, l.codes = l.book.ascii, numbersOf[uint32](r, int(r.uint32()))
	offsets := l.book.Offsets
	for _, code := range l.codes {
		if int(code)+1 >= len(offsets) {
			return false
		}
		l.length += int(offsets[code+1] - offsets[code])
	}
	return true
}

func newBook(text []byte, offsets []uint32) *book {
	b := &book{Book: events.Book{Text: text, Offsets: offsets}, ascii: isASCII(text)}
	b.valid = b.ascii
	for i := 0; !b.ascii && i < b.Len(); i++ {
		if b.valid = utf8.Valid(b.At(uint32(i))); !b.valid {
			break
		}
	}
	return b
}

func isASCII(text []byte) bool {
	for len(text) >= 8 {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// bytesReader takes a payload to pieces.
type bytesReader struct {
	rest   []byte
	at     int // how much was taken
	failed bool
}

func (r *bytesReader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest, r.at = r.rest[n:], r.at+n
	return b
}

func (r *bytesReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *bytesReader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// there reports whether a field is there, at a level of its leaves.
func (b *Block) there(f *Field, level int) bool {
	l := &b.leaves[f.leaf]
	return l.def == nil || l.def[level] >= f.Def
}

// valueIndex is which of its leaf's values a field has that is there.
func (l *leaf) valueIndex(level int) int {
	if l.def == nil {
		return level
	}
	return int(l.at[level])
}

// texts is how many texts there are.
func (l *leaf) texts() int { return max(len(l.offsets), 1) - 1 + len(l.codes) }

// textAt is the text of an index.
func (l *leaf) textAt(index int) []byte {
	if l.book != nil {
		return l.book.At(l.codes[index])
	}
	from, to := l.offsets[index], l.offsets[index+1]
	return l.text[from:to:to]
}

func (b *Block) word(f *Field, level int) uint64 {
	l := &b.leaves[f.leaf]
	return l.words[l.valueIndex(level)]
}

func (b *Block) int(f *Field, level int) int64      { return int64(b.word(f, level)) }
func (b *Block) bool(f *Field, level int) int64     { return int64(b.word(f, level) & 1) }
func (b *Block) double(f *Field, level int) float64 { return math.Float64frombits(b.word(f, level)) }

func (b *Block) text(f *Field, level int) []byte {
	l := &b.leaves[f.leaf]
	return l.textAt(l.valueIndex(level))
}

// elements are the levels of the elements of a row's list.
func (b *Block) elements(list *Field, row int) (first, end int) {
	if list == nil {
		return 0, 0
	}
	first, end = int(b.starts[row]), int(b.starts[row+1])
	if l := &b.leaves[list.leaf]; l.def != nil && l.def[first] < list.Each {
		end = first
	}
	return first, end
}

// JSON implements events.Records. The line is the one that package columnar writes.
func (b *Block) JSON(row int) []byte { return b.appendGroup(nil, b.schema.Fields, row) }

func (b *Block) appendGroup(dst []byte, fields []Field, level int) []byte {
	dst = append(dst, '{')
	none := true
	for i := range fields {
		f := &fields[i]
		if f.Kind == KindList {
			first := int(b.starts[level])
			if !b.there(f, first) {
				continue
			}
		} else if !b.there(f, level) {
			continue
		}
		begin := len(dst)
		if !none {
			dst = append(dst, ',')
		}
		dst = append(formats.AppendText(dst, f.Name), ':')
		value := len(dst)
		if dst = b.appendValue(dst, f, level); string(dst[value:]) == "null" {
			dst = dst[:begin]
			continue
		}
		none = false
	}
	return append(dst, '}')
}

func (b *Block) appendValue(dst []byte, f *Field, level int) []byte {
	switch f.Kind {
	case KindText:
		if f.Bytes {
			return formats.AppendTextOr64(dst, b.text(f, level))
		}
		return formats.AppendText(dst, b.text(f, level))
	case KindInt:
		return strconv.AppendInt(dst, b.int(f, level), 10)
	case KindDouble:
		return formats.AppendFloatOf(dst, f.Name, b.double(f, level))
	case KindBool:
		return strconv.AppendBool(dst, b.bool(f, level) == 1)
	case KindTime:
		n, second := b.int(f, level), int64(time.Second)/f.Per
		return formats.AppendTime(dst, time.Unix(n/second, n%second*f.Per).UTC())
	case KindGroup:
		return b.appendGroup(dst, f.Fields, level)
	}
	dst = append(dst, '[')
	first, end := b.elements(f, level)
	for at := first; at < end; at++ {
		if at > first {
			dst = append(dst, ',')
		}
		if element := &f.Fields[0]; b.there(element, at) {
			dst = b.appendGroup(dst, element.Fields, at)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']')
}
