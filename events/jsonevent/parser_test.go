package jsonevent_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// failing is a test, or a property.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// twins hold a Parser against its slow twin, one event after the other.
type twins struct {
	decoder jsonevent.Decoder
	parser  *jsonevent.Parser
	request events.Request // used again by each event
}

func newTwins(d jsonevent.Decoder) *twins { return &twins{decoder: d, parser: d.NewParser()} }

// check decodes an event in every way.
func (w *twins) check(t failing, raw []byte) {
	t.Helper()
	given := bytes.Clone(raw)
	w.checkScan(t, raw)
	w.checkRequest(t, raw)
	w.checkOutcome(t, raw)
	if !bytes.Equal(raw, given) {
		t.Fatalf("%.300q: became %.300q", given, raw)
	}
}

func (w *twins) checkScan(t failing, raw []byte) {
	t.Helper()
	want, wantErr := w.decoder.ScanRequest(raw)
	got, err := w.parser.ScanRequest(raw)
	if !sameErrors(err, wantErr) || !reflect.DeepEqual(got, want) {
		t.Fatalf("%.300q: scan is\n%+v, %v, want\n%+v, %v", raw, got, err, want, wantErr)
	}
	if names := w.parser.UnknownNames(); err == nil && len(names) != min(got.Unknown, 8) {
		t.Fatalf("%.300q: %d fields are unknown, and are named %q", raw, got.Unknown, names)
	}
}

func (w *twins) checkRequest(t failing, raw []byte) {
	t.Helper()
	want, wantErr := w.decoder.DecodeRequest(raw)
	err := w.parser.Request(string(raw), &w.request)
	if !sameErrors(err, wantErr) || !sameRequests(&w.request, &want) {
		t.Fatalf("%.300q: request is\n%+v, %v, want\n%+v, %v", raw, w.request, err, want, wantErr)
	}
	checkNothingKept(t, &w.request)
}

func (w *twins) checkOutcome(t failing, raw []byte) {
	t.Helper()
	want, wantInfo, wantErr := w.decoder.DecodeOutcome(raw)
	got, info, err := w.parser.Outcome(raw)
	if !sameErrors(err, wantErr) || info != wantInfo || math.Float64bits(got.Value) != math.Float64bits(want.Value) || !reflect.DeepEqual(got, want) {
		t.Fatalf("%.300q: outcome is\n%+v, %+v, %v, want\n%+v, %+v, %v", raw, got, info, err, want, wantInfo, wantErr)
	}
	id, ts, info, err := w.parser.ScanOutcome(raw)
	if !sameErrors(err, wantErr) || info != wantInfo || string(id) != want.RequestID || ts != want.TS {
		t.Fatalf("%.300q: scanned as %q at %v, %+v, %v, want\n%+v, %+v, %v", raw, id, ts, info, err, want, wantInfo, wantErr)
	}
}

func sameErrors(got, want error) bool {
	if want == nil {
		return got == nil
	}
	var a, b *events.RejectError
	return errors.As(got, &a) && errors.As(want, &b) && *a == *b
}

// sameRequests tells an empty slice from nil only in lists of values, and -0
// from 0.
func sameRequests(got, want *events.Request) bool {
	a, b := *got, *want
	a.Features, a.Items, b.Features, b.Items = nil, nil, nil, nil
	return reflect.DeepEqual(a, b) && math.Float64bits(a.Score) == math.Float64bits(b.Score) &&
		slices.EqualFunc(got.Features, want.Features, sameFields) && slices.EqualFunc(got.Items, want.Items, sameItems)
}

func sameItems(got, want events.Item) bool {
	a, b := got, want
	a.Features, b.Features = nil, nil
	return reflect.DeepEqual(a, b) && math.Float64bits(a.Score) == math.Float64bits(b.Score) && slices.EqualFunc(got.Features, want.Features, sameFields)
}

func sameFields(a, b events.Field) bool { return a.Name == b.Name && sameValues(a.Value, b.Value) }

func sameValues(a, b events.Value) bool {
	return a.Kind == b.Kind && a.Int == b.Int && math.Float64bits(a.Float) == math.Float64bits(b.Float) && a.Str == b.Str &&
		(a.List == nil) == (b.List == nil) && slices.EqualFunc(a.List, b.List, sameValues)
}

// checkNothingKept looks beyond the ends of slices for what an earlier request
// may have left there.
func checkNothingKept(t failing, req *events.Request) {
	t.Helper()
	checkNoFieldsKept(t, req.Features)
	for _, item := range req.Items[:cap(req.Items)] {
		checkNoFieldsKept(t, item.Features)
	}
	for _, item := range req.Items[len(req.Items):cap(req.Items)] {
		if item.ID != "" || item.Position != 0 || item.Score != 0 || item.HasPosition || item.HasScore || len(item.Features) > 0 {
			t.Fatalf("item %+v is kept after its request", item)
		}
	}
}

func checkNoFieldsKept(t failing, fields []events.Field) {
	t.Helper()
	isKept := func(v *events.Value) bool {
		return v.Kind != events.ValueNull || v.Int != 0 || v.Float != 0 || v.Str != "" || v.List != nil
	}
	for i := range fields {
		list := fields[i].Value.List
		for _, v := range list[len(list):cap(list)] {
			if isKept(&v) {
				t.Fatalf("value %+v is kept after its request", v)
			}
		}
	}
	for _, f := range fields[len(fields):cap(fields)] {
		if f.Name != "" || isKept(&f.Value) {
			t.Fatalf("feature %+v is kept after its request", f)
		}
	}
}

// options are decoders of all kinds.
func options() []jsonevent.Decoder {
	return []jsonevent.Decoder{
		{}, {Unit: events.UnitS, Separator: "."}, {Unit: events.UnitUS, MaxDepth: 3}, {Unit: events.UnitNS, MaxDepth: 5, MaxBytes: 300},
	}
}

// TestParserTakesAllInputs that other tests know to be good or bad, twice and
// with others between.
func TestParserTakesAllInputs(t *testing.T) {
	inputs := goodInputs()
	for _, bad := range badInputs() {
		inputs = append(inputs, bad...)
	}
	inputs = slices.AppendSeq(inputs, maps.Keys(badOutcomes()))
	// Names that are written in several ways, or look as if.
	for _, features := range []string{`"a\\u0041":1`, `"a\u0041":1,"aA":2`, `"a\u0041":1`, `"aA":1`, `"a\"b":1`, `"a\u0022b":1`, `"a"b":1`, `"a\u0022b":1,"a\"b":2`, `"\u00e9":1,"é":2`, `"é":1,"\u00E9":2`, `"\u00E9":{"a":1}`} {
		inputs = append(inputs, `{"request_id":"r","ts":1,"features":{`+features+`}}`)
	}
	for _, d := range options() {
		w := newTwins(d)
		for range 3 {
			for _, raw := range inputs {
				w.check(t, []byte(raw))
			}
		}
		slices.Reverse(inputs)
	}
}

// TestParserReadsMostEventsItself and leaves none of them to the Decoder.
func TestParserReadsMostEventsItself(t *testing.T) {
	p := new(jsonevent.Decoder).NewParser()
	var req events.Request
	for _, raw := range []string{
		`{"request_id":"r","ts":1}`,
		`{"request_id": "r", "ts": "2024-06-04T19:02:41.998Z", "features": {"a": 1, "b": [1, "x", {}], "c": {"d": null}}}`,
		` { "request_id" : "r\u0031" , "ts" : 1.0e3 , "items" : [ { "item_id" : "a" , "position" : 2.0 } , { "item_id" : "a" } ] } `,
		`{"request_id":"r","ts":1,"model":"é","score":-0.5e1,"features":{"é":1,"\u00e9\"":2,"x":{"y":{"z":true}}},"more":{"a":[{}]},"less":null}`,
		`{"request_id":"r","ts":1,"features":{` + members(5000) + `}}`,
		`{"request_id":"r","ts":1,"features":{"k1":{` + members(5000) + `}}}`,
	} {
		if err := p.Request(raw, &req); err != nil || p.Fallbacks() > 0 {
			t.Errorf("%.100q: %v, %d left to the decoder", raw, err, p.Fallbacks())
		}
		if _, err := p.ScanRequest([]byte(raw)); err != nil || p.Fallbacks() > 0 {
			t.Errorf("%.100q: %v, %d left to the decoder", raw, err, p.Fallbacks())
		}
	}
	out := `{"request_id":"r","outcome_id":"o","type":"click","ts":1,"item_id":"a","value":1.25,"attrs":{"a":[1,{"b":null}]},"x":1}`
	if _, _, err := p.Outcome([]byte(out)); err != nil || p.Fallbacks() > 0 {
		t.Errorf("%s: %v, %d left to the decoder", out, err, p.Fallbacks())
	}
}

// TestParserDoesNotAllocate once it knows events of a kind.
func TestParserDoesNotAllocate(t *testing.T) {
	for _, format := range []string{
		`{"request_id":"r%d","ts":1,"features":{"a":{"b":0.5},"c":"x","d":true,"e":-12345678901234567,"f":null,"é":0.12345678901234567}}`,
		`{"request_id":"r%d","ts":"2024-06-04T19:02:41.998123456+00:00","features":{"l":[1,2,3,"x"]},"items":[{"item_id":"a","features":{"x":1}},{"item_id":"b"}]}`,
		`{"request_id": "r%d", "ts": 1, "unknown": {"a": {"b": 1}}}`,
		`{"request_id":"r%d","ts":1,"items":[` + manyItems(100) + `]}`,
	} {
		p := new(jsonevent.Decoder).NewParser()
		var req events.Request
		var texts []string
		for i := range 4 {
			texts = append(texts, fmt.Sprintf(format, i))
		}
		i := 0
		if n := testing.AllocsPerRun(100, func() {
			i++
			if err := p.Request(texts[i%4], &req); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for a request, want none", format, n)
		}
		raw := []byte(texts[0])
		if n := testing.AllocsPerRun(100, func() {
			if _, err := p.ScanRequest(raw); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for a scan, want none", format, n)
		}
	}
}

// TestParserForgets what it has not seen for long, and remembers no more than
// it may, whatever it is sent.
func TestParserForgets(t *testing.T) {
	w := newTwins(jsonevent.Decoder{})
	usual := []byte(`{"request_id":"r","ts":1,"features":{"a":1,"b":{"c":"x"}}}`)
	most, places := w.parser.Room()
	fresh := most
	for n := range 3 {
		for i := range 3000 {
			for range 2 { // once is not enough
				w.check(t, fmt.Appendf(nil, `{"request_id":"r","ts":1,"id%d_%d":1,"features":{"k%d_%d":{"x":1},"a":2},"items":[{"item_id":"a","features":{"k%d":1}}]}`, n, i, n, i, i))
			}
		}
		w.check(t, usual)
		keys, left := w.parser.Room()
		if keys < 0 || left < 0 {
			t.Fatalf("room for %d keys and %d places is left", keys, left)
		}
		most, places = min(most, keys), min(places, left)
	}
	if most > 0 || places > 0 {
		t.Errorf("it has room for %d keys and %d places, want it full", most, places)
	}
	for range 1 << 16 {
		if _, err := w.parser.ScanRequest(usual); err != nil {
			t.Fatal(err)
		}
	}
	if keys, _ := w.parser.Room(); keys < fresh-100 {
		t.Errorf("room for %d keys, want a memory that was emptied: %d", keys, fresh)
	}
	w.check(t, usual)
}

// TestParserNamesFeaturesAlike: the same name, wherever it comes from, is the
// same string, so that comparing two need not look at their bytes.
func TestParserNamesFeaturesAlike(t *testing.T) {
	p := new(jsonevent.Decoder).NewParser()
	var names []string
	for range 3 {
		names = names[:0]
		var req events.Request
		err := p.Request(`{"request_id":"r","ts":1,"features":{"a_b":1,"a":{"b":2},"\u0061_b":3},"items":[{"item_id":"a","features":{"a":{"b":4}}},{"item_id":"b","features":{"a_b":5}}]}`, &req)
		if err == nil {
			t.Fatal("a name that is given twice is accepted")
		}
		err = p.Request(`{"request_id":"r","ts":1,"features":{"\u0061_b":1,"a":{"b":2}},"items":[{"item_id":"a","features":{"a":{"b":4}}},{"item_id":"b","features":{"a_b":5}}]}`, &req)
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range [][]events.Field{req.Features, req.Items[0].Features, req.Items[1].Features} {
			for _, f := range fields {
				names = append(names, f.Name)
			}
		}
	}
	for _, name := range names {
		if name != "a_b" || unsafe.StringData(name) != unsafe.StringData(names[0]) {
			t.Errorf("names %q are not one string", names)
		}
	}
}

// TestRememberedNamesLast: a name that the Parser remembers outlives the text. One that comes for the first time may be
// a part of the text.
func TestRememberedNamesLast(t *testing.T) {
	p := new(jsonevent.Decoder).NewParser()
	var req events.Request
	for round := range 4 {
		memory := []byte(`{"request_id":"r","ts":1,"features":{"age":1}}`)
		if err := p.Request(unsafe.String(unsafe.SliceData(memory), len(memory)), &req); err != nil {
			t.Fatal(err)
		}
		for i := range memory {
			memory[i] = 0xAA
		}
		if got := req.Features[0].Name; round > 0 && got != "age" {
			t.Errorf("round %d: the name is %q", round, got)
		}
	}
}

// TestRequestKeepsNothingElse: an event that is rejected or has less leaves
// nothing of the one before.
func TestRequestKeepsNothingElse(t *testing.T) {
	w := newTwins(jsonevent.Decoder{})
	whole := `{"request_id":"r","ts":1,"model":"m","model_version":"v","user_id":"u","score":1,"features":{"a":1,"b":[1,2,3],"c":"x"},"items":[{"item_id":"a","position":1,"score":2,"features":{"x":[1]}},{"item_id":"b"},{"item_id":"a","position":9}]}`
	for _, less := range []string{
		`{"request_id":"r","ts":1}`, `{"heartbeat":1}`, `{"request_id":"r","ts":"x"}`, `{`, ``, `{"request_id":"r","ts":1,"features":{},"items":[]}`,
		`{"request_id":"r","ts":1,"features":{"a":null,"b":[],"c":null},"items":[{"item_id":"b","features":{}}]}`, `{"request_id":"r","ts":1,"features":null,"items":null,"model":null}`,
		`{"request_id":"r","ts":1,"features":{"a":1,"b":[1]}}`, `{"request_id":"r","ts":1,"features":{"a":"x","b":[{}],"c":[2]},"items":[{"item_id":"b"},{"item_id":"b","score":1},{"item_id":"b","features":{"z":"z"}}]}`,
	} {
		for range 3 {
			w.check(t, []byte(whole))
			w.check(t, []byte(less))
		}
	}
}

// TestParserAtEveryDepth: the limit is the same for objects and lists of all
// kinds, empty ones too.
func TestParserAtEveryDepth(t *testing.T) {
	for depth := range 8 {
		w := newTwins(jsonevent.Decoder{MaxDepth: 1 + depth})
		for _, field := range []string{
			`"items":[]`, `"items":[{"item_id":"a"}]`, `"items":[{"item_id":"a","features":{}}]`, `"items":[{"item_id":"a","features":{"a":{"b":[[]]}}}]`, `"x":[]`, `"x":{}`, `"x":[{"y":[[1]]}]`,
			`"features":{}`, `"features":{"a":[]}`, `"features":{"a":[1]}`, `"features":{"a":{}}`, `"features":{"a":{"b":{"c":{"d":1}}}}`, `"features":{"a":[[[1]]]}`, `"type":"t","attrs":{"a":[{}]}`,
		} {
			for range 3 {
				w.check(t, []byte(`{"request_id":"r","ts":1,`+field+`}`))
			}
		}
	}
}

// manyItems are n items without features.
func manyItems(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"item_id":"item-%d"}`, i)
	}
	return strings.Join(items, ",")
}
