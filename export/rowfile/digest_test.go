package rowfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
)

// plainHash is the rows' hash as FORMAT.md has it, value by value as the library
// reads them: digest's slow twin.
func plainHash(t testing.TB, data []byte, columns []Column) string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	hashes := make([]*xxhash.Digest, len(columns))
	for i := range hashes {
		hashes[i] = xxhash.New()
	}
	for _, group := range f.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			err := eachValue(chunk, make([]parquet.Value, 7), func(values []parquet.Value) error {
				for _, v := range values {
					_, err := hashes[i].Write(valueBytes(v))
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	h := sha256.New()
	for i, c := range columns {
		fmt.Fprintf(h, "%q %s %016x\n", c.Name, c.Type, hashes[i].Sum64())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func valueBytes(v parquet.Value) []byte {
	b := []byte{byte(v.RepetitionLevel()), byte(v.DefinitionLevel())}
	switch {
	case v.IsNull():
		return b
	case v.Kind() == parquet.Boolean && v.Boolean():
		return append(b, 1)
	case v.Kind() == parquet.Boolean:
		return append(b, 0)
	case v.Kind() == parquet.Int32:
		return binary.LittleEndian.AppendUint64(b, uint64(v.Int32()))
	case v.Kind() == parquet.Int64:
		return binary.LittleEndian.AppendUint64(b, uint64(v.Int64()))
	case v.Kind() == parquet.Float:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v.Float())))
	case v.Kind() == parquet.Double:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Double()))
	}
	text := v.ByteArray()
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
}

func TestHashIsThatOfTheValues(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 5))
		in := samples(rng, 1+rng.IntN(pick(seed%8 == 0, 3000, 200)))
		for range 3 {
			s := &in[rng.IntN(len(in))]
			long := strings.Repeat("x", rng.IntN(3*digestBytes))
			s.req.Features = append(s.req.Features, events.Field{Name: "long", Value: events.Value{Kind: events.ValueString, Str: long}})
			if len(s.req.Features) > 1 && s.req.Features[len(s.req.Features)-2].Name == "long" {
				s.req.Features = s.req.Features[:len(s.req.Features)-1]
			}
		}
		l := newLayout(t, Config{Weight: seed%2 == 0})
		l.groupRows = 1 + rng.IntN(2000)
		data, sum := encode(t, build(t, l, in))
		if want := plainHash(t, data, sum.Columns); sum.Hash != want {
			t.Fatalf("seed %d: hash %s, its values' %s", seed, sum.Hash, want)
		}
		if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
