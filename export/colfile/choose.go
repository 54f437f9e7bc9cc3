package colfile

import "github.com/parquet-go/parquet-go/compress"

// Chooser is a codec that can leave the search for repetitions out, where there are none.
// What it writes then, its Decode reads.
type Chooser interface {
	compress.Codec
	// EncodeWithoutRepeats is Encode without that search.
	EncodeWithoutRepeats(dst, src []byte) []byte
}

// A sample of so many bytes, of the first page of a chunk, tells whether its values repeat.
const (
	leastSample = 4 << 10
	sampleBytes = 32 << 10
)

// worth is the part by which the search has to make a sample smaller: it takes most of the
// time, and so does reading back what it found.
const worth = 32

// chosen is the codec of a chunk's data, whose first page is given. It depends on nothing
// but the values.
func (k *chunk) chosen(page []byte) compress.Codec {
	if k.codec != nil {
		return k.codec
	}
	k.codec = k.file.codec
	c, ok := k.codec.(Chooser)
	if !ok || len(page) < leastSample {
		return k.codec
	}
	sample := page[:min(len(page), sampleBytes)]
	searched, err := c.Encode(k.page.packed[:0], sample)
	if err != nil {
		return k.codec // it fails again, and says so
	}
	size := len(searched)
	k.page.packed = c.EncodeWithoutRepeats(searched, sample)
	if len(k.page.packed)*(worth-1) <= size*worth {
		k.codec = withoutRepeats{c}
	}
	return k.codec
}

// withoutRepeats is a codec that does not search.
type withoutRepeats struct{ Chooser }

// Encode implements compress.Codec.
func (w withoutRepeats) Encode(dst, src []byte) ([]byte, error) {
	return w.EncodeWithoutRepeats(dst, src), nil
}
