package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// benchRecord is a request of about 700 bytes as a producer might write it, and the same
// request in labeljoin's own format.
func benchRecord(i int) (record, native string) {
	var slots, items []string
	for j := range 4 {
		slots = append(slots, fmt.Sprintf(`{"sku":"item-%d-%d","rank":%d,"model_score":0.%d1}`, i, j, j+1, 9-j))
		items = append(items, fmt.Sprintf(`{"item_id":"item-%d-%d","position":%d,"score":0.%d1}`, i, j, j+1, 9-j))
	}
	features := `"age":41,"country":"de","device":"ios","hour":17,"price_max":99.5,"query":"red shoes","returning":true,"segments":["a","b"]`
	record = fmt.Sprintf(`{"event":{"id":"request-%08d","kind":"impression"},"at":%d,"user":{"id":"user-%d"},"ctx":{%s},"slots":[%s],"sdk":"2.7.1","locale":"de-DE"}`,
		i, 1_764_384_000_000+i, i%1000, features, strings.Join(slots, ","))
	native = fmt.Sprintf(`{"request_id":"request-%08d","ts":%d,"user_id":"user-%d","features":{%s},"items":[%s],"sdk":"2.7.1","locale":"de-DE"}`,
		i, 1_764_384_000_000+i, i%1000, features, strings.Join(items, ","))
	return record, native
}

// BenchmarkEvent compares what it takes to read one event, native and mapped: to find its
// id and time, as when it arrives, and to decode it whole, as when its request closes.
func BenchmarkEvent(b *testing.B) {
	record, native := benchRecord(7)
	m := must(b, Spec{Format: "json", Kind: "request", Map: map[string]string{
		"request_id": "event.event.id", "ts": `time(event.at, "ms")`, "user_id": "event.user.id", "features": "event.ctx",
		"items": "map(event.slots, {item_id: .sku, position: .rank, score: .model_score})",
	}})
	read := func(b *testing.B, p *jsonevent.Parser, r *events.Request, data []byte) {
		if _, err := p.ScanRequest(data); err != nil {
			b.Fatal(err)
		}
		if _, err := p.RequestAndUnknown(string(data), r); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("native", func(b *testing.B) {
		p, r, data := (&jsonevent.Decoder{}).NewParser(), &events.Request{}, []byte(native)
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			read(b, p, r, data)
		}
	})
	b.Run("mapped", func(b *testing.B) {
		p, r, msg := (&jsonevent.Decoder{}).NewParser(), &events.Request{}, message(record)
		b.SetBytes(int64(len(record)))
		b.ReportAllocs()
		for b.Loop() {
			m.Decode(msg, func(_ uint32, d events.Decoded) bool {
				if d.Reject != nil {
					b.Fatal(d.Reject)
				}
				read(b, p, r, d.Data)
				return true
			})
		}
	})
}
