package events_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// flatRequest is a request of 709 bytes with flat features only.
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

func BenchmarkParserScan(b *testing.B) {
	var d events.Decoder
	p := d.NewParser()
	b.Run("flat/parser", func(b *testing.B) {
		run(b, flatRequest, func(raw []byte) error { _, err := p.ScanRequest(raw); return err })
	})
	b.Run("flat/decoder", func(b *testing.B) {
		run(b, flatRequest, func(raw []byte) error { _, err := d.ScanRequest(raw); return err })
	})
	b.Run("flat/json", func(b *testing.B) {
		run(b, flatRequest, func(raw []byte) error {
			var head struct {
				ID string `json:"request_id"`
				TS any    `json:"ts"`
			}
			return json.Unmarshal(raw, &head)
		})
	})
}

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

func BenchmarkParserRequest(b *testing.B) {
	var d events.Decoder
	p := d.NewParser()
	b.Run("flat/parser", func(b *testing.B) {
		var req events.Request
		runText(b, flatRequest, func(text string) error { return p.Request(text, &req) })
	})
	b.Run("flat/decoder", func(b *testing.B) {
		run(b, flatRequest, func(raw []byte) error { _, err := d.DecodeRequest(raw); return err })
	})
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
