package tfrecord

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestRecord takes a record apart by the format's description.
func TestRecord(t *testing.T) {
	var out bytes.Buffer
	if err := NewWriter(&out).Write([]byte("label")); err != nil {
		t.Fatal(err)
	}
	got := out.Bytes()
	if len(got) != 21 || binary.LittleEndian.Uint64(got) != 5 || string(got[12:17]) != "label" ||
		binary.LittleEndian.Uint32(got[8:]) != masked(got[:8]) || binary.LittleEndian.Uint32(got[17:]) != masked([]byte("label")) {
		t.Errorf("got % x", got)
	}
}

// TestMasked has the checksums that the format's own documentation gives a rule for, of
// bytes whose CRC-32C RFC 3720 lists.
func TestMasked(t *testing.T) {
	zeros := make([]byte, 32) // RFC 3720, B.4: aa 36 91 8a, read from the first byte on
	crc := uint32(0x8a9136aa)
	if want := (crc>>15 | crc<<17) + 0xa282ead8; masked(zeros) != want {
		t.Errorf("got %08x, want %08x", masked(zeros), want)
	}
}

// feature is one as another decoder of protocol buffers reads it.
type feature struct {
	ints   []int64
	floats []float32
	texts  []string
}

// decode reads an example with Google's own reader of the wire format.
func decode(t *testing.T, b []byte) map[string]feature {
	t.Helper()
	inner := func(b []byte) (num protowire.Number, value, rest []byte) {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			t.Fatalf("no field with a length: % x", b)
		}
		value, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			t.Fatalf("cut off: % x", b)
		}
		return num, value, b[n+m:]
	}
	_, features, rest := inner(b)
	if len(rest) > 0 {
		t.Fatalf("after the features: % x", rest)
	}
	found := map[string]feature{}
	for len(features) > 0 {
		var entry []byte
		_, entry, features = inner(features)
		_, name, value := inner(entry)
		_, value, _ = inner(value)
		kind, list, _ := inner(value)
		var f feature
		for len(list) > 0 {
			var items []byte
			_, items, list = inner(list)
			switch kind {
			case 1:
				f.texts = append(f.texts, string(items))
			case 2:
				for ; len(items) > 0; items = items[4:] {
					v, _ := protowire.ConsumeFixed32(items)
					f.floats = append(f.floats, math.Float32frombits(v))
				}
			case 3:
				for len(items) > 0 {
					v, n := protowire.ConsumeVarint(items)
					f.ints, items = append(f.ints, int64(v)), items[n:]
				}
			}
		}
		found[string(name)] = f
	}
	return found
}

func TestExample(t *testing.T) {
	var e Example
	for range 2 { // the second one uses the memory of the first
		e.Reset()
		e.Floats("f", 1.5, float32(math.Inf(-1)))
		e.Ints("i", -1, 0, 1<<40)
		e.Ints("none")
		e.Texts("t", []byte("ü"), nil, bytes.Repeat([]byte("x"), 300))
	}
	want := map[string]feature{
		"f": {floats: []float32{1.5, float32(math.Inf(-1))}}, "i": {ints: []int64{-1, 0, 1 << 40}}, "none": {},
		"t": {texts: []string{"ü", "", string(bytes.Repeat([]byte("x"), 300))}},
	}
	if got := decode(t, e.Bytes()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v from %s", got, hex.EncodeToString(e.Bytes()))
	}
}
