package mapping

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestSuggest: what the fields could be made of, as names and values look, and that it is
// a mapping.
func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		name, records string
		kind          events.Kind
		want          string
	}{
		{"the first hour", `{"event_id":7,"timestamp":1764384000.5,"userId":3,"context":{"device":"ios"},"products":[{"sku":"a","rank":1}]}`, events.KindRequest,
			`request_id=event.event_id; ts=time(event.timestamp, "s"); user_id=event.userId; features=event.context; items=map(event.products, {item_id: .sku, position: .rank})`},
		{"an outcome", `{"payload":{"request-id":"r"},"eventTime":"2026-01-01 00:00:00","action":"click","price":"1.5"}`,
			events.KindOutcome,
			`request_id=event.payload["request-id"]; ts=time(event.eventTime, "iso", "UTC"); type=event.action; value=event.price`},
		{"what is not always there", `{"id":1,"at":1764384000123,"u":{"user":"x"}}` + "\n" + `{"id":2,"at":1764384000124}`,
			events.KindRequest,
			`request_id=event.id; ts=time(event.at, "ms"); user_id=event.u?.user`},
		{"nothing", `{"x":1}`, events.KindRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var records []any
			d := jsonevent.Decoder{}
			for line := range strings.Lines(c.records) {
				v, reject := d.Record([]byte(line))
				if reject != nil {
					t.Fatal(reject)
				}
				records = append(records, v)
			}
			var got []string
			spec := Spec{Format: "json", Kind: c.kind.String(), Map: map[string]string{}}
			for _, s := range Suggest(records, c.kind) {
				got = append(got, s.Field+"="+s.Expression)
				spec.Map[s.Field] = s.Expression
			}
			if strings.Join(got, "; ") != c.want {
				t.Fatalf("it suggests\n%s\nwant\n%s", strings.Join(got, "; "), c.want)
			}
			if c.want == "" {
				return
			}
			if made := decoded(t, must(t, spec), message(c.records)); strings.Contains(made, "rejected") {
				t.Errorf("what it suggests makes %s", made)
			}
		})
	}
}
