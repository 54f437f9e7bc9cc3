package rowfile

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// digest is the hash of a column: of each value its levels and its bytes, in
// the order of the rows. It does not depend on how the column is cut or encoded.
type digest struct {
	hash    xxhash.Digest
	scratch [digestBytes]byte
	pieces  []piece // of the texts of a book, by their codes
	pageDecoder
}

func newDigest(t Type, required bool) *digest {
	d := &digest{pageDecoder: newPageDecoder(t, required)}
	d.hash.Reset()
	return d
}

func newPageDecoder(t Type, required bool) pageDecoder {
	d := pageDecoder{scalar: t.Scalar, most: 1}
	switch {
	case t.List:
		d.most = elementSet
	case required:
		d.most = 0
	}
	return d
}

func (d *digest) sum() uint64 { return d.hash.Sum64() }

// digestBytes is how much is gathered before it is hashed: it stays in the
// cache.
const digestBytes = 8 << 10

// add adds values with their levels.
func (d *digest) add(c *colfile.Column) {
	switch {
	case d.scalar == ScalarString:
		d.addTexts(c)
	case d.scalar == ScalarBool:
		addNumbers(d, c, c.Bools, 1, bitsOfBool)
	case d.scalar == ScalarInt32:
		addNumbers(d, c, c.Int32s, 8, func(v int32) uint64 { return uint64(v) })
	case d.scalar.IsFloat():
		addWords(d, c, wordsOf(c.Doubles))
	default:
		addWords(d, c, wordsOf(c.Int64s))
	}
}

// flush hashes the first n bytes of what was gathered.
func (d *digest) flush(n int) { _, _ = d.hash.Write(d.scratch[:n]) } // never fails

// levels are those of the i-th value.
func (d *digest) levels(c *colfile.Column, i int) (rep, def byte) {
	def = d.most
	if c.Rep != nil {
		rep = c.Rep[i]
	}
	if c.Def != nil {
		def = c.Def[i]
	}
	return rep, def
}

// addNumbers adds numbers, each of which takes size bytes after its levels.
func addNumbers[T bool | int32 | int64](d *digest, c *colfile.Column, values []T, size int,
	bits func(T) uint64) {
	at, value := 0, 0
	for i := range c.Levels {
		if at > digestBytes-10 {
			d.flush(at)
			at = 0
		}
		rep, def := d.levels(c, i)
		b := d.scratch[at : at+10 : at+10]
		b[0], b[1] = rep, def
		at += 2
		if def == d.most {
			binary.LittleEndian.PutUint64(b[2:], bits(values[value]))
			value++
			at += size
		}
	}
	d.flush(at)
}

// addWords is addNumbers for numbers of eight bytes, as their bits.
func addWords(d *digest, c *colfile.Column, words []uint64) {
	if c.Rep != nil || c.Def != nil {
		addNumbers(d, c, as[int64](words), 8, func(v int64) uint64 { return uint64(v) })
		return
	}
	const four = 4 * (2 + 8)
	levels, at := uint64(d.most)<<8, 0
	rest := words[:c.Levels]
	for ; len(rest) >= 4; rest = rest[4:] { // five words are written for four, and each of them once
		if at+four > digestBytes {
			d.flush(at)
			at = 0
		}
		w, b := (*[4]uint64)(rest), (*[four]byte)(d.scratch[at:])
		binary.LittleEndian.PutUint64(b[0:], levels|w[0]<<16)
		binary.LittleEndian.PutUint64(b[8:], w[0]>>48|levels<<16|w[1]<<32)
		binary.LittleEndian.PutUint64(b[16:], w[1]>>32|levels<<32|w[2]<<48)
		binary.LittleEndian.PutUint64(b[24:], w[2]>>16|levels<<48)
		binary.LittleEndian.PutUint64(b[32:], w[3])
		at += four
	}
	d.flush(at)
	last := d.scratch[:0]
	for _, word := range rest {
		last = binary.LittleEndian.AppendUint64(append(last, 0, d.most), word)
	}
	d.flush(len(last))
}

func bitsOfBool(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// textHead is the levels and the length of a text.
const textHead = 6

// addTexts adds texts, each of which is its length and its bytes after its
// levels.
func (d *digest) addTexts(c *colfile.Column) {
	switch {
	case c.Rep == nil && c.Def == nil && c.Book == nil:
		d.addWholeTexts(c)
		return
	case c.Rep == nil && c.Book != nil && d.makePieces(c.Book):
		d.addPieces(c)
		return
	}
	const head = textHead
	at, value := 0, 0
	for i := range c.Levels {
		if at > digestBytes-head {
			d.flush(at)
			at = 0
		}
		rep, def := d.levels(c, i)
		b := d.scratch[at : at+head : at+head]
		b[0], b[1] = rep, def
		at += 2
		if def != d.most {
			continue
		}
		text := textOf(c, value)
		value++
		binary.LittleEndian.PutUint32(b[2:], uint32(len(text)))
		at += 4
		if len(text) <= digestBytes-at {
			at += copy(d.scratch[at:], text)
			continue
		}
		d.flush(at)
		at = 0
		_, _ = d.hash.Write(text) // never fails
	}
	d.flush(at)
}

// piece is what is hashed of a value: a text with its levels and its length, if it is short. Pieces are copied whole,
// as so many bytes are copied at once.
type piece struct {
	bytes [32]byte
	n     int
}

// mostPieces is how many are worth making for a column, and stay in the cache.
const mostPieces = 512

// makePieces makes those of a book, if its texts are few and short.
func (d *digest) makePieces(book *colfile.Book) bool {
	if book.Len() > mostPieces {
		return false
	}
	d.pieces = d.pieces[:0]
	for i := range book.Len() {
		text, p := book.TextAt(uint32(i)), piece{}
		if p.n = textHead + len(text); p.n > len(p.bytes) {
			return false
		}
		p.bytes[1] = d.most
		binary.LittleEndian.PutUint32(p.bytes[2:], uint32(len(text)))
		copy(p.bytes[textHead:], text)
		d.pieces = append(d.pieces, p)
	}
	return true
}

// addPieces is addTexts of the texts of a book, outside of lists.
func (d *digest) addPieces(c *colfile.Column) {
	codes, at, value := c.Codes, 0, 0
	for i := range c.Levels {
		if at > digestBytes-len(piece{}.bytes) {
			d.flush(at)
			at = 0
		}
		if c.Def != nil && c.Def[i] != d.most {
			d.scratch[at], d.scratch[at+1] = 0, c.Def[i]
			at += 2
			continue
		}
		p := &d.pieces[codes[value]]
		value++
		*(*[len(p.bytes)]byte)(d.scratch[at:]) = p.bytes
		at += p.n
	}
	d.flush(at)
}

// textOf is a text of a column, which may have it in its book.
func textOf(c *colfile.Column, i int) []byte {
	if c.Book != nil {
		return c.Book.TextAt(c.Codes[i])
	}
	return c.Text[c.Offsets[i]:c.Offsets[i+1]]
}

// addWholeTexts is addTexts where none is null or in a list.
func (d *digest) addWholeTexts(c *colfile.Column) {
	at, from := 0, c.Offsets[0]
	for _, to := range c.Offsets[1 : c.Levels+1] {
		text := c.Text[from:to]
		from = to
		if at+textHead+len(text) > digestBytes {
			d.flush(at)
			at = 0
		}
		b := d.scratch[at : at+textHead : at+textHead]
		b[0], b[1] = 0, d.most
		binary.LittleEndian.PutUint32(b[2:], uint32(len(text)))
		at += textHead
		if len(text) > digestBytes-at {
			d.flush(at)
			at = 0
			_, _ = d.hash.Write(text) // never fails
			continue
		}
		at += copy(d.scratch[at:], text)
	}
	d.flush(at)
}
