package colfile

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// chunk is a column being written, cut into pages.
type chunk struct {
	file   *Writer
	leaf   *leaf
	column *Column

	start int64 // in the file
	rows  int64
	total bounds
	meta  format.ColumnMetaData
	index pageIndex
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

func (k *chunk) write() error {
	k.start = k.file.offset
	k.meta = format.ColumnMetaData{
		Type: k.leaf.kind, PathInSchema: k.leaf.path, Codec: k.file.codec.CompressionCodec(), NumValues: int64(k.column.Levels),
		Encoding: []format.Encoding{format.RLE, k.leaf.encoding},
	}
	if k.leaf.encoding == format.RLEDictionary {
		k.meta.Encoding = append(k.meta.Encoding, format.Plain)
		if err := k.writeDictionary(); err != nil {
			return err
		}
	}
	k.meta.DataPageOffset = k.file.offset
	var s span
	for s.level < k.column.Levels {
		k.next(&s)
		if err := k.writePage(&s); err != nil {
			return err
		}
		s.level, s.value = s.level+s.levels, s.value+s.values
	}
	k.meta.TotalCompressedSize = k.file.offset - k.start
	k.meta.Statistics = k.total.statistics()
	k.index.bounds.BoundaryOrder = format.Unordered
	k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
		PageType: format.DataPageV2, Encoding: k.leaf.encoding, Count: int32(len(k.index.places.PageLocations)),
	})
	return nil
}

// next makes s the page that begins where s does. A page ends where a row does.
func (k *chunk) next(s *span) {
	c := k.column
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
	c, value := k.column, s.value
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
	if k.column.Def == nil {
		return n
	}
	return bytes.Count(k.column.Def[from:from+n], []byte{k.leaf.maxDef})
}

func (k *chunk) writeDictionary() error {
	if k.leaf.kind != format.ByteArray {
		return fmt.Errorf("a dictionary of %s is not known", k.leaf.kind)
	}
	d, p := &k.file.dict, &k.file.page
	d.build(k.column)
	if err := p.encodeDictionary(d, k.file.codec); err != nil {
		return err
	}
	k.meta.DictionaryPageOffset = k.file.offset
	k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
		PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1,
	})
	return k.put(&format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: some(format.DictionaryPageHeader{
		NumValues: int32(d.len()), Encoding: format.Plain,
	})})
}

func (k *chunk) writePage(s *span) error {
	p := &k.file.page
	if err := p.encodeLevels(k.column, s, k.leaf); err != nil {
		return err
	}
	if err := p.encodeValues(k, s); err != nil {
		return err
	}
	at := k.file.offset
	nulls := int64(s.levels - s.values)
	err := k.put(&format.PageHeader{Type: format.DataPageV2, DataPageHeaderV2: some(format.DataPageHeaderV2{
		NumValues: int32(s.levels), NumNulls: int32(nulls), NumRows: int32(s.rows), Encoding: k.leaf.encoding,
		DefinitionLevelsByteLength: int32(len(p.def)), RepetitionLevelsByteLength: int32(len(p.rep)), IsCompressed: some(true),
	})})
	if err != nil {
		return err
	}
	k.index.add(format.PageLocation{Offset: at, CompressedPageSize: int32(k.file.offset - at), FirstRowIndex: k.rows}, k.bounds(s), nulls)
	k.total.nulls += nulls
	k.rows += int64(s.rows)
	return nil
}

// put writes a page with its header.
func (k *chunk) put(h *format.PageHeader) error {
	p := &k.file.page
	levels := len(p.rep) + len(p.def)
	h.UncompressedPageSize, h.CompressedPageSize = int32(levels+p.plain), int32(levels+len(p.packed))
	h.CRC = p.checksum()
	n, err := k.file.encode(h)
	if err != nil {
		return err
	}
	k.meta.TotalUncompressedSize += int64(n) + int64(h.UncompressedPageSize)
	for _, part := range [...][]byte{p.rep, p.def, p.packed} {
		if err := k.file.write(part); err != nil {
			return err
		}
	}
	return nil
}
