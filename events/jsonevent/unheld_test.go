package jsonevent_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestWhatCannotBeHeld costs the value where it stands, is counted, and costs nothing
// else.
func TestWhatCannotBeHeld(t *testing.T) {
	var d jsonevent.Decoder
	null := []string{"NaN", "Infinity", "-Infinity", "1e999", "-1e999", strings.Repeat("9", 400), `"\ud83d"`, `"x\udc00"`, `"\ud83d\ud83d"`, "\"\xff\"", "\"caf\xc3\""}
	for _, v := range null {
		t.Run(v[:min(len(v), 12)], func(t *testing.T) {
			raw := `{"request_id":"r","ts":1,"user_id":"u","x":` + v + `,"features":{"bad":` + v + `,"list":[1,` + v + `],"deep":[[` + v + `]],"in":{"bad":` + v + `},"good":"` + "\\ud83d\\ude00" + `"},"items":[{"item_id":"a","features":{"bad":` + v + `,"n":2}},{"item_id":"b"}]}`
			req, err := d.DecodeRequest([]byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			want := []events.Field{
				{Name: "list", Value: events.Value{Kind: events.ValueList, List: []events.Value{{Kind: events.ValueInt, Int: 1}, {}}}},
				{Name: "good", Value: events.Value{Kind: events.ValueString, Str: "😀"}},
			}
			if !reflect.DeepEqual(req.Features, want) || len(req.Items) != 2 || len(req.Items[0].Features) != 1 || req.Items[0].Features[0].Value.Int != 2 || req.UserID != "u" {
				t.Errorf("%+v", req)
			}
			scan, err := d.ScanRequest([]byte(raw))
			if err != nil || scan.Unheld != 6 {
				t.Errorf("%d values cannot be held, %v", scan.Unheld, err)
			}
			o, info, err := d.DecodeOutcome([]byte(`{"request_id":"r","type":"t","ts":1,"attrs":{"bad":` + v + `,"list":[` + v + `,1],"good":1}}`))
			if err != nil || info.Unheld != 2 || !reflect.DeepEqual(o.Attrs, map[string]any{"bad": nil, "list": []any{nil, 1.0}, "good": 1.0}) {
				t.Errorf("%+v, %+v, %v", o, info, err)
			}
			o, info, err = d.DecodeOutcome([]byte(`{"request_id":"r","type":"t","ts":1,"value":` + v + `}`))
			if err != nil || o.HasValue || o.Value != 0 || info.Unheld != 1 {
				t.Errorf("value: %+v, %+v, %v", o, info, err)
			}
			req, err = d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"score":` + v + `,"items":[{"item_id":"a","score":` + v + `,"position":` + v + `}]}`))
			if err != nil || req.HasScore || req.Items[0].HasScore || req.Items[0].HasPosition {
				t.Errorf("score: %+v, %v", req, err)
			}
			// Behind such a value in what is not read, all is read as it stands.
			req, err = d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"features":{"\ud83d":` + v +
				`,"x":1},"items":[{"more":` + v + `,"item_id":"a"},{"item_id":"b"}]}`))
			if err != nil || len(req.Features) != 1 || req.Features[0].Name != "x" || len(req.Items) != 2 || req.Items[0].ID != "a" {
				t.Errorf("behind what is not read: %+v, %v", req, err)
			}
		})
	}
	t.Run("a name", func(t *testing.T) {
		raw := `{"request_id":"r","ts":1,"features":{"\ud83d":{"a":1},"\ud83e":2,"ok":3}}`
		req, err := d.DecodeRequest([]byte(raw))
		if err != nil || len(req.Features) != 1 || req.Features[0].Name != "ok" {
			t.Errorf("%+v, %v", req, err)
		}
		if scan, _ := d.ScanRequest([]byte(raw)); scan.Unheld != 2 {
			t.Errorf("%d values cannot be held", scan.Unheld)
		}
	})
	t.Run("a name in a list", func(t *testing.T) {
		raw := `{"request_id":"r","ts":1,"features":{"in_list":[{"\ud83d":1}],"deeper":[[{"a":{"\ud83d":NaN}}]],"ok":[{"a":1}]}}`
		req, err := d.DecodeRequest([]byte(raw))
		if err != nil || len(req.Features) != 1 || req.Features[0].Name != "ok" {
			t.Errorf("%+v, %v", req, err)
		}
		if scan, _ := d.ScanRequest([]byte(raw)); scan.Unheld != 2 {
			t.Errorf("%d values cannot be held", scan.Unheld)
		}
	})
}
