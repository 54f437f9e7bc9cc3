//go:build unix

package mapping

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

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

// read reads an event as labeljoin does: its id and time, as when it arrives, and the whole
// of it, as when its request closes.
func read(b *testing.B, p *jsonevent.Parser, r *events.Request, kind events.Kind, data []byte) {
	var err error // and no b.Helper: it costs as much as an event
	if kind == events.KindOutcome {
		_, _, err = p.Outcome(data)
	} else if _, err = p.ScanRequest(data); err == nil {
		_, err = p.RequestAndUnknown(string(data), r)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// cpuTime is what this process has had of the processors, which says more than a clock on
// a machine that others use too.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkEvent compares the processor time that it takes to read one event, native and mapped, by turns in
// one run. It prints both, and how many times more the mapped one takes:
//
//	go test ./events/mapping -run '^$' -bench Event
func BenchmarkEvent(b *testing.B) {
	record, native := benchRecord(7)
	for _, c := range []struct {
		name, record, native string
		spec                 Spec
	}{
		{"request", record, native, Spec{Kind: "request", Map: map[string]string{
			"request_id": "event.event.id", "ts": `time(event.at, "ms")`, "user_id": "event.user.id", "features": "event.ctx",
			"items": "map(event.slots, {item_id: .sku, position: .rank, score: .model_score})",
		}}},
		{"click",
			`{"req":"request-00000007","sku":"item-7-2","at":"2025-11-29T02:40:00.123Z","page":{"url":"https://shop.example/shoes?q=red","ms":5321},"v":19.9}`,
			`{"request_id":"request-00000007","ts":"2025-11-29T02:40:00.123Z","type":"click","item_id":"item-7-2","value":19.9,"attrs":{"ms":5321,"url":"https://shop.example/shoes?q=red"}}`,
			Spec{Kind: "outcome", Map: map[string]string{"request_id": "event.req", "ts": "time(event.at)", "type": `"click"`,
				"item_id": "event.sku", "value": "event.v", "attrs": "event.page"}}},
		{"order",
			`{"session":"s-00000007","user":{"id":"u7"},"at":1764384000123,"lines":[{"page":"p1","sku":"a","price":"19.90"},{"page":"p2","sku":"b","price":5}]}`,
			`[{"request_id":"s-00000007:p1","ts":"2025-11-29T02:40:00.123Z","type":"purchase","item_id":"a","value":19.9},{"request_id":"s-00000007:p2","ts":"2025-11-29T02:40:00.123Z","type":"purchase","item_id":"b","value":5}]`,
			Spec{Kind: "outcome", Each: "event.lines", Map: map[string]string{"request_id": `event.session + ":" + .page`,
				"ts": `time(event.at, "ms")`, "type": `"purchase"`, "item_id": "string(.sku)", "value": ".price"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.spec.Format = "json"
			m, own := must(b, c.spec), &jsonevent.Decoder{}
			kind := m.kinds[0]
			p, r := own.NewParser(), &events.Request{}
			var took [2]time.Duration
			natively, mapped := []byte(c.native), message(c.record)
			each := []func(){
				func() {
					for _, data := range own.Split(natively) {
						read(b, p, r, kind, data)
					}
				},
				func() {
					m.Decode(mapped, func(_ uint32, d events.Decoded) bool {
						if d.Reject != nil {
							b.Fatal(d.Reject)
						}
						read(b, p, r, kind, d.Data)
						return true
					})
				},
			}
			const turn = 500 // of each, before it is the other's turn
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				for i := range each {
					began := cpuTime(b)
					for range turn {
						each[i]()
					}
					took[i] += cpuTime(b) - began
				}
			}
			perEvent := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n*turn) }
			b.ReportMetric(0, "ns/op") // of all of a turn
			b.ReportMetric(perEvent(took[0]), "ns/native")
			b.ReportMetric(perEvent(took[1]), "ns/mapped")
			b.ReportMetric(float64(took[1])/float64(took[0]), "times")
		})
	}
}
