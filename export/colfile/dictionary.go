package colfile

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// dictionary numbers the distinct values of a column in the order in which they
// come. The memory is used again for the next column.
type dictionary struct {
	text    []byte
	offsets []uint32
	words   []uint64 // numbers, as their bits
	size    int      // of a number in the file, in bytes; 0: these are texts
	single  bool     // numbers are doubles, of which the file has single precision
	indexes []int32  // of the column's values

	// slots find the number of a value by its hash: the number plus one, 0 where there is
	// none. There are at least twice as many as numbers, and a power of two.
	slots []uint32
	shift uint // of a hash
	seed  maphash.Seed
	// small are the numbers of small integers plus one: counts and positions mostly are. 0: it is not known.
	small [1 << 12]int32

	coded []int32 // per code of a Book: the number plus one

	used   []uint32 // per number: the page, counted from 1, that had it last
	page   uint32
	ranked []int32 // numbers of the page at hand
}

// Coder makes books of texts. Its memory is used again; it is used by one goroutine.
type Coder struct{ dict dictionary }

// Code returns a book of texts, the i-th of which is from offsets[i] to offsets[i+1], and appends their codes, which
// may be in the memory of the offsets.
func (k *Coder) Code(text []byte, offsets, codes []uint32) (Book, []uint32) {
	d := &k.dict
	d.build(&Column{Text: text, Offsets: offsets}, format.ByteArray)
	codes = slices.Grow(codes, len(d.indexes))
	for _, n := range d.indexes {
		codes = append(codes, uint32(n))
	}
	return Book{Text: bytes.Clone(d.text), Offsets: slices.Clone(d.offsets)}, codes
}

// leastSlots is how many slots there are at first.
const leastSlots = 1 << 10

func (d *dictionary) len() int {
	if d.size > 0 {
		return len(d.words)
	}
	return len(d.offsets) - 1
}

func (d *dictionary) at(n int32) []byte { return d.text[d.offsets[n]:d.offsets[n+1]] }

// build numbers the values of a column.
func (d *dictionary) build(c *Column, kind format.Type) {
	if d.seed == (maphash.Seed{}) {
		d.seed = maphash.MakeSeed()
	}
	d.text, d.offsets, d.words, d.indexes = d.text[:0], append(d.offsets[:0], 0), d.words[:0], d.indexes[:0]
	d.size, d.single = sizeOf(kind), kind == format.Float
	if c.Book != nil {
		d.addCodes(c)
		d.forgetPages()
		return
	}
	d.makeSlots(leastSlots)
	switch kind {
	case format.Int32:
		addWords(d, c.Int32s, func(v int32) uint64 { return uint64(uint32(v)) })
	case format.Int64:
		addWords(d, c.Int64s, func(v int64) uint64 { return uint64(v) })
	case format.Double:
		addWords(d, c.Doubles, math.Float64bits)
	case format.Float:
		addWords(d, c.Doubles, singleBits)
	default:
		d.addTexts(c)
	}
	d.forgetPages()
}

// sizeOf is how many bytes a number of a kind takes; 0: these are texts.
func sizeOf(kind format.Type) int {
	switch kind {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	}
	return 0
}

func (d *dictionary) forgetPages() {
	d.used = slices.Grow(d.used[:0], d.len())[:d.len()]
	clear(d.used)
	d.page = 0
}

// addCodes numbers values that come as codes of a book. The numbers are those that the values
// themselves would get.
func (d *dictionary) addCodes(c *Column) {
	n := c.Book.Len()
	d.coded = slices.Grow(d.coded[:0], n)[:n]
	clear(d.coded)
	from := len(d.indexes)
	d.indexes = slices.Grow(d.indexes, len(c.Codes))[:from+len(c.Codes)]
	for i, code := range c.Codes {
		number := d.coded[code]
		if number == 0 {
			if d.single {
				d.words = append(d.words, singleBits(math.Float64frombits(c.Book.Words[code])))
			} else if d.size > 0 {
				d.words = append(d.words, c.Book.Words[code])
			} else {
				d.text = append(d.text, c.Book.TextAt(code)...)
				d.offsets = append(d.offsets, uint32(len(d.text)))
			}
			number = int32(d.len())
			d.coded[code] = number
		}
		d.indexes[from+i] = number - 1
	}
}

// makeSlots makes n empty slots, in the memory that there is.
func (d *dictionary) makeSlots(n int) {
	if cap(d.slots) < n {
		d.slots = make([]uint32, n)
	}
	d.slots = d.slots[:n]
	clear(d.slots)
	d.shift = uint(64 - bits.Len(uint(n-1)))
}

func (d *dictionary) addTexts(c *Column) {
	var last []byte
	number := int32(-1)
	for i := 1; i < len(c.Offsets); i++ {
		// Neighbours are often the same: one model, one reason.
		text := c.Text[c.Offsets[i-1]:c.Offsets[i]]
		if number < 0 || !bytes.Equal(text, last) {
			number = d.number(text)
			last = text
		}
		d.indexes = append(d.indexes, number)
	}
}

// number is the number of a text.
func (d *dictionary) number(text []byte) int32 {
	mask := uint64(len(d.slots) - 1)
	for i := maphash.Bytes(d.seed, text) >> d.shift; ; i = (i + 1) & mask {
		n := d.slots[i]
		switch {
		case n == 0:
			d.text = append(d.text, text...)
			d.offsets = append(d.offsets, uint32(len(d.text)))
			d.put(i)
			return int32(d.len() - 1)
		case bytes.Equal(d.at(int32(n-1)), text):
			return int32(n - 1)
		}
	}
}

func addWords[T int32 | int64 | float64](d *dictionary, values []T, bitsOf func(T) uint64) {
	var last uint64
	number := int32(-1)
	clear(d.small[:])
	d.indexes = slices.Grow(d.indexes, len(values))[:len(values)]
	for i, v := range values {
		if word := bitsOf(v); number < 0 || word != last {
			last = word
			if word >= uint64(len(d.small)) {
				number = d.word(word)
			} else if number = d.small[word] - 1; number < 0 {
				number = d.word(word)
				d.small[word] = number + 1
			}
		}
		d.indexes[i] = number
	}
}

// word is the number of a number, by its bits.
func (d *dictionary) word(word uint64) int32 {
	mask := uint64(len(d.slots) - 1)
	for i := hashOfWord(word) >> d.shift; ; i = (i + 1) & mask {
		n := d.slots[i]
		switch {
		case n == 0:
			d.words = append(d.words, word)
			d.put(i)
			return int32(len(d.words) - 1)
		case d.words[n-1] == word:
			return int32(n - 1)
		}
	}
}

// hashOfWord has its best bits at the top: it is Fibonacci hashing (Knuth, 6.4).
func hashOfWord(word uint64) uint64 { return (word ^ word>>32) * 0x9e3779b97f4a7c15 }

// put puts the newest value into an empty slot.
func (d *dictionary) put(slot uint64) {
	d.slots[slot] = uint32(d.len())
	if 2*d.len() <= len(d.slots) {
		return
	}
	d.makeSlots(2 * len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for n := range d.len() {
		hash := uint64(0)
		if d.size > 0 {
			hash = hashOfWord(d.words[n])
		} else {
			hash = maphash.Bytes(d.seed, d.at(int32(n)))
		}
		i := hash >> d.shift
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = uint32(n + 1)
	}
}

// appendPlain appends the dictionary's values as the file has them.
func (d *dictionary) appendPlain(dst []byte) []byte {
	switch d.size {
	case 4:
		for _, word := range d.words {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(word))
		}
	case 8:
		for _, word := range d.words {
			dst = binary.LittleEndian.AppendUint64(dst, word)
		}
	default:
		dst = appendTexts(dst, d.text, d.offsets)
	}
	return dst
}

// distinct are the numbers of a page's values, each once.
func (d *dictionary) distinct(indexes []int32) []int32 {
	d.page++
	d.ranked = d.ranked[:0]
	for _, n := range indexes {
		if d.used[n] != d.page {
			d.used[n] = d.page
			d.ranked = append(d.ranked, n)
		}
	}
	return d.ranked
}

// singleBits are the bits that a file of single precision has of a double.
func singleBits(x float64) uint64 { return uint64(math.Float32bits(float32(x))) }

// numbers are the distinct numbers of a page whose values are codes.
func (d *dictionary) numbers(kind format.Type, from, to int) *Column {
	distinct := d.distinct(d.indexes[from:to])
	c := &Column{Levels: len(distinct)}
	for _, n := range distinct {
		switch word := d.words[n]; kind {
		case format.Int32:
			c.Int32s = append(c.Int32s, int32(word))
		case format.Int64:
			c.Int64s = append(c.Int64s, int64(word))
		case format.Float:
			c.Doubles = append(c.Doubles, float64(math.Float32frombits(uint32(word))))
		default:
			c.Doubles = append(c.Doubles, math.Float64frombits(word))
		}
	}
	return c
}
