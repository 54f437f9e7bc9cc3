package jsonevent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// badInputs are requests that must be rejected, by reason. They seed the fuzz
// targets too.
func badInputs() map[string][]string {
	with := func(field string) string { return `{"request_id":"r","ts":1,` + field + `}` }
	withTS := func(ts string) string { return `{"request_id":"r","ts":` + ts + `}` }
	return map[string][]string{
		events.ReasonEmpty:    {"", " ", "\n\t\r "},
		events.ReasonTooLarge: {strings.Repeat("[", 1<<20+1), strings.Repeat(" ", 1<<20+1)},
		events.ReasonNotJSON: {
			"x", "\xef\xbb\xbf{}", "{", "}", `{"request_id":"r"`, `{"request_id":"r",}`, `{"request_id" "r"}`, `{request_id:"r"}`, `{'a':1}`, `{,}`,
			`{"a":1 "b":2}`, `{"a":}`, `{"a"}`, `{"a`, `{"a\`, `[1,]`, `[1 2]`, `[`, `[1`, `nul`, `truE`, `{} {}`, `{}x`, `{"a":"` + "\x01" + `"}`, "{\"a\":\"\n\"}",
			`{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":01}`, `{"a":-}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":1e+}`, `{"a":0x10}`,
			`{"a":nan}`, `{"a":Nan}`, `{"a":+Infinity}`, `{"a":-NaN}`, `{"a":-Infinit}`, `{"a":Infinit}`, `{"a":1_000}`, "{\"a\":1\x00}", "{\"a\":1\u00a0}", "{\"a\":1\f}", `// comment`, `{"a":1}/**/`, `gzip` + "\x1f\x8b",
			`{"request_id":5,"ts":tru`, // syntax first, whatever it says
		},
		events.ReasonInvalidUTF8: {
			"{\"request_id\":\"\xff\",\"ts\":1}", `{"request_id":"\ud800","ts":1}`, `{"request_id":"\ud83d\ud83d","ts":1}`, "{\"request_id\":\"r\",\"ts\":\"\xff\"}", `{"request_id":"r","ts":"\udc00"}`,
		},
		events.ReasonDuplicateKey: {
			`{"request_id":"a","request_id":"b","ts":1}`, with(`"x":1,"x":1`), with(`"x":1,"\u0078":1`), with(`"":1,"":1`), with(`"t\u0073":2`),
			with(`"features":{"a":1,"a":2}`), with(`"features":{"o":{"a":1,"a":2}}`), with(`"deep":[[{"a":[{"b":1,"b":2}]}]]`), with(`"model":null,"model":"m"`),
			with(`"items":[{"item_id":"a","item_id":"a"}]`), with(`"items":[{"item_id":"a","features":{"k":1,"k":1}}]`), with(`"items":[{"item_id":"a","x":1,"x":1}]`),
			with(`"features":{` + members(100) + `,"k7":1}`), with(`"features":{` + members(20000) + `,"k19999":1}`), with(`"f":{"k1":{` + members(50) + `},` + members(50) + `}`),
		},
		events.ReasonTooDeep:   {strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), strings.Repeat("[", 33) + strings.Repeat("]", 33)},
		events.ReasonNotObject: {"null", "[]", "1", `"x"`, "true", "[{}]", " [1] ", "-0", "NaN", `1e400`},
		events.ReasonMissingRequestID: {
			"{}", `{"ts":1}`, `{"request_id":null,"ts":1}`, `{"Request_ID":"r","ts":1}`, `{"REQUEST_ID":"r","ts":1}`, `{"heartbeat":null}`, `{"request_id\u0000":"r"}`,
		},
		events.ReasonEmptyRequestID: {`{"request_id":"","ts":1}`},
		events.ReasonLongRequestID:  {`{"request_id":"` + strings.Repeat("x", 257) + `","ts":1}`, `{"request_id":"` + strings.Repeat(`\u00e9`, 129) + `"}`, `{"request_id":"` + strings.Repeat("x", 64<<10) + `","ts":1}`},
		events.ReasonMissingTS:      {`{"request_id":"r"}`, withTS("null"), withTS("NaN"), `{"request_id":"r","TS":1}`},
		events.ReasonBadTS: {
			withTS(`1e400`),
			withTS(`1.5`), withTS(`1e-3`), withTS(`9223372036855`), withTS(`-9223372036855`), withTS(`1e300`), withTS(`99999999999999999999999`), withTS(`1717527761998000`),
			withTS(`""`), withTS(`"now"`), withTS(`"1717527761998"`), withTS(`"2024-06-04"`), withTS(`"2024-06-04T19:02:41"`), withTS(`"2024-06-04 19:02:41Z"`),
			withTS(`"2024-06-04T19:02:60Z"`), withTS(`"2016-12-31T23:59:60Z"`), withTS(`"9999-12-31T23:59:59Z"`), withTS(`"10000-01-01T00:00:00Z"`), withTS(`"0000-01-01T00:00:00Z"`),
			withTS(`"2262-04-11T23:47:16.854775807Z"`), withTS(`"2262-04-12T00:00:00Z"`), withTS(`"1677-01-01T00:00:00Z"`), withTS(`"2023-02-29T00:00:00Z"`), withTS(`"2024-13-01T00:00:00Z"`),
		},
		events.ReasonWrongType: {
			`{"request_id":NaN,"ts":1}`, `{"request_id":1e999,"ts":1}`, `{"request_id":1.0,"ts":1}`, `{"request_id":1e3,"ts":1}`, `{"request_id":["r"],"ts":1}`, `{"request_id":{},"ts":1}`, `{"request_id":true,"ts":1}`, withTS(`true`), withTS(`{}`), withTS(`[1]`),
			with(`"model":true`), with(`"model_version":[2]`), with(`"user_id":{}`), with(`"score":"0,5"`), with(`"score":""`), with(`"score":" 1"`), with(`"score":"1 "`), with(`"score":"+1"`), with(`"score":"01"`),
			with(`"score":"0x10"`), with(`"score":".5"`), with(`"score":"NaN"`), with(`"score":"\u0031"`), with(`"score":"1_000"`), with(`"score":true`), with(`"features":[]`), with(`"features":"x"`), with(`"items":{}`), with(`"items":"a"`),
		},
		events.ReasonBadItem: {
			with(`"items":[1]`), with(`"items":["a"]`), with(`"items":[null]`), with(`"items":[[]]`), with(`"items":[{}]`), with(`"items":[{"item_id":null}]`), with(`"items":[{"item_id":""}]`),
			with(`"items":[{"item_id":7.0}]`), with(`"items":[{"item_id":"\ud800"}]`), with(`"items":[{"item_id":NaN}]`), with(`"items":[{"item_id":"` + strings.Repeat("x", 257) + `"}]`), with(`"items":[{"item_id":"a"},{"position":1}]`),
			with(`"items":[{"item_id":"a","position":1.5}]`), with(`"items":[{"item_id":"a","position":"1.5"}]`), with(`"items":[{"item_id":"a","position":"first"}]`), with(`"items":[{"item_id":"a","position":9223372036854775808}]`), with(`"items":[{"item_id":"a","position":1e30}]`),
			with(`"items":[{"item_id":"a","score":"x"}]`), with(`"items":[{"item_id":"a","features":[]}]`),
		},
		events.ReasonLongName: {with(`"features":{"` + strings.Repeat("x", 257) + `":1}`), with(`"features":{"` + strings.Repeat("x", 200) + `":{"` + strings.Repeat("y", 56) + `":1}}`),
			with(`"features":{"` + strings.Repeat("x", 120) + `":{"` + strings.Repeat("y", 120) + `":{"` + strings.Repeat("z", 15) + `":1}}}`)},
	}
}

// members are n members with different names.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"k%d":%d`, i, i)
	}
	return b.String()
}

func TestBadRequests(t *testing.T) {
	var d jsonevent.Decoder
	for reason, inputs := range badInputs() {
		for _, raw := range inputs {
			_, err := d.ScanRequest([]byte(raw))
			if got := reasonOf(t, err); got != reason {
				t.Errorf("%.80q (%d bytes): scan says %v, want %s", raw, len(raw), err, reason)
			}
			req, err2 := d.DecodeRequest([]byte(raw))
			if err2 == nil || err == nil || err2.Error() != err.Error() || req.ID != "" {
				t.Errorf("%.80q: decode says %v, scan %v", raw, err2, err)
			}
			if !slices.Contains(events.Reasons(), reason) {
				t.Errorf("reason %s is not listed", reason)
			}
		}
	}
}

// badOutcomes are outcomes that must be rejected, with the reason.
func badOutcomes() map[string]string {
	with := func(field string) string { return `{"request_id":"r","ts":1,"type":"t",` + field + `}` }
	return map[string]string{
		`{"request_id":"r","ts":1}`:                             events.ReasonMissingType,
		`{"request_id":"r","ts":1,"type":""}`:                   events.ReasonMissingType,
		`{"request_id":"r","ts":1,"type":null}`:                 events.ReasonMissingType,
		`{"request_id":"r","ts":1,"type":1}`:                    events.ReasonWrongType,
		`{"ts":1,"type":"t"}`:                                   events.ReasonMissingRequestID,
		`{"request_id":"","ts":1,"type":"t"}`:                   events.ReasonEmptyRequestID,
		`{"request_id":"r","type":"t"}`:                         events.ReasonMissingTS,
		`{"request_id":"r","ts":"x","type":"t"}`:                events.ReasonBadTS,
		with(`"outcome_id":1.5`):                                events.ReasonWrongType,
		with(`"outcome_id":NaN`):                                events.ReasonWrongType,
		with(`"outcome_id":1e999`):                              events.ReasonWrongType,
		with(`"item_id":NaN`):                                   events.ReasonWrongType,
		with(`"item_id":-Infinity`):                             events.ReasonWrongType,
		with(`"item_id":1e999`):                                 events.ReasonWrongType,
		`{"request_id":NaN,"ts":1,"type":"t"}`:                  events.ReasonWrongType,
		with(`"outcome_id":"\udfff"`):                           events.ReasonInvalidUTF8,
		`{"request_id":"r","ts":1,"type":"\ud800"}`:             events.ReasonInvalidUTF8,
		`{"request_id":"r","ts":1,"type":NaN}`:                  events.ReasonMissingType,
		with(`"outcome_id":"` + strings.Repeat("x", 257) + `"`): events.ReasonLongOutcomeID,
		with(`"item_id":1.0`):                                   events.ReasonWrongType,
		with(`"item_id":""`):                                    events.ReasonBadItem,
		with(`"item_id":"` + strings.Repeat("x", 257) + `"`):    events.ReasonBadItem,
		with(`"value":"1,5"`):                                   events.ReasonWrongType,
		with(`"value":"$1"`):                                    events.ReasonWrongType,
		with(`"value":true`):                                    events.ReasonWrongType,
		with(`"attrs":[]`):                                      events.ReasonWrongType,
		with(`"attrs":{"a":1,"a":1}`):                           events.ReasonDuplicateKey,
		``:                                                      events.ReasonEmpty,
		`[]`:                                                    events.ReasonNotObject,
		strings.Repeat("[", 1<<20):                              events.ReasonTooDeep,
	}
}

func TestBadOutcomes(t *testing.T) {
	var d jsonevent.Decoder
	for raw, reason := range badOutcomes() {
		out, info, err := d.DecodeOutcome([]byte(raw))
		if reasonOf(t, err) != reason || out.RequestID != "" || info != (jsonevent.Info{}) {
			t.Errorf("%.80q: %v, want %s", raw, err, reason)
		}
	}
	out, _, err := d.DecodeOutcome([]byte(`{"request_id":"r","ts":1,"type":"t","outcome_id":""}`))
	if err != nil || out.ID != "" {
		t.Errorf("an empty outcome_id is one not given, got %v", err)
	}
}

// TestBigObjectsStayLinear: 50,000 names in one object, each different. Were each
// compared with all, this would take many seconds.
func TestBigObjectsStayLinear(t *testing.T) {
	d := jsonevent.Decoder{MaxBytes: 4 << 20}
	raw := []byte(`{"request_id":"r","ts":1,"features":{` + members(50_000) + `}}`)
	req, err := d.DecodeRequest(raw)
	if err != nil || len(req.Features) != 50_000 {
		t.Fatalf("%d features, %v; want 50000", len(req.Features), err)
	}
}

// TestScanDoesNotAllocate holds for ordinary requests.
func TestScanDoesNotAllocate(t *testing.T) {
	raw := []byte(`{"request_id":"r","ts":"2024-06-04T19:02:41.998123456+00:00","features":{"a":{"b":[1,2.5,"x"]},"é":"\n"},"items":[{"item_id":"a"}]}`)
	var d jsonevent.Decoder
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.ScanRequest(raw); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
