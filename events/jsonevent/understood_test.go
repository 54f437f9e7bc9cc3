package jsonevent_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestIDsWrittenAsNumbers: the digits of a whole number are the id, however many they
// are. What a float made of one is no id, for nothing tells which it was.
func TestIDsWrittenAsNumbers(t *testing.T) {
	var d jsonevent.Decoder
	for number, want := range map[string]string{
		"1": "1", "0": "0", "-0": "-0", "-17": "-17", "9007199254740993": "9007199254740993", "18446744073709551616": "18446744073709551616",
		strings.Repeat("9", 256): strings.Repeat("9", 256), "1.0": "", "1e3": "", "1.2345678901234567e+18": "", strings.Repeat("9", 257): "",
	} {
		t.Run(number[:min(len(number), 30)], func(t *testing.T) {
			raw := `{"request_id":` + number + `,"outcome_id":` + number + `,"item_id":` + number + `,"type":"t","ts":1}`
			o, _, err := d.DecodeOutcome([]byte(raw))
			if ok := o.RequestID == want && o.ID == want && o.ItemID == want; !ok || (err == nil) != (want != "") {
				t.Errorf("outcome %+v, %v", o, err)
			}
			req, err := d.DecodeRequest([]byte(`{"request_id":` + number + `,"ts":1,"items":[{"item_id":` + number + `}]}`))
			if (err == nil) != (want != "") || err == nil && (req.ID != want || req.Items[0].ID != want) {
				t.Errorf("request %+v, %v", req, err)
			}
		})
	}
	text, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"model":7,"model_version":1.10,"user_id":1e3}`))
	if err != nil || text.Model != "7" || text.ModelVersion != "1.10" || text.UserID != "1e3" {
		t.Errorf("%+v, %v: want what is written", text, err)
	}
}

// TestNumbersWrittenAsText: a text that is a JSON number and nothing else is that
// number.
func TestNumbersWrittenAsText(t *testing.T) {
	var d jsonevent.Decoder
	for text, want := range map[string]float64{
		"1": 1, "-0.5": -0.5, "19.90": 19.9, "1e3": 1000, "0": 0, "12345678901234567890": 12345678901234567890,
		"": math.NaN(), " 1": math.NaN(), "1 ": math.NaN(), "+1": math.NaN(), "01": math.NaN(), ".5": math.NaN(), "5.": math.NaN(), "1,5": math.NaN(),
		"0x10": math.NaN(), "1_0": math.NaN(), "NaN": math.NaN(), "Infinity": math.NaN(), "12 EUR": math.NaN(), "true": math.NaN(), "1e": math.NaN(),
	} {
		t.Run(text, func(t *testing.T) {
			good := !math.IsNaN(want)
			o, _, err := d.DecodeOutcome([]byte(`{"request_id":"r","type":"t","ts":1,"value":"` + text + `"}`))
			if (err == nil) != good || good && (o.Value != want || !o.HasValue) {
				t.Errorf("value %v %v, %v", o.Value, o.HasValue, err)
			}
			if !good && !strings.Contains(err.Error(), "value") {
				t.Errorf("%v does not name the field", err)
			}
			req, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"score":"` + text + `","items":[{"item_id":"a","score":"` + text + `"}]}`))
			if (err == nil) != good || good && (req.Score != want || req.Items[0].Score != want || !req.Items[0].HasScore) {
				t.Errorf("score %v, items %+v, %v", req.Score, req.Items, err)
			}
		})
	}
	req, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"items":[{"item_id":"a","position":"3"},{"item_id":"b","position":"4.0"}]}`))
	if err != nil || req.Items[0].Position != 3 || req.Items[1].Position != 4 {
		t.Errorf("%+v, %v", req.Items, err)
	}
}

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
			if v[0] == '"' {
				return
			}
			o, info, err = d.DecodeOutcome([]byte(`{"request_id":"r","type":"t","ts":1,"value":` + v + `}`))
			if err != nil || o.HasValue || o.Value != 0 || info.Unheld != 1 {
				t.Errorf("value: %+v, %+v, %v", o, info, err)
			}
			req, err = d.DecodeRequest([]byte(`{"request_id":"r","ts":1,"score":` + v + `,"items":[{"item_id":"a","score":` + v + `,"position":` + v + `}]}`))
			if err != nil || req.HasScore || req.Items[0].HasScore || req.Items[0].HasPosition {
				t.Errorf("score: %+v, %v", req, err)
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
}

// TestByteOrderMark passes over a mark before an event, on any line, and takes it for
// no part of the event.
func TestByteOrderMark(t *testing.T) {
	const bom = "\xef\xbb\xbf"
	for payload, want := range map[string][]string{
		bom + `{"a":1}`:                               {`{"a":1}`},
		bom + " \r\n{\"a\":1}\r\n":                    {`{"a":1}`},
		bom + `[{"a":1},{"b":2}]`:                     {`{"a":1}`, `{"b":2}`},
		bom + "{\"a\":1}\r\n" + bom + "{\"b\":2}\r\n": {`{"a":1}`, `{"b":2}`},
		bom:                   {""},
		bom + bom:             {bom},
		`{"a":"` + bom + `"}`: {`{"a":"` + bom + `"}`},
	} {
		t.Run(payload, func(t *testing.T) {
			if got := pieces(t, []byte(payload)); !slices.Equal(got, want) {
				t.Errorf("%q: %q, want %q", payload, got, want)
			}
		})
	}
}

// TestHints holds what is said of common mistakes.
func TestHints(t *testing.T) {
	var d jsonevent.Decoder
	for raw, want := range map[string]string{
		`{"request_id":"r","ts":"2026-11-29T03:58:58"}`:        "its offset from UTC is missing",
		`{"request_id":"r","ts":"2026-11-29 03:58:58Z"}`:       "write T between date and time",
		`{"request_id":"r","ts":"2026-11-29 03:58:58.123456"}`: "write T between date and time, and Z",
		`{"request_id":"r","ts":1764388738.25}`:                "an epoch is a whole number",
		`{"request_id":"r","ts":"1764388738"}`:                 "write an epoch as a number",
		`{"request_id":"r","ts":1764388738000000000}`:          "time_unit",
		`not json`:                  `"not" is no value`,
		`None`:                      "Python's word",
		`{"a":True}`:                "Python's word",
		`{'request_id':'r'}`:        "double quotes",
		"\xff\xfe{\x00":             "UTF-16",
		"\x1f\x8b\x08\x00":          "gzip",
		`{"request_id":1.0,"ts":1}`: "a fraction or an exponent",
		`{"request_id":"r","ts":1,"score":"1,5"}`: `score is the string "1,5"`,
	} {
		t.Run(raw, func(t *testing.T) {
			_, err := d.ScanRequest([]byte(raw))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want something about %q", raw, err, want)
			}
		})
	}
}

// TestOtherUnit finds the unit in which a timestamp would be near.
func TestOtherUnit(t *testing.T) {
	near := func(at events.Time) bool { return at > 1764000000e9 && at < 1765000000e9 }
	for raw, want := range map[string]string{
		`{"request_id":"r","ts":1764388738}`:             "s",
		`{"request_id":"r","ts":1764388738000}`:          "",
		`{"request_id":"r","ts":"1970-01-21T10:06:28Z"}`: "",
		`{"request_id":"r","ts":17}`:                     "",
	} {
		t.Run(raw, func(t *testing.T) {
			var d jsonevent.Decoder
			if got, _ := d.OtherUnit([]byte(raw), near); got != want {
				t.Errorf("%s: %q, want %q", raw, got, want)
			}
		})
	}
	right := jsonevent.Decoder{Unit: events.UnitS}
	if got, _ := right.OtherUnit([]byte(`{"request_id":"r","ts":1764388738,"type":"t"}`), near); got != "" {
		t.Errorf("%q for what is right already", got)
	}
}

// TestUnknownNames names fields that nothing knows, whether or not the Parser has
// seen them before.
func TestUnknownNames(t *testing.T) {
	var d jsonevent.Decoder
	p := d.NewParser()
	for round := range 4 {
		for raw, want := range map[string][]string{
			`{"request_id":"r","ts":1,"amount":2,"n\u0061me":{"a":1},"items":[{"item_id":"a","price":1},{"item_id":"b"}]}`: {"amount", "name", "items[].price"},
			`{"request_id":"r","ts":1,"features":{"amount":2}}`:                                                            nil,
			`{"request_id":7,"ts":1,"amount":2}`:                                                                           {"amount"},
			`{"request_id":"r","ts":1,"heartbeat":2}`:                                                                      {"heartbeat"},
		} {
			scan, err := p.ScanRequest([]byte(raw))
			if got := p.UnknownNames(); err != nil || !slices.Equal(got, want) || scan.Unknown != len(want) {
				t.Errorf("round %d: %s: %d unknown, %q, %v", round, raw, scan.Unknown, got, err)
			}
		}
		if _, info, err := p.Outcome([]byte(`{"request_id":"r","ts":1,"type":"t","amount":2}`)); err != nil || info.Unknown != 1 || !slices.Equal(p.UnknownNames(), []string{"amount"}) {
			t.Errorf("%+v, %v, %q", info, err, p.UnknownNames())
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
	}
	if _, err := p.ScanRequest([]byte(`{"request_id":"r","ts":1` + many.String() + `}`)); err != nil || len(p.UnknownNames()) > 10 {
		t.Errorf("%v, %d names", err, len(p.UnknownNames()))
	}
}
