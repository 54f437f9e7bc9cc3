package jsonevent_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// generatedRequest is a request of about 700 bytes: some context features of
// each type and a slate of three items.
func generatedRequest(r *rand.Rand) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"request_id":"%016x%016x","ts":"2024-06-04T19:%02d:41.998Z","model":"ranker","model_version":"2024-06-01","user_id":"u%d",`,
		r.Uint64(), r.Uint64(), r.IntN(60), r.IntN(1e6))
	fmt.Fprintf(&b, `"features":{"country":"de","device":"phone","is_new":%t,"hour":%d,"ctr_7d":%v,"price":%v,"tags":["a","b","c"],"ctx":{"page":"home","depth":%d}},"items":[`,
		r.IntN(2) == 0, r.IntN(24), r.Float64(), r.Float64(), r.IntN(9))
	for i := range 3 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"item_id":"item-%d","position":%d,"score":%v,"features":{"brand":"b%d","stock":%d,"rating":%.2f}}`,
			r.IntN(1e6), i, r.Float64(), r.IntN(50), r.IntN(100), r.Float64()*5)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func generatedOutcome(r *rand.Rand) []byte {
	return fmt.Appendf(nil, `{"outcome_id":"o-%x","request_id":"%016x%016x","type":"click","ts":"2024-06-04T19:22:41.025Z","item_id":"item-%d","value":%.2f,"attrs":{"button":"left","x":%d}}`,
		r.Uint64(), r.Uint64(), r.Uint64(), r.IntN(1e6), r.Float64()*100, r.IntN(1000))
}

// The peers decode with encoding/json into structs of the same fields: what
// one would write without this package. They check less.
type peerRequest struct {
	ID           string `json:"request_id"`
	TS           string `json:"ts"`
	Model        string `json:"model"`
	ModelVersion string `json:"model_version"`
	UserID       string `json:"user_id"`
	Score        *float64
	Features     map[string]any `json:"features"`
	Items        []struct {
		ID       string         `json:"item_id"`
		Position *int64         `json:"position"`
		Score    *float64       `json:"score"`
		Features map[string]any `json:"features"`
	} `json:"items"`
}

type peerOutcome struct {
	RequestID string         `json:"request_id"`
	ID        string         `json:"outcome_id"`
	Type      string         `json:"type"`
	TS        string         `json:"ts"`
	ItemID    string         `json:"item_id"`
	Value     *float64       `json:"value"`
	Attrs     map[string]any `json:"attrs"`
}

// run benches decoding of one event after the other.
func run(b *testing.B, generate func(*rand.Rand) []byte, decode func([]byte) error) {
	r := rand.New(rand.NewPCG(1, 2))
	corpus := make([][]byte, 256)
	size := 0
	for i := range corpus {
		corpus[i] = generate(r)
		size += len(corpus[i])
	}
	b.SetBytes(int64(size / len(corpus)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := decode(corpus[i%len(corpus)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanRequest(b *testing.B) {
	var d jsonevent.Decoder
	b.Run("events", func(b *testing.B) {
		run(b, generatedRequest, func(raw []byte) error { _, err := d.ScanRequest(raw); return err })
	})
	b.Run("encoding-json", func(b *testing.B) {
		run(b, generatedRequest, func(raw []byte) error {
			var head struct {
				ID string `json:"request_id"`
				TS string `json:"ts"`
			}
			return json.Unmarshal(raw, &head)
		})
	})
}

func BenchmarkDecodeRequest(b *testing.B) {
	var d jsonevent.Decoder
	b.Run("events", func(b *testing.B) {
		run(b, generatedRequest, func(raw []byte) error { _, err := d.DecodeRequest(raw); return err })
	})
	b.Run("encoding-json", func(b *testing.B) {
		run(b, generatedRequest, func(raw []byte) error { return json.Unmarshal(raw, new(peerRequest)) })
	})
}

func BenchmarkDecodeOutcome(b *testing.B) {
	var d jsonevent.Decoder
	b.Run("events", func(b *testing.B) {
		run(b, generatedOutcome, func(raw []byte) error { _, _, err := d.DecodeOutcome(raw); return err })
	})
	b.Run("encoding-json", func(b *testing.B) {
		run(b, generatedOutcome, func(raw []byte) error { return json.Unmarshal(raw, new(peerOutcome)) })
	})
}

func BenchmarkSplit(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	array := []byte{'['}
	for range 100 {
		array = append(append(array, generatedRequest(r)...), ',')
	}
	array[len(array)-1] = ']'
	b.Run("array", func(b *testing.B) { benchSplit(b, array, 100) })
	b.Run("one", func(b *testing.B) { benchSplit(b, generatedRequest(r), 1) })
}

func benchSplit(b *testing.B, payload []byte, want int) {
	var d jsonevent.Decoder
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range d.Split(payload) {
			n++
		}
		if n != want {
			b.Fatalf("%d pieces, want %d", n, want)
		}
	}
}
