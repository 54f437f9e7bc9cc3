package trial

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTrial(t *testing.T) {
	const outcomes = `{"request_id":"r","ts":"2026-01-01T00:00:00Z","type":"view","item_id":"b","attrs":{"ms":"31000","user":"u1"}}
{"request_id":"r","ts":"2026-01-01T00:00:00Z","type":"view","value":3,"attrs":{"ms":31000}}
{"nothing":1}`
	const request = `{"request_id":"r","ts":"2026-01-01T00:00:00Z","user_id":"u1","items":[{"item_id":"a","position":4},{"item_id":"b","position":2}]}`
	for _, c := range []struct {
		expr, request, item string
		ends                string // the error
		says                []string
	}{
		{`type == "view" && attrs.ms >= 30000`, "", "", "3 events tried: 1 rejected, 1 without a result that counts", []string{
			"event 1: cannot be evaluated, so it does not count: text >= number is not possible (at column 28 of the expression)",
			`  type == "view"                            yes`,
			`  type is "view", a text`, `  attrs.ms is "31000", a text`,
			"event 2: yes", "  attrs.ms is 31000, a number", "event 3 is no outcome: ",
		}},
		{`attrs.user == request.user_id && item.position <= 3`, request, "", "3 events tried: 1 rejected, 0 without a result that counts", []string{
			"event 1: yes", `  attrs.user is "u1", a text`, `  request.user_id is "u1"`, "  item.position is 2, a number",
			"event 2: no", "  attrs.user is nil\n", "  item.position is 4, a number",
		}},
		{`item.position`, request, "b", "3 events tried: 1 rejected, 0 without a result that counts", []string{"event 1: 2\n", "event 2: 2\n"}},
		{`item.position <= 3`, "", "", "3 events tried: 1 rejected, 0 without a result that counts", []string{"there is no request", "event 1: no",
			"item.position is not given, a number"}},
		{`attrs.ms / 1000`, "", "", "3 events tried: 1 rejected, 1 without a result that counts", []string{"event 2: 31\n"}},
		{`type`, "", "", "3 events tried: 1 rejected, 2 without a result that counts", []string{"event 1: neither true nor false nor a number, so it does not count: it is \"view\""}},
	} {
		t.Run(c.expr, func(t *testing.T) {
			var out bytes.Buffer
			o := Options{Expression: c.expr, Outcomes: []byte(outcomes), Request: []byte(c.request), Item: c.item, Notes: &out}
			if err := Write(&out, &o); err == nil || err.Error() != c.ends {
				t.Fatalf("it ends with %v, want %s", err, c.ends)
			}
			text := out.String()
			for _, want := range c.says {
				_, rest, found := strings.Cut(text, want)
				if !found {
					t.Fatalf("does not say %q, or not in its place:\n%s", want, out.String())
				}
				text = rest
			}
		})
	}
	for want, o := range map[string]Options{
		`did you mean "type"?`:    {Expression: `tipe == "x"`, Outcomes: []byte(outcomes)},
		"lists no item":           {Expression: `type == "x"`, Outcomes: []byte(outcomes), Item: "z"},
		"there is no event":       {Expression: `type == "x"`},
		"the request is none":     {Expression: `type == "x"`, Outcomes: []byte(outcomes), Request: []byte(`{}`)},
		"the expression ends too": {Expression: `type ==`, Outcomes: []byte(outcomes)},
	} {
		t.Run(want, func(t *testing.T) {
			var out bytes.Buffer
			if err := Write(&out, &o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v does not say %q", o, err, want)
			}
		})
	}
	t.Run("outcomes and a heartbeat", func(t *testing.T) {
		const good = `{"request_id":"r","ts":"2026-01-01T00:00:00Z","type":"view"}
{"heartbeat":"2026-01-01T00:00:00Z"}`
		var out bytes.Buffer
		if err := Write(&out, &Options{Expression: `type == "view"`, Outcomes: []byte(good)}); err != nil ||
			!strings.Contains(out.String(), "event 2 is no outcome: it is a heartbeat") {
			t.Errorf("%v: %s", err, out.String())
		}
	})
	var out bytes.Buffer
	err := Write(&out, &Options{Expression: `has_value`, Outcomes: []byte(outcomes), JSON: true})
	if found, ok := errors.AsType[*AnomaliesError](err); !ok || *found != (AnomaliesError{Events: 3, Rejected: 1}) ||
		strings.Count(out.String(), "\n") != 3 || !strings.Contains(out.String(),
		`"source":"has_value","result":"false","kind":"true or false"`) {
		t.Errorf("%v: %s", err, out.String())
	}
}
