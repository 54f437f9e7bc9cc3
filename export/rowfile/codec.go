package rowfile

import (
	"sync"

	kpzstd "github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/labeljoin/labeljoin/export/rowfile/literals"
)

// window is how far back the search for repetitions looks: a page is mostly smaller. An encoder
// holds twice as much.
const window = 512 << 10

// newCodec is the compression of all files: it keeps its encoders, which are large. The
// fastest level costs a tenth more bytes than the default one and saves a fifth of the
// time that writing takes.
func newCodec(dense bool) (compress.Codec, error) {
	fast := &zstd.Codec{Level: zstd.SpeedFastest}
	if !dense {
		return fast, nil
	}
	encoder, err := kpzstd.NewWriter(nil, kpzstd.WithEncoderLevel(kpzstd.SpeedFastest), kpzstd.WithZeroFrames(true),
		kpzstd.WithEncoderCRC(false), kpzstd.WithAllLitEntropyCompression(true), kpzstd.WithWindowSize(window),
		kpzstd.WithEncoderConcurrency(workersAtOnce()))
	return &denseCodec{Codec: fast, encoder: encoder}, err
}

// denseCodec compresses pages in which nothing repeats too, as the C library does: the
// bytes of ids and of most numbers are not equally frequent. That is a tenth to a fifth
// less for such columns.
type denseCodec struct {
	compress.Codec
	encoder  *kpzstd.Encoder
	literals sync.Pool // of *literals.Encoder
}

// Encode implements compress.Codec.
func (c *denseCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst[:0]), nil
}

// EncodeWithoutRepeats implements colfile.Chooser.
func (c *denseCodec) EncodeWithoutRepeats(dst, src []byte) []byte {
	e, ok := c.literals.Get().(*literals.Encoder)
	if !ok {
		e = new(literals.Encoder)
	}
	defer c.literals.Put(e)
	return e.Append(dst[:0], src)
}
