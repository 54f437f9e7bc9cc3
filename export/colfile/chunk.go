package colfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"
)

// Chunk is an encoded column of a row group.
type Chunk struct {
	column int
	rows   int64
	bytes  []byte // its pages
	meta   format.ColumnMetaData
	index  pageIndex
}

// move makes offsets that count from the chunk's first byte count from the
// file's.
func (k *Chunk) move(by int64) {
	k.meta.DataPageOffset += by
	if k.meta.DictionaryPageOffset >= 0 {
		k.meta.DictionaryPageOffset += by
	} else {
		k.meta.DictionaryPageOffset = 0 // there is none
	}
	for i := range k.index.places.PageLocations {
		k.index.places.PageLocations[i].Offset += by
	}
}

// Encoder encodes columns of a file. It is used by one goroutine.
type Encoder struct {
	file *Writer
	page pageBuffers
	dict dictionary
	structs
}

// NewEncoder returns an encoder of the file's columns.
func (f *Writer) NewEncoder() *Encoder {
	e := f.memory.takeEncoder()
	e.file = f
	return e
}

// Release leaves the encoder's memory to others. It is of no use then.
func (e *Encoder) Release() {
	memory := e.file.memory
	e.file = nil
	memory.putEncoder(e)
}

// Encode encodes a column of a row group: the one of that number in the schema.
func (e *Encoder) Encode(number int, c *Column) (*Chunk, error) {
	if number >= len(e.file.leaves) {
		return nil, fmt.Errorf("there is no column %d: the schema has %d", number, len(e.file.leaves))
	}
	k := &chunk{Encoder: e, leaf: &e.file.leaves[number], values: c, Chunk: &Chunk{column: number}}
	k.bytes = e.file.memory.takeChunk()
	if err := k.encode(); err != nil {
		return nil, fmt.Errorf("column %q: %w", k.leaf.path, err)
	}
	return k.Chunk, nil
}

// chunk is a column being encoded, cut into pages.
type chunk struct {
	*Encoder
	*Chunk
	leaf   *leaf
	values *Column
	total  bounds
	codec  compress.Codec // of the data; nil: it is not chosen yet
	head   int            // bytes before the values of the page that was put last
}

// limits are those of a page. A row is not split over two.
type limits struct {
	levels int
	text   uint32 // bytes of texts without a dictionary
}

// defaultLimits are what the library's own pages have: 256 KiB.
var defaultLimits = limits{levels: 32 << 10, text: 256 << 10}

// span is a page's part of the column: its levels and its values.
type span struct {
	level, levels int
	value, values int
	rows          int
}

func (k *chunk) encode() error {
	k.meta = format.ColumnMetaData{
		Type: k.leaf.kind, PathInSchema: k.leaf.path, Codec: k.file.codec.CompressionCodec(), NumValues: int64(k.values.Levels),
		Encoding: []format.Encoding{format.RLE, k.leaf.encoding}, DictionaryPageOffset: -1,
	}
	if k.values.Book != nil && (k.leaf.encoding != format.RLEDictionary || k.leaf.maxRep > 0) {
		return errors.New("its values are codes of a book, and it has no dictionary or has lists")
	}
	if k.leaf.encoding == format.RLEDictionary {
		k.meta.Encoding = append(k.meta.Encoding, format.Plain)
		if err := k.writeDictionary(); err != nil {
			return err
		}
	}
	k.meta.DataPageOffset = int64(len(k.bytes))
	var s span
	for s.level < k.values.Levels {
		k.next(&s)
		if err := k.writePage(&s); err != nil {
			return err
		}
		if s.level == 0 { // the other pages are about as large
			page := len(k.bytes) - int(k.meta.DataPageOffset)
			k.bytes = slices.Grow(k.bytes, page*(k.values.Levels-s.levels)/s.levels*9/8)
		}
		s.level, s.value = s.level+s.levels, s.value+s.values
	}
	k.meta.TotalCompressedSize = int64(len(k.bytes))
	k.meta.Statistics = k.total.statistics()
	k.index.bounds.BoundaryOrder = format.Unordered
	k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
		PageType: format.DataPageV2, Encoding: k.leaf.encoding, Count: int32(len(k.index.places.PageLocations)),
	})
	return nil
}

// next makes s the page that begins where s does. A page ends where a row does.
func (k *chunk) next(s *span) {
	c := k.values
	left := c.Levels - s.level
	s.levels = min(left, k.file.limits.levels)
	if k.leaf.kind == format.ByteArray && k.leaf.encoding == format.Plain {
		s.levels = k.fitting(s)
	}
	for c.Rep != nil && s.levels < left && c.Rep[s.level+s.levels] != 0 {
		s.levels++
	}
	s.values = k.defined(s.level, s.levels)
	s.rows = s.levels
	if c.Rep != nil {
		s.rows = bytes.Count(c.Rep[s.level:s.level+s.levels], []byte{0})
	}
}

// fitting is how many levels have no more text than a page should, and at least
// one.
func (k *chunk) fitting(s *span) int {
	c, value := k.values, s.value
	limit := c.Offsets[value] + k.file.limits.text
	if n := k.defined(s.level, s.levels); c.Offsets[value+n] <= limit {
		return s.levels
	}
	for i := range s.levels {
		if c.Def == nil || c.Def[s.level+i] == k.leaf.maxDef {
			value++
		}
		if c.Offsets[value] > limit {
			return max(i, 1)
		}
	}
	return s.levels
}

// defined is how many of the levels have a value.
func (k *chunk) defined(from, n int) int {
	if k.values.Def == nil {
		return n
	}
	return bytes.Count(k.values.Def[from:from+n], []byte{k.leaf.maxDef})
}

func (k *chunk) writeDictionary() error {
	d := &k.dict
	d.build(k.values, k.leaf.kind)
	if err := k.page.encodeDictionary(d, k.file.codec); err != nil {
		return err
	}
	k.meta.DictionaryPageOffset = int64(len(k.bytes))
	k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
		PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1,
	})
	return k.put(&format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: some(format.DictionaryPageHeader{
		NumValues: int32(d.len()), Encoding: format.Plain,
	})})
}

func (k *chunk) writePage(s *span) error {
	p := &k.page
	if err := p.encodeLevels(k.values, s, k.leaf); err != nil {
		return err
	}
	if err := p.encodeValues(k, s); err != nil {
		return err
	}
	at := len(k.bytes)
	nulls := int64(s.levels - s.values)
	err := k.put(&format.PageHeader{Type: format.DataPageV2, DataPageHeaderV2: some(format.DataPageHeaderV2{
		NumValues: int32(s.levels), NumNulls: int32(nulls), NumRows: int32(s.rows), Encoding: k.leaf.encoding,
		DefinitionLevelsByteLength: int32(len(p.def)), RepetitionLevelsByteLength: int32(len(p.rep)), IsCompressed: some(true),
	})})
	if err != nil {
		return err
	}
	k.index.add(format.PageLocation{Offset: int64(at), CompressedPageSize: int32(len(k.bytes) - at),
		FirstRowIndex: k.rows}, k.bounds(s), nulls)
	k.total.nulls += nulls
	k.rows += int64(s.rows)
	return nil
}

// put adds a page with its header.
func (k *chunk) put(h *format.PageHeader) error {
	p := &k.page
	levels := len(p.rep) + len(p.def)
	h.UncompressedPageSize, h.CompressedPageSize = int32(levels+p.plain), int32(levels+len(p.packed))
	h.CRC = p.checksum()
	header, err := k.structs.encode(h)
	if err != nil {
		return err
	}
	k.meta.TotalUncompressedSize += int64(len(header)) + int64(h.UncompressedPageSize)
	at := len(k.bytes)
	k.head = len(header) + levels
	end := at + k.head + len(p.packed)
	k.bytes = slices.Grow(k.bytes, end-at)[:end]
	copy(k.bytes[at+k.head:], p.packed) // which mostly is there already
	head := k.bytes[at:at]
	for _, part := range [...][]byte{header, p.rep, p.def} {
		head = append(head, part...)
	}
	return nil
}

// room is where the values of the next page will stand, if it has as much before them as the page before.
func (k *chunk) room() []byte {
	at := min(len(k.bytes)+k.head, cap(k.bytes))
	return k.bytes[at:at]
}
