package rowfile

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// digest is the hash of a column: of each value its levels and its bytes, in
// the order of the rows. It does not depend on how the column is cut or encoded.
type digest struct {
	hash    xxhash.Digest
	scalar  Scalar
	most    byte // the definition level of what is there
	scratch []byte
	text    []byte // of a page with a dictionary
	offsets []uint32
}

func newDigest(t Type, required bool) *digest {
	d := &digest{scalar: t.Scalar, most: 1}
	switch {
	case t.List:
		d.most = elementSet
	case required:
		d.most = 0
	}
	d.hash.Reset()
	return d
}

func (d *digest) sum() uint64 { return d.hash.Sum64() }

// digestBytes is when what was gathered is hashed: it still is in the cache.
const digestBytes = 8 << 10

// add adds values with their levels.
func (d *digest) add(c *colfile.Column) {
	switch d.scalar {
	case String:
		addValues(d, c, func(dst []byte, i int) []byte {
			text := c.Text[c.Offsets[i]:c.Offsets[i+1]]
			return append(binary.LittleEndian.AppendUint32(dst, uint32(len(text))), text...)
		})
	case Bool:
		addValues(d, c, func(dst []byte, i int) []byte {
			if c.Bools[i] {
				return append(dst, 1)
			}
			return append(dst, 0)
		})
	case Int32:
		addValues(d, c, func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(dst, uint64(c.Int32s[i]))
		})
	case Double:
		addValues(d, c, func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.Doubles[i]))
		})
	default:
		addValues(d, c, func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(dst, uint64(c.Int64s[i]))
		})
	}
}

func addValues(d *digest, c *colfile.Column, appendValue func([]byte, int) []byte) {
	b, value := d.scratch[:0], 0
	for i := range c.Levels {
		rep, def := byte(0), d.most
		if c.Rep != nil {
			rep = c.Rep[i]
		}
		if c.Def != nil {
			def = c.Def[i]
		}
		b = append(b, rep, def)
		if def == d.most {
			b = appendValue(b, value)
			value++
		}
		if len(b) >= digestBytes {
			_, _ = d.hash.Write(b) // never fails
			b = b[:0]
		}
	}
	_, _ = d.hash.Write(b)
	d.scratch = b
}
