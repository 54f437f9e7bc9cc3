package formats

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxWindow is the window of `zstd --long=27`: the memory that a file can ask for
// stays bounded.
const maxWindow = 128 << 20

// readAhead is the memory through which compressed and plain bytes are read.
const readAhead = 64 << 10

// Unpacked is the text of a file that may be compressed.
type Unpacked struct {
	*bufio.Reader
	// Codec is gzip, zstd, lz4 or snappy, or empty if the file is not compressed.
	Codec string
	close func()
}

// Close frees the memory of the decompressor. It does not close the file.
func (u *Unpacked) Close() {
	if u.close != nil {
		u.close()
	}
}

// Unpack decompresses a file by its first bytes, whatever its name says: gzip (RFC
// 1952), zstd (RFC 8878), the lz4 frame format and the framing format of snappy. The
// error says that the file begins like one of them and is not.
func Unpack(file io.Reader) (*Unpacked, error) {
	plain := bufio.NewReaderSize(file, readAhead)
	magic, err := plain.Peek(magicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	u := &Unpacked{Reader: plain, Codec: codecOf(magic)}
	var text io.Reader
	switch u.Codec {
	case "gzip":
		text, err = gzip.NewReader(plain)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			text, u.close = d, d.Close
		}
	case "lz4":
		text = lz4.NewReader(plain)
	case "snappy":
		text = s2.NewReader(plain)
	default:
		return u, nil
	}
	if err != nil {
		return nil, fmt.Errorf("it begins like %s and is not: %w", u.Codec, err)
	}
	u.Reader = bufio.NewReaderSize(text, readAhead)
	return u, nil
}

// magicSize is how many bytes tell the frames apart. A pipe may bring no more for a while.
const magicSize = 4

// The first bytes of the frames.
var (
	gzipMagic   = []byte{0x1f, 0x8b}
	lz4Magic    = []byte{0x04, 0x22, 0x4d, 0x18}
	snappyMagic = []byte{0xff, 0x06, 0x00, 0x00} // and "sNaPpY"
)

// codecOf names the compression that a file begins with.
func codecOf(magic []byte) string {
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		return "gzip"
	case isZstd(magic):
		return "zstd"
	case bytes.HasPrefix(magic, lz4Magic):
		return "lz4"
	case bytes.HasPrefix(magic, snappyMagic):
		return "snappy"
	}
	return ""
}

// isZstd knows a frame of RFC 8878 and a skippable one, with which pzstd begins.
func isZstd(magic []byte) bool {
	if len(magic) < magicSize {
		return false
	}
	number := binary.LittleEndian.Uint32(magic)
	return number == 0xFD2FB528 || number&^0xF == 0x184D2A50
}
