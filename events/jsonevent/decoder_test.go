package jsonevent_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// at is a timestamp that a test knows to be good.
func at(t *testing.T, text string) events.Time {
	t.Helper()
	ts, err := events.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// reasonOf is the reason of a rejection, "" without one.
func reasonOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *events.RejectError
	if !errors.As(err, &r) {
		t.Fatalf("error %v is a %T, want a *RejectError", err, err)
	}
	if r.Detail == "" || len(r.Detail) > 400 || !strings.Contains(r.Error(), r.Reason) {
		t.Fatalf("rejection %q tells too little or too much", r.Error())
	}
	return r.Reason
}

func TestRequestWithEveryField(t *testing.T) {
	raw := `{"request_id":"r\u0031","ts":"2024-06-04T21:02:41.998+02:00","model":"m","model_version":"7","user_id":"u",
		"score":0.25,"extra":{"x":[1]},"features":{"n":null,"b":true,"i":-3,"big":9223372036854775808,"d":1.0,"e":1e2,
		"s":"a\n\ud83d\ude00","l":[1,"x",null,false,2.5],"none":[],"mixed":[1,{"a":[]}],"o":{"p":{"q":1},"":2,"z":{}},"-0":-0},
		"items":[{"item_id":"a","position":2.0,"score":1,"features":{"f":{"g":"h"}},"new":1},{"item_id":"b"},{"item_id":"a","score":9}]}`
	got, err := new(jsonevent.Decoder).DecodeRequest([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	integer := func(n int64) events.Value { return events.Value{Kind: events.ValueInt, Int: n} }
	double := func(f float64) events.Value { return events.Value{Kind: events.ValueDouble, Float: f} }
	text := func(s string) events.Value { return events.Value{Kind: events.ValueString, Str: s} }
	want := events.Request{
		ID: "r1", TS: at(t, "2024-06-04T19:02:41.998Z"), Model: "m", ModelVersion: "7", UserID: "u", Score: 0.25, HasScore: true,
		Features: []events.Field{
			{Name: "b", Value: events.Value{Kind: events.ValueBool, Int: 1}},
			{Name: "i", Value: integer(-3)},
			{Name: "big", Value: double(9223372036854775808)},
			{Name: "d", Value: double(1)},
			{Name: "e", Value: double(100)},
			{Name: "s", Value: text("a\n😀")},
			{Name: "l", Value: events.Value{Kind: events.ValueList, List: []events.Value{
				integer(1), text("x"), {}, {Kind: events.ValueBool}, double(2.5)}}},
			{Name: "none", Value: events.Value{Kind: events.ValueList, List: []events.Value{}}},
			{Name: "mixed", Value: events.Value{Kind: events.ValueJSON, Str: `[1,{"a":[]}]`}},
			{Name: "o_p_q", Value: integer(1)},
			{Name: "o_", Value: integer(2)},
			{Name: "-0", Value: integer(0)},
		},
		Items: []events.Item{
			{ID: "a", Position: 2, HasPosition: true, Score: 1, HasScore: true, Features: []events.Field{{Name: "f_g", Value: text("h")}}},
			{ID: "b"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	scan, err := new(jsonevent.Decoder).ScanRequest([]byte(raw))
	if err != nil || string(scan.ID) != "r1" || scan.TS != want.TS || scan.Unknown != 2 || scan.Heartbeat {
		t.Errorf("scan %+v, %v: want id r1, ts %v, two unknown fields", scan, err, want.TS)
	}
}

func TestOutcomeWithEveryField(t *testing.T) {
	raw := `{"request_id":"r","outcome_id":"o","type":"click","ts":1717527761998,"item_id":"a","value":-1.5e3,"seen":1,
		"attrs":{"s":"x\t","n":null,"l":[1,{"t":true,"e":[]}],"f":false,"x":0.1}}`
	got, info, err := new(jsonevent.Decoder).DecodeOutcome([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := events.Outcome{
		RequestID: "r", ID: "o", Type: "click", TS: at(t, "2024-06-04T19:02:41.998Z"), ItemID: "a", Value: -1500, HasValue: true,
		Attrs: map[string]any{"s": "x\t", "n": nil, "f": false, "x": 0.1,
			"l": []any{1.0, map[string]any{"t": true, "e": []any{}}}},
		Hash: got.Hash,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if info != (jsonevent.Info{Unknown: 1}) {
		t.Errorf("info %+v, want one unknown field", info)
	}
	other, _, err := new(jsonevent.Decoder).DecodeOutcome([]byte(strings.Replace(raw, `"seen":1`, `"seen":2`, 1)))
	if err != nil || other.Hash == got.Hash || got.Hash == [32]byte{} {
		t.Errorf("events of other bytes must have another hash (%v)", err)
	}
}

// TestNullIsNotGiven holds for each optional field.
func TestNullIsNotGiven(t *testing.T) {
	var d jsonevent.Decoder
	req, err := d.DecodeRequest([]byte(`{"request_id":"r","ts":0,"model":null,"model_version":null,"user_id":null,"score":null,
		"features":null,"items":[{"item_id":"a","position":null,"score":null,"features":null}],"heartbeat":null}`))
	want := events.Request{ID: "r", Items: []events.Item{{ID: "a"}}}
	if err != nil || !reflect.DeepEqual(req, want) {
		t.Errorf("got %+v, %v; want %+v", req, err, want)
	}
	out, info, err := d.DecodeOutcome([]byte(`{"request_id":"r","ts":0,"type":"t","outcome_id":null,"item_id":null,"value":null,"attrs":null}`))
	out.Hash = [32]byte{}
	if err != nil || !reflect.DeepEqual(out, events.Outcome{RequestID: "r", Type: "t"}) || info.Unknown != 0 {
		t.Errorf("got %+v, %+v, %v", out, info, err)
	}
}

func TestHeartbeat(t *testing.T) {
	var d jsonevent.Decoder
	for _, raw := range []string{`{"heartbeat":1000}`, `{"heartbeat":"1970-01-01T00:00:01Z","request_id":null}`} {
		scan, err := d.ScanRequest([]byte(raw))
		if err != nil || !scan.Heartbeat || scan.TS != 1e9 || len(scan.ID) > 0 {
			t.Errorf("%s: scan %+v, %v", raw, scan, err)
		}
		req, err := d.DecodeRequest([]byte(raw))
		if err != nil || !reflect.DeepEqual(req, events.Request{TS: 1e9}) {
			t.Errorf("%s: request %+v, %v", raw, req, err)
		}
		out, info, err := d.DecodeOutcome([]byte(raw))
		if err != nil || !reflect.DeepEqual(out, events.Outcome{}) || !info.Heartbeat || info.HeartbeatTS != 1e9 {
			t.Errorf("%s: outcome %+v, %+v, %v", raw, out, info, err)
		}
	}
	scan, err := d.ScanRequest([]byte(`{"heartbeat":{},"request_id":"r","ts":1}`))
	if err != nil || scan.Heartbeat || scan.Unknown != 1 {
		t.Errorf("with a request_id it is a request and an unknown field, got %+v, %v", scan, err)
	}
	for _, beat := range []string{`{}`, `true`, `[]`, `1.5`, `"soon"`, `"1970-01-01"`, `9e18`} {
		if _, err := d.ScanRequest([]byte(`{"heartbeat":` + beat + `}`)); reasonOf(t, err) != events.ReasonBadTS {
			t.Errorf("heartbeat %s: %v, want %s", beat, err, events.ReasonBadTS)
		}
	}
}

// TestIDsAreAnyCharacters: an id is data and never a path.
func TestIDsAreAnyCharacters(t *testing.T) {
	ids := []string{
		`.`, `..`, `../../etc/passwd`, `a/b`, `*`, `>`, `a\\b`, `%2e`, `\n`, `\u0000`, ` `, `\u202e`, `\u200b`,
		"e\u0301", "\u00e9", `__HIVE_DEFAULT_PARTITION__`, `a=b/c`, strings.Repeat("x", events.MaxID), strings.Repeat(`\u00e9`, events.MaxID/2),
	}
	seen := map[string]string{}
	var d jsonevent.Decoder
	for _, id := range ids {
		raw := []byte(`{"request_id":"` + id + `","ts":1}`)
		scan, err := d.ScanRequest(raw)
		req, err2 := d.DecodeRequest(raw)
		if err != nil || err2 != nil || string(scan.ID) != req.ID {
			t.Errorf("id %s: scan %q, %v; decode %q, %v", id, scan.ID, err, req.ID, err2)
		}
		if other, twice := seen[req.ID]; twice {
			t.Errorf("ids %s and %s became one", id, other)
		}
		seen[req.ID] = id
	}
}

func TestOptionsOfTheDecoder(t *testing.T) {
	raw := []byte(`{"request_id":"r","ts":1,"features":{"a":{"b":{"c":1}}}}`)
	for _, c := range []struct {
		d      jsonevent.Decoder
		ts     events.Time
		name   string
		reason string
	}{
		{d: jsonevent.Decoder{}, ts: 1e6, name: "a_b_c"},
		{d: jsonevent.Decoder{Unit: events.UnitS, Separator: "."}, ts: 1e9, name: "a.b.c"},
		{d: jsonevent.Decoder{Unit: events.UnitMS, Separator: "__"}, ts: 1e6, name: "a__b__c"},
		{d: jsonevent.Decoder{Unit: events.UnitUS, MaxDepth: 4, MaxBytes: len(raw)}, ts: 1e3, name: "a_b_c"},
		{d: jsonevent.Decoder{Unit: events.UnitNS}, ts: 1, name: "a_b_c"},
		{d: jsonevent.Decoder{MaxDepth: 3}, reason: events.ReasonTooDeep},
		{d: jsonevent.Decoder{MaxBytes: len(raw) - 1}, reason: events.ReasonTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := c.d.DecodeRequest(raw)
			if reasonOf(t, err) != c.reason {
				t.Errorf("%+v: %v, want reason %q", c.d, err, c.reason)
			}
			if err == nil && (req.TS != c.ts || req.Features[0].Name != c.name) {
				t.Errorf("%+v: ts %d, feature %s; want %d, %s", c.d, req.TS, req.Features[0].Name, c.ts, c.name)
			}
		})
	}
}

func TestManyItemsCollapse(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"request_id":"r","ts":1,"items":[`)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"item_id":"` + strings.Repeat("x", 1+i%100) + `","score":` + string('0'+byte(i/100)) + `}`)
	}
	b.WriteString(`]}`)
	req, err := new(jsonevent.Decoder).DecodeRequest(b.Bytes())
	if err != nil || len(req.Items) != 100 {
		t.Fatalf("%d items, %v; want 100", len(req.Items), err)
	}
	for i, item := range req.Items {
		if len(item.ID) != i+1 || item.Score != 0 {
			t.Fatalf("item %d is %+v, want the first occurrence of its id, in order", i, item)
		}
	}
}

// TestNumbersAreExact compares with values that are hard to round.
func TestNumbersAreExact(t *testing.T) {
	for text, want := range map[string]float64{
		"9007199254740993": 9007199254740992, "9007199254740993.0": 9007199254740992, "0.1": 0.1, "-0.0": math.Copysign(0, -1),
		"1.7976931348623157e308": math.MaxFloat64, "5e-324": 5e-324, "1e-400": 0, "0.3": 0.3, "123456789012345678901234567890": 1.2345678901234568e29,
		"2.2250738585072011e-308": 2.2250738585072011e-308, "0.000000000000000000000000000001": 1e-30, "8.41e21": 8.41e21, "18446744073709551616": 1 << 64,
	} {
		t.Run(text, func(t *testing.T) {
			checkScore(t, text, want)
		})
	}
	r := rand.New(rand.NewPCG(5, 6)) // fixed: every run is the same
	for range 20_000 {
		digits := strconv.FormatUint(r.Uint64()>>r.IntN(20), 10)
		point := r.IntN(len(digits))
		text := strings.TrimLeft(digits[:point], "0")
		if text == "" {
			text = "0"
		}
		text += "." + strings.Repeat("0", r.IntN(8)) + digits[point:]
		checkScore(t, text, strconvFloat(t, text))
		checkScore(t, "-"+text+"e3", strconvFloat(t, "-"+text+"e3"))
	}
}

func strconvFloat(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func checkScore(t *testing.T, text string, want float64) {
	t.Helper()
	req, err := new(jsonevent.Decoder).DecodeRequest([]byte(`{"request_id":"r","ts":1,"score":` + text + `}`))
	if err != nil || math.Float64bits(req.Score) != math.Float64bits(want) {
		t.Fatalf("%s: %v, %v; want %v", text, req.Score, err, want)
	}
}

// TestEndsOfInt64: what is beyond them is a Double.
func TestEndsOfInt64(t *testing.T) {
	for text, kind := range map[string]events.ValueKind{
		"9223372036854775807": events.ValueInt, "-9223372036854775808": events.ValueInt, "9223372036854775808": events.ValueDouble, "-9223372036854775809": events.ValueDouble,
		"-9999999999999999999": events.ValueDouble, "99999999999999999999": events.ValueDouble, "0": events.ValueInt, "-1": events.ValueInt, "1.0": events.ValueDouble, "1E0": events.ValueDouble,
	} {
		t.Run(text, func(t *testing.T) {
			req, err := new(jsonevent.Decoder).DecodeRequest([]byte(`{"request_id":"r","ts":1,"features":{"x":` + text + `}}`))
			if err != nil || req.Features[0].Value.Kind != kind {
				t.Fatalf("%s: %+v, %v; want kind %d", text, req.Features, err, kind)
			}
			if v := req.Features[0].Value; kind == events.ValueInt && strconv.FormatInt(v.Int, 10) != text || kind == events.ValueDouble && v.Float != strconvFloat(t, text) {
				t.Errorf("%s became %+v", text, v)
			}
		})
	}
}

// TestEveryByteInAString: any byte, at any distance from the ends of a string
// and of the event.
func TestEveryByteInAString(t *testing.T) {
	var d jsonevent.Decoder
	for before := range 18 {
		for _, after := range []int{0, 1, 5, 7, 8, 9, 17} {
			for c := range 256 {
				raw := []byte(`{"request_id":"r","ts":1,"m":"` + strings.Repeat("x", before) + string([]byte{byte(c)}) + strings.Repeat("y", after) + `"}`)
				_, err := d.ScanRequest(raw)
				checkSyntax(t, raw, reasonOf(t, err))
			}
		}
	}
}

// TestNamesThatLookAlike are different all the same: in objects around and
// beside each other, and with the same beginning, end and length.
func TestNamesThatLookAlike(t *testing.T) {
	forty := `{` + members(40) + `}`
	others := strings.ReplaceAll(members(40), "k", "m")
	for _, x := range []string{
		`{"o":{"a":1},"a":2,"p":[{"a":3},{"a":4}]}`,
		`{"feature_aaaaaaaa_suffix_":1,"feature_bbbbbbbb_suffix_":2,"feature_cccccccc_suffix_":3}`,
		`{"":0,"a":1,"aa":2,"aaa":3,"aaaa":4,"aaaaa":5,"aaaaaaaa":6,"aaaaaaaaa":7,"aaaaaaaaaaaaaaaa":8,"\u0000":9,"\u0000\u0000":10}`,
		`{"l":[` + forty + `,` + forty + `,{"k1":` + forty + `,"k2":` + forty + `}],"k1":1,"k39":` + forty + `}`,
	} {
		raw := []byte(`{"request_id":"r","ts":1,"x":` + x + `}`)
		if _, err := new(jsonevent.Decoder).ScanRequest(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		checkDuplicate(t, []byte(`{"request_id":"r","ts":1,"x":`+x+`,"y":[`+forty+`,{"k":1,"z":`+forty+`,"k":2}]}`))
		checkDuplicate(t, []byte(`{"request_id":"r","ts":1,"x":[`+x+`,`+forty+`,{`+others+`,"m38":1}]}`))
	}
}

func checkDuplicate(t *testing.T, raw []byte) {
	t.Helper()
	if _, err := new(jsonevent.Decoder).ScanRequest(raw); reasonOf(t, err) != events.ReasonDuplicateKey {
		t.Errorf("%s: %v, want %s", raw, err, events.ReasonDuplicateKey)
	}
}
