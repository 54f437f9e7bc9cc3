package jsonevent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// shapes are the requests that a Parser is measured with.
var shapes = []struct {
	name     string
	generate func(*rand.Rand) []byte
}{
	{"flat", flatRequest},
	{"items", slateRequest},
	{"optional", variedRequest},
	{"mixed", generatedRequest},
	{"spaced", spacedRequest},
	{"shuffled", shuffledRequest},
	{"sparse", sparseRequest},
}

// flatRequest is a request of 709 bytes: some thirty features, none nested.
func flatRequest(r *rand.Rand) []byte {
	const size = 709
	b := fmt.Appendf(nil, `{"request_id":"%08x-%04x-%04x-%04x-%012x","ts":%d,"model":"ranker","model_version":"2026-11-01","user_id":"user-%07d","score":%.6f,"features":{`,
		r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48), 1790000000000+r.Int64N(1e9), r.IntN(1e6), r.Float64())
	for i := 0; len(b) < size-40; i++ {
		switch i % 4 {
		case 0, 1:
			b = fmt.Appendf(b, `"f%02d":%.6f,`, i, r.Float64())
		case 2:
			b = fmt.Appendf(b, `"n%02d":%d,`, i, r.IntN(1000))
		default:
			b = fmt.Appendf(b, `"c%02d":"category-%d",`, i, r.IntN(20))
		}
	}
	b = append(b, `"pad":"`...)
	for len(b) < size-3 {
		b = append(b, 'x')
	}
	return append(b, `"}}`...)
}

// slateRequest lists ten items, each with features of its own.
func slateRequest(r *rand.Rand) []byte {
	b := fmt.Appendf(nil, `{"request_id":"%016x","ts":%d,"user_id":"user-%07d","features":{"page":"home","hour":%d},"items":[`, r.Uint64(), 1790000000000+r.Int64N(1e9), r.IntN(1e6), r.IntN(24))
	for i := range 10 {
		b = fmt.Appendf(b, `{"item_id":"item-%d","position":%d,"score":%.4f,"features":{"brand":"b%d","price":%.2f,"stock":%d}},`, r.IntN(1e6), i, r.Float64(), r.IntN(50), r.Float64()*100, r.IntN(100))
	}
	return append(b[:len(b)-1], `]}`...)
}

// variedRequest has each of its fields only sometimes.
func variedRequest(r *rand.Rand) []byte {
	b := fmt.Appendf(nil, `{"request_id":"%016x","ts":%d,"model":"ranker"`, r.Uint64(), 1790000000000+r.Int64N(1e9))
	if r.IntN(2) == 0 {
		b = fmt.Appendf(b, `,"user_id":"u%d"`, r.IntN(1e6))
	}
	if r.IntN(2) == 0 {
		b = fmt.Appendf(b, `,"score":%v`, r.Float64())
	}
	b = append(b, `,"features":{"hour":7`...)
	for i := range 40 {
		switch r.IntN(8) {
		case 0, 1:
			b = fmt.Appendf(b, `,"feature_%d":%.4f`, i, r.Float64())
		case 2:
			b = fmt.Appendf(b, `,"feature_%d":%d`, i, r.IntN(1000))
		case 3:
			b = fmt.Appendf(b, `,"feature_%d":"category-%d"`, i, r.IntN(20))
		}
	}
	return append(b, `}}`...)
}

// spacedRequest is written as Python does by default.
func spacedRequest(r *rand.Rand) []byte {
	raw := bytes.ReplaceAll(flatRequest(r), []byte(`,"`), []byte(`, "`))
	return bytes.ReplaceAll(raw, []byte(`":`), []byte(`": `))
}

// shuffledRequest has the same features in any order.
func shuffledRequest(r *rand.Rand) []byte {
	b := fmt.Appendf(nil, `{"request_id":"%016x","ts":%d,"features":{`, r.Uint64(), 1790000000000+r.Int64N(1e9))
	for _, i := range r.Perm(20) {
		b = fmt.Appendf(b, `"feature_%d":%.4f,`, i, r.Float64())
	}
	return append(b[:len(b)-1], `}}`...)
}

// sparseRequest names features after ids, and no two requests have one in common.
func sparseRequest(r *rand.Rand) []byte {
	b := fmt.Appendf(nil, `{"request_id":"%016x","ts":%d,"features":{`, r.Uint64(), 1790000000000+r.Int64N(1e9))
	for range 20 {
		b = fmt.Appendf(b, `"item_%d":%.4f,`, r.IntN(1e9), r.Float64())
	}
	return append(b[:len(b)-1], `}}`...)
}

func BenchmarkParserScan(b *testing.B) {
	var d jsonevent.Decoder
	for _, shape := range shapes {
		p := d.NewParser()
		b.Run(shape.name+"/parser", func(b *testing.B) {
			run(b, shape.generate, func(raw []byte) error { _, err := p.ScanRequest(raw); return err })
		})
		b.Run(shape.name+"/decoder", func(b *testing.B) {
			run(b, shape.generate, func(raw []byte) error { _, err := d.ScanRequest(raw); return err })
		})
		b.Run(shape.name+"/encoding-json", func(b *testing.B) {
			run(b, shape.generate, func(raw []byte) error {
				var head struct {
					ID string          `json:"request_id"`
					TS json.RawMessage `json:"ts"`
				}
				return json.Unmarshal(raw, &head)
			})
		})
	}
}

func BenchmarkParserRequest(b *testing.B) {
	var d jsonevent.Decoder
	for _, shape := range shapes {
		p := d.NewParser()
		b.Run(shape.name+"/parser", func(b *testing.B) {
			// Who has bytes copies them once, and so does this.
			var req events.Request
			run(b, shape.generate, func(raw []byte) error { return p.Request(string(raw), &req) })
		})
		b.Run(shape.name+"/parser-text", func(b *testing.B) {
			var req events.Request
			runText(b, shape.generate, func(text string) error { return p.Request(text, &req) })
		})
		b.Run(shape.name+"/decoder", func(b *testing.B) {
			run(b, shape.generate, func(raw []byte) error { _, err := d.DecodeRequest(raw); return err })
		})
		b.Run(shape.name+"/encoding-json", func(b *testing.B) {
			run(b, shape.generate, func(raw []byte) error { return json.Unmarshal(raw, new(peerTimeless)) })
		})
	}
}

// peerTimeless is peerRequest whatever its timestamp's type.
type peerTimeless struct {
	peerRequest
	TS json.RawMessage `json:"ts"`
}

func BenchmarkParserOutcome(b *testing.B) {
	var d jsonevent.Decoder
	p := d.NewParser()
	b.Run("parser", func(b *testing.B) {
		run(b, generatedOutcome, func(raw []byte) error { _, _, err := p.Outcome(raw); return err })
	})
	b.Run("decoder", func(b *testing.B) {
		run(b, generatedOutcome, func(raw []byte) error { _, _, err := d.DecodeOutcome(raw); return err })
	})
}

// runText is run for who takes strings.
func runText(b *testing.B, generate func(*rand.Rand) []byte, decode func(string) error) {
	r := rand.New(rand.NewPCG(1, 2))
	corpus := make([]string, 256)
	size := 0
	for i := range corpus {
		corpus[i] = string(generate(r))
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
