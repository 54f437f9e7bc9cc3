package mapping

import (
	"slices"
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
		{"ids and names within what they are of", `{"meta":{"imp":"i1","served_at":1795600016595,"model":{"name":"rk","version":"3"}},"user":{"id":7},"slate":[{"product":{"id":"p1"},"slot":0}]}`, events.KindRequest,
			`request_id=event.meta.imp; ts=time(event.meta.served_at, "ms"); model=event.meta.model.name; model_version=event.meta.model.version; user_id=event.user.id; items=map(event.slate, {item_id: .product.id, position: .slot})`},
		{"a row of CSV", `{"event_time_ms":"1795600603286","impression":"imp-1","evt":"tap","product":"p12"}`, events.KindOutcome,
			`request_id=event.impression; ts=time(event.event_time_ms, "ms"); type=event.evt; item_id=event.product`},
		{"the user is not the request", `{"user":{"id":7},"at":1764384000123}`, events.KindRequest,
			`ts=time(event.at, "ms"); user_id=event.user.id`},
		{"a number that is no time by its name", `{"id":1,"customer":1764384000123}`, events.KindRequest, `request_id=event.id`},
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
			whole := !slices.ContainsFunc(Required(c.kind), func(name string) bool { return spec.Map[name] == "" })
			if !whole {
				return // it says which ones a person has to find
			}
			if made := decoded(t, must(t, spec), message(c.records)); strings.Contains(made, "rejected") {
				t.Errorf("what it suggests makes %s", made)
			}
		})
	}
}
