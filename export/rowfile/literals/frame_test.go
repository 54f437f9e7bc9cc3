package literals

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A decoder that knows nothing of how frames were made reads them, whatever they hold.
func TestLiterals(t *testing.T) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kinds := map[string]func(*rand.Rand) byte{
		"random": func(r *rand.Rand) byte { return byte(r.Uint32()) },
		"same":   func(*rand.Rand) byte { return 'x' },
		"few":    func(r *rand.Rand) byte { return "abcdefgh"[int(math.Abs(r.NormFloat64())*3)%8] },
		"two":    func(r *rand.Rand) byte { return byte(r.IntN(2)) },
		"halves": func(r *rand.Rand) byte { return byte(bits.TrailingZeros32(r.Uint32())) },
		"eighth": func(r *rand.Rand) byte { return byte(r.Uint32() | -uint32(bits.TrailingZeros8(uint8(r.Uint32()))/3)) },
		"skewed": func(r *rand.Rand) byte { return byte(r.IntN(256) & r.IntN(256) & r.IntN(256)) },
	}
	var l Encoder
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 7))
				src := make([]byte, []int{0, 1, 1023, 1024, 1025, blockMost - 1, blockMost, blockMost + 1, 2*blockMost + 5,
					r.IntN(5000), r.IntN(400_000)}[seed%11])
				for i := range src {
					src[i] = of(r)
				}
				frame := l.Append(nil, src)
				if got, err := d.DecodeAll(frame, nil); err != nil || !bytes.Equal(got, src) {
					t.Fatalf("seed %d: %d bytes are read as %d, %v", seed, len(src), len(got), err)
				}
				if len(frame) > len(src)+9+3*(len(src)/blockMost+1) {
					t.Errorf("seed %d: %d bytes became %d", seed, len(src), len(frame))
				}
			}
		})
	}
}

// Doubles that do not repeat are not left as they are: their exponents are alike.
func TestLiteralsMakeDoublesSmaller(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	var src []byte
	for range 10_000 {
		src = binary.LittleEndian.AppendUint64(src, math.Float64bits(r.Float64()))
	}
	var l Encoder
	if got := len(l.Append(nil, src)); got > len(src)*96/100 {
		t.Errorf("%d bytes became %d", len(src), got)
	}
}

// A page of doubles that do not repeat.
func BenchmarkAppend(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 7))
	var src []byte
	for range 32 << 10 {
		src = binary.LittleEndian.AppendUint64(src, math.Float64bits(float64(r.IntN(1_000_000))/1e6))
	}
	var l Encoder
	var frame []byte
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		frame = l.Append(frame[:0], src)
	}
	b.ReportMetric(float64(len(frame))/float64(len(src)), "part")
}
