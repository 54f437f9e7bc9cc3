package colfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageBuffers is a page being put together. The memory is used again for the
// next.
type pageBuffers struct {
	rep, def []byte
	values   []byte // encoded: in the memory for them, or the column's own
	encoded  []byte // memory for values that are encoded
	packed   []byte // and compressed: in memory, or where they will stand
	memory   []byte // for values that are compressed
	other    []byte // and for those that are compressed in another way, to compare
	plain    int    // bytes before compression
	runs     runs
}

func some[T any](v T) thrift.Null[T] { return thrift.New(v) }

// checksum is the page's CRC: of its levels and its compressed values.
func (p *pageBuffers) checksum() int32 {
	sum := crc32.ChecksumIEEE(p.rep)
	sum = crc32.Update(sum, crc32.IEEETable, p.def)
	return int32(crc32.Update(sum, crc32.IEEETable, p.packed))
}

func (p *pageBuffers) encodeLevels(c *Column, s *span, l *leaf) (err error) {
	p.rep, p.def = p.rep[:0], p.def[:0]
	if l.maxRep > 0 {
		if p.rep, err = appendLevels(p.rep, c.Rep[s.level:s.level+s.levels], l.maxRep); err != nil {
			return err
		}
	}
	switch {
	case l.maxDef == 0:
	case s.values == s.levels:
		p.def = appendRun(p.def, s.levels, l.maxDef)
	case s.values == 0 && l.maxDef == 1:
		p.def = appendRun(p.def, s.levels, 0)
	default:
		p.def, err = appendLevels(p.def, c.Def[s.level:s.level+s.levels], l.maxDef)
	}
	return err
}

// appendLevels encodes levels; dst is empty.
func appendLevels(dst, levels []byte, most byte) ([]byte, error) {
	e := rle.Encoding{BitWidth: bits.Len8(most)}
	return e.EncodeLevels(dst, levels)
}

// appendRun encodes n levels that are the same, as one run.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#run-length-encoding--bit-packing-hybrid-rle--3
func appendRun(dst []byte, n int, level byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(n)<<1), level)
}

// encodeValues encodes and compresses the values of a page.
func (p *pageBuffers) encodeValues(k *chunk, s *span) (err error) {
	if k.leaf.kind == format.Double && k.leaf.encoding == format.Plain && fileOrder {
		p.values = bytesOf(k.values.Doubles[s.value : s.value+s.values])
		return k.compressValues()
	}
	if p.encoded, err = p.appendValues(p.encoded[:0], k, s); err != nil {
		return err
	}
	p.values = p.encoded
	return k.compressValues()
}

// fileOrder says that the machine has the bytes of numbers in the order in which files have them.
var fileOrder = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// bytesOf are the bytes of numbers, where they are.
func bytesOf(doubles []float64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(doubles))), 8*len(doubles))
}

// appendValues encodes the values of a page.
func (p *pageBuffers) appendValues(dst []byte, k *chunk, s *span) (_ []byte, err error) {
	c, from, to := k.values, s.value, s.value+s.values
	switch e := k.leaf.encoding; {
	case k.leaf.kind == format.Boolean && e == format.Plain:
		dst = appendBits(dst, c.Bools[from:to])
	case k.leaf.kind == format.Double && e == format.Plain:
		dst, err = (*plain.Encoding)(nil).EncodeDouble(dst, c.Doubles[from:to])
	case k.leaf.kind == format.Float && e == format.Plain:
		dst = appendSingles(dst, c.Doubles[from:to])
	case k.leaf.kind == format.ByteArray && e == format.Plain:
		dst = appendTexts(dst, c.Text, c.Offsets[from:to+1])
	case k.leaf.kind != format.Boolean && e == format.RLEDictionary:
		dst, err = p.runs.appendIndexes(dst, k.dict.indexes[from:to])
	case k.leaf.kind == format.Int32 && e == format.DeltaBinaryPacked:
		dst, err = (*delta.BinaryPackedEncoding)(nil).EncodeInt32(dst, c.Int32s[from:to])
	case k.leaf.kind == format.Int32 && e == format.Plain:
		dst, err = (*plain.Encoding)(nil).EncodeInt32(dst, c.Int32s[from:to])
	case k.leaf.kind == format.Int64 && e == format.Plain:
		dst, err = (*plain.Encoding)(nil).EncodeInt64(dst, c.Int64s[from:to])
	case k.leaf.kind == format.Int64 && e == format.DeltaBinaryPacked:
		dst, err = (*delta.BinaryPackedEncoding)(nil).EncodeInt64(dst, c.Int64s[from:to])
	default:
		return dst, fmt.Errorf("no encoding %s of %s is known here", e, k.leaf.kind)
	}
	return dst, err
}

// maxPage is the most bytes of a page that its header can say.
const maxPage = math.MaxInt32

func (p *pageBuffers) compress(codec compress.Codec) (err error) {
	err = p.compressInto(p.memory[:0], codec)
	p.memory = p.packed
	return err
}

// compressInto compresses the values, into the memory at hand if that is enough.
func (p *pageBuffers) compressInto(memory []byte, codec compress.Codec) (err error) {
	if p.packed, err = codec.Encode(memory, p.values); err != nil {
		return err
	}
	return p.check()
}

// check says whether the format allows the page, which is compressed.
func (p *pageBuffers) check() error {
	p.plain = len(p.values)
	if size := len(p.rep) + len(p.def) + max(p.plain, len(p.packed)); size > maxPage {
		return fmt.Errorf("a page of %d bytes is larger than the format allows: one value is too long", size)
	}
	return nil
}

func (p *pageBuffers) encodeDictionary(d *dictionary, codec compress.Codec) error {
	p.rep, p.def = p.rep[:0], p.def[:0]
	p.encoded = d.appendPlain(p.encoded[:0])
	p.values = p.encoded
	_, err := p.compressBest(codec)
	return err
}

// appendBits appends bools as bits, the first the lowest.
func appendBits(dst []byte, bools []bool) []byte {
	for i := 0; i < len(bools); i += 8 {
		b := byte(0)
		for j, v := range bools[i:min(i+8, len(bools))] {
			if v {
				b |= 1 << j
			}
		}
		dst = append(dst, b)
	}
	return dst
}

// appendSingles appends doubles with single precision.
func appendSingles(dst []byte, doubles []float64) []byte {
	at := len(dst)
	dst = slices.Grow(dst, 4*len(doubles))[:at+4*len(doubles)]
	for i, x := range doubles {
		binary.LittleEndian.PutUint32(dst[at+4*i:], math.Float32bits(float32(x)))
	}
	return dst
}

// appendTexts appends texts, each after its length.
func appendTexts(dst, text []byte, offsets []uint32) []byte {
	for i := 1; i < len(offsets); i++ {
		t := text[offsets[i-1]:offsets[i]]
		dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(t))), t...)
	}
	return dst
}
