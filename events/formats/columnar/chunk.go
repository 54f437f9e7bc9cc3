package columnar

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// chunk reads the pages of a column in a row group. The library decodes a page whole, and some programs write all rows
// of a group as one page: so levels and numbers are decoded here, when they are asked for, and large pages are
// decompressed a part at a time.
type chunk struct {
	in    bufio.Reader
	kind  parquet.Kind
	codec compress.Codec
	most  byte // the level of a value that is there
	lists byte // how many lists are around it, in each other

	left     int // levels of the page that were not given
	there    int // values of the page
	rep, def runs
	given    [2][]byte // memory of levels that were given
	plain    pageBytes // values, unless they are numbers in the dictionary
	coded    bool
	indexes  runs     // or truth values
	numbers  []uint32 // memory of some of them
	dict     *dictionary

	memory   []byte   // of a page
	scratch  *scratch // of what is compressed
	stream   *zstd.Decoder
	streamed io.LimitedReader // what is left of a page that is decompressed by and by
	head     [2][]byte        // levels of such a page
	window   []byte           // values of such a page
}

// scratch is memory that is used while a page is decompressed.
type scratch struct{ sync.Pool }

// with calls use with n bytes.
func (s *scratch) with(n int, use func([]byte) error) error {
	b, _ := s.Get().(*[]byte)
	if b == nil {
		b = new([]byte)
	}
	defer s.Put(b)
	*b = slices.Grow((*b)[:0], n)[:n]
	return use(*b)
}

// errPage says that a page is not one that is read here.
var errPage = errors.New("damaged: a page is not of the kind that its column says")

// plainDictionary is what older programs call a dictionary and the numbers of its values. It should not be written any
// more, so the library marks its name as deprecated.
const plainDictionary = format.Encoding(2)

// chunkEncodings are those that a chunk knows. RLE is that of levels.
var chunkEncodings = []format.Encoding{format.Plain, plainDictionary, format.RLE, format.RLEDictionary}

// boolEncodings are those of truth values that it knows.
var boolEncodings = []format.Encoding{format.Plain, format.RLE}

// chunkKinds are those of values that it knows.
var chunkKinds = []parquet.Kind{parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double,
	parquet.ByteArray}

// canRead reports whether it reads a column, by what its metadata say.
func canRead(c *format.ColumnChunk, kind parquet.Kind) bool {
	m, known := &c.MetaData, chunkEncodings
	if kind == parquet.Boolean {
		known = boolEncodings
	}
	return c.FilePath == "" && c.CryptoMetadata.Value == nil && slices.Contains(chunkKinds, kind) &&
		!slices.ContainsFunc(m.Encoding, func(e format.Encoding) bool { return !slices.Contains(known, e) })
}

// open begins to read a column of a row group. The memory is used again.
func (c *chunk) open(file io.ReaderAt, meta *format.ColumnMetaData) {
	from := meta.DataPageOffset
	if meta.DictionaryPageOffset != 0 {
		from = meta.DictionaryPageOffset
	}
	c.readFrom(io.NewSectionReader(file, from, meta.TotalCompressedSize))
	c.codec = parquet.LookupCompressionCodec(meta.Codec)
	c.left, c.dict, c.streamed = 0, nil, io.LimitedReader{}
}

// levelsAtOnce is how many levels are decoded at a time.
const levelsAtOnce = 2048

// levels implements leafPages.
func (c *chunk) levels() (n int, rep, def []byte, err error) {
	for c.left == 0 {
		if err := c.page(); err != nil {
			return 0, nil, nil, err
		}
	}
	n = min(c.left, levelsAtOnce)
	c.left -= n
	if c.lists > 0 {
		rep = slices.Grow(c.given[0][:0], n)[:n]
		c.given[0], err = rep, fill(&c.rep, rep)
	}
	if c.most > 0 && err == nil {
		def = slices.Grow(c.given[1][:0], n)[:n]
		c.given[1], err = def, fill(&c.def, def)
	}
	return n, rep, def, err
}

// page goes to the next page of values, if there is one.
func (c *chunk) page() error {
	if _, err := c.in.Discard(int(c.streamed.N)); err != nil {
		return err
	}
	c.streamed.N = 0
	if _, err := c.in.Peek(1); err != nil {
		return err // io.EOF after the last
	}
	var head format.PageHeader
	if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(&c.in)).Decode(&head); err != nil {
		return fmt.Errorf("damaged: the head of a page: %w", err)
	}
	if head.CompressedPageSize < 0 || head.UncompressedPageSize < 0 {
		return errPage
	}
	switch {
	case head.Type == format.DictionaryPage && c.dict != nil:
		_, err := c.in.Discard(int(head.CompressedPageSize))
		return err
	case head.Type == format.DictionaryPage && head.DictionaryPageHeader.Valid:
		return c.dictionary(&head)
	case head.Type == format.DataPage && head.DataPageHeader.Valid:
		return c.first(&head)
	case head.Type == format.DataPageV2 && head.DataPageHeaderV2.Valid:
		return c.second(&head)
	}
	return errPage
}

// whole reads a page that is in memory as a whole. The first bytes of it are not compressed.
func (c *chunk) whole(head *format.PageHeader, bare int, compressed bool) (bareBytes, rest []byte, err error) {
	n := int(head.CompressedPageSize)
	read := func(b []byte) error {
		if _, err := io.ReadFull(&c.in, b); err != nil {
			return err
		}
		if head.CRC != 0 && uint32(head.CRC) != crc32.ChecksumIEEE(b) {
			return errors.New("damaged: a page has another checksum than it says")
		}
		return nil
	}
	if !compressed || n == bare {
		c.memory = slices.Grow(c.memory[:0], n)[:n]
		err = read(c.memory)
		return c.memory[:bare], c.memory[bare:], err
	}
	err = c.scratch.with(n, func(b []byte) error {
		if err := read(b); err != nil {
			return err
		}
		bareBytes = bytes.Clone(b[:bare])
		c.memory, err = c.codec.Decode(c.memory[:0], b[bare:])
		if err == nil && len(c.memory) != int(head.UncompressedPageSize)-bare {
			err = errPage
		}
		return err
	})
	return bareBytes, c.memory, err
}

func (c *chunk) isCompressed() bool { return c.codec.CompressionCodec() != format.Uncompressed }

// first begins a page of the first version of the format: its levels are compressed together with the values.
func (c *chunk) first(head *format.PageHeader) error {
	h := &head.DataPageHeader.V
	var b pageBytes
	if c.streams(head) {
		var err error
		if b, err = c.openStream(head); err != nil {
			return err
		}
	} else {
		_, rest, err := c.whole(head, 0, c.isCompressed())
		if err != nil {
			return err
		}
		b.rest = rest
	}
	var rep, def []byte
	for i, level := range []struct {
		is       bool
		encoding format.Encoding
		bytes    *[]byte
	}{{c.lists > 0, h.RepetitionLevelEncoding, &rep}, {c.most > 0, h.DefinitionLevelEncoding, &def}} {
		if !level.is {
			continue
		}
		if level.encoding != format.RLE {
			return errPage
		}
		size, err := b.next(4)
		if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(size)
		if n > uint32(head.UncompressedPageSize) {
			return errPage
		}
		if *level.bytes, err = b.keep(int(n), &c.head[i]); err != nil {
			return err
		}
	}
	return c.begin(int(h.NumValues), h.Encoding, rep, def, b)
}

// second begins a page of the second version: its levels stand before what is compressed.
func (c *chunk) second(head *format.PageHeader) error {
	h := &head.DataPageHeaderV2.V
	rep, def := int(h.RepetitionLevelsByteLength), int(h.DefinitionLevelsByteLength)
	if rep < 0 || def < 0 || h.NumRows < 0 || rep+def > int(min(head.CompressedPageSize, head.UncompressedPageSize)) {
		return errPage
	}
	bare, rest, err := c.whole(head, rep+def, c.isCompressed() && (!h.IsCompressed.Valid || h.IsCompressed.V))
	if err != nil {
		return err
	}
	err = c.begin(int(h.NumValues), h.Encoding, bare[:rep], bare[rep:], pageBytes{rest: rest})
	if err == nil && c.there != int(h.NumValues)-int(h.NumNulls) {
		err = errPage
	}
	return err
}

// begin begins a page of so many levels. What is in memory as a whole is checked as a whole.
func (c *chunk) begin(n int, e format.Encoding, rep, def []byte, values pageBytes) error {
	if n < 0 {
		return errPage
	}
	c.left, c.there, c.coded = n, n, e == plainDictionary || e == format.RLEDictionary
	if c.lists > 0 {
		c.rep = runs{bytes: pageBytes{rest: rep}, width: bits.Len8(c.lists)}
		if err := c.rep.check(n); err != nil {
			return err
		}
	}
	if c.most > 0 {
		c.def = runs{bytes: pageBytes{rest: def}, width: bits.Len8(c.most)}
		err := c.def.check(n)
		if err == nil {
			c.there, err = c.def.count(n, c.most)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.kind == parquet.Boolean:
		return c.beginBools(e, values)
	case c.coded && c.dict == nil:
		return errPage
	case c.coded && c.there > 0:
		width, err := values.next(1)
		if err != nil {
			return err
		}
		if width[0] > 32 {
			return errRuns
		}
		c.indexes = runs{bytes: values, width: int(width[0])}
		return c.indexes.check(c.there)
	case e == format.Plain:
		c.plain = values
		return checkPlain(c.kind, &values, c.there)
	case c.coded:
		return nil
	}
	return errPage
}

// close implements leafPages. The memory is kept for the next row group.
func (c *chunk) close() {}
