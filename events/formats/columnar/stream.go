package columnar

import (
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// A page of so many bytes is decompressed by and by, with so many bytes at a time in memory: they are used before
// the processor's cache has forgotten them.
const (
	streamLeast  = 256 << 10
	streamWindow = 32 << 10
)

// readFrom begins to read what is left of a file's part.
func (c *chunk) readFrom(part *io.SectionReader) { c.in.Reset(part) }

// streams reports whether a page is decompressed by and by: it is large, and has no checksum, which is known only when
// all of it was used.
func (c *chunk) streams(head *format.PageHeader) bool {
	if head.UncompressedPageSize < streamLeast || head.CRC != 0 || c.codec.CompressionCodec() != format.Zstd {
		return false
	}
	begin, err := c.in.Peek(int(min(head.CompressedPageSize, zstd.HeaderMaxSize)))
	if err != nil {
		return false // reading the page says what is wrong
	}
	var frame zstd.Header
	return frame.Decode(begin) == nil && !frame.HasCheckSum && !frame.Skippable
}

// openStream begins to decompress the page.
func (c *chunk) openStream(head *format.PageHeader) (b pageBytes, err error) {
	c.streamed = io.LimitedReader{R: &c.in, N: int64(head.CompressedPageSize)}
	if c.stream == nil {
		c.stream, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return b, err
		}
		c.window = make([]byte, 0, streamWindow)
	}
	err = c.stream.Reset(&c.streamed)
	return pageBytes{from: io.LimitReader(c.stream, int64(head.UncompressedPageSize)), memory: c.window}, err
}
