package colfile

import "github.com/parquet-go/parquet-go/compress"

// Chooser is a codec that can leave the search for repetitions out, where there are none.
// What it writes then, its Decode reads.
type Chooser interface {
	compress.Codec
	// EncodeWithoutRepeats is Encode without that search.
	EncodeWithoutRepeats(dst, src []byte) []byte
}

// A sample of so many bytes, of a dictionary or of the first page of a chunk, tells whether its values repeat.
const (
	leastSample = 4 << 10
	sampleBytes = 2 << 10
)

// worth is the part by which the search has to make a sample smaller: it takes most of the
// time, and so does reading back what it found.
const worth = 32

// compressValues compresses the values of a page. The first page of a chunk says which codec the
// chunk's data get, which depends on nothing but the values.
func (k *chunk) compressValues() (err error) {
	if k.codec != nil {
		return k.page.compressInto(k.room(), k.codec)
	}
	k.codec, err = k.page.compressBest(k.file.codec)
	return err
}

// compressBest compresses the values with the codec, or without its search for repetitions, and
// says with which.
func (p *pageBuffers) compressBest(codec compress.Codec) (compress.Codec, error) {
	c, ok := codec.(Chooser)
	if !ok || len(p.values) < leastSample {
		return codec, p.compress(codec)
	}
	sample := p.values[:min(len(p.values), sampleBytes)]
	var err error
	if p.memory, err = c.Encode(p.memory[:0], sample); err != nil {
		return nil, err
	}
	p.other = c.EncodeWithoutRepeats(p.other[:0], sample)
	if len(p.other)*(worth-1) <= len(p.memory)*worth {
		codec = withoutRepeats{c}
		p.memory, p.other = p.other, p.memory
	}
	if len(sample) == len(p.values) { // it is compressed already
		p.packed = p.memory
		return codec, p.check()
	}
	return codec, p.compress(codec)
}

// withoutRepeats is a codec that does not search.
type withoutRepeats struct{ Chooser }

// Encode implements compress.Codec.
func (w withoutRepeats) Encode(dst, src []byte) ([]byte, error) {
	return w.EncodeWithoutRepeats(dst, src), nil
}
