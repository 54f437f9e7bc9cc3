package jsonevent_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// goodInputs are requests and outcomes that decode; they seed the fuzz targets.
func goodInputs() []string {
	return []string{
		`{"request_id":"r","ts":1}`, `{"heartbeat":5}`, `{"heartbeat":"2024-06-04T19:02:41Z"}`,
		`{"request_id":"\u0000\ud83d\ude00","ts":"2024-06-04t19:02:41.998z","features":{"a":{"b":[1,-2.5e3,"x",null,true]},"c":[[1]],"d":null}}`,
		` { "request_id" : "r" , "ts" : 1.0e3 , "items" : [ { "item_id" : "a" , "position" : 2.0 , "score" : 1 , "x" : { } } , { "item_id" : "a" } ] } `,
		`{"request_id":"r","outcome_id":"o","type":"click","ts":1,"item_id":"a","value":1.25,"attrs":{"a":[1,{"b":null}],"\u00e9":"\/"}}`,
		`{"request_id":"r","ts":1,"score":12345678901234567890,"features":{` + members(40) + `}}`,
		`{"request_id":12345678901234567890123,"ts":1,"model_version":1.10,"score":"-0.5","items":[{"item_id":7,"position":"2","score":"1e-3"}]}`,
		`{"request_id":-7,"outcome_id":9007199254740993,"type":"buy","ts":1,"item_id":0,"value":"19.90","attrs":{"a":NaN,"b":[Infinity,-Infinity,1e999],"c":"\ud83d","\ud83d":{"d":1}}}`,
		`{"request_id":"r","ts":1,"user_id":"\udc00","score":NaN,"features":{"a":NaN,"b":"\ud83dx","\ud83d":1,"c":[1,NaN,"\ud83d"],"d":[[-Infinity]],"e":1e999,"f":"ok"},"items":[{"item_id":"a","position":Infinity,"score":-1e999}],"x":NaN}`,
		`{"request_id":"r","ts":1,"heartbeat":[NaN],"features":{"d":[[ NaN]],"e":[1,["\ud83d"]],"f":[1,{"g":-1e999}],"g":[1,NaN]}}`,
		`{"request_id":"r","ts":1,"items":[{"more":-Infinity,"item_id":"a","most":NaN,"score":1},{"item_id":"b","more":-Infinity}]}`,
		`{"request_id":"r","ts":1,"features":{"\ud83d":-Infinity}}`,
	}
}

func seed(f *testing.F) {
	for _, raw := range goodInputs() {
		f.Add([]byte(raw))
	}
	for _, inputs := range badInputs() {
		for _, raw := range inputs {
			if len(raw) < 4096 { // larger ones only slow the mutations down
				f.Add([]byte(raw))
			}
		}
	}
}

// checkSyntax holds the verdict against jsontext's, which by default refuses
// duplicate names and what is not UTF-8 too. It is told of the event with unheld for what
// cannot be held.
func checkSyntax(t *testing.T, raw []byte, reason string) {
	t.Helper()
	mended, _ := mended(raw)
	valid := jsontext.Value(mended).IsValid()
	switch reason {
	case events.ReasonTooLarge, events.ReasonTooDeep:
		// Our own limits come first, or instead.
	case events.ReasonEmpty, events.ReasonNotJSON, events.ReasonDuplicateKey:
		if valid {
			t.Fatalf("%q: %s, yet jsontext takes it", raw, reason)
		}
	default:
		if !valid {
			t.Fatalf("%q: %q, yet jsontext does not take it", raw, reason)
		}
	}
}

func FuzzScanAgreesWithDecode(f *testing.F) {
	seed(f)
	var d jsonevent.Decoder
	f.Fuzz(func(t *testing.T, raw []byte) {
		scan, err := d.ScanRequest(raw)
		reason := reasonOf(t, err)
		checkSyntax(t, raw, reason)
		req, err2 := d.DecodeRequest(raw)
		if reasonOf(t, err2) != reason {
			t.Fatalf("%q: scan says %v, decode %v", raw, err, err2)
		}
		if err != nil {
			return
		}
		if string(scan.ID) != req.ID || scan.TS != req.TS || scan.Heartbeat != (req.ID == "") {
			t.Fatalf("%q: scan %+v, decode %+v", raw, scan, req)
		}
		if mended, named := mended(raw); !scan.Heartbeat && named == 0 {
			checkRequest(t, mended, &req, scan.Unknown)
		}
	})
}

// checkRequest compares a request with what encoding/json makes of it.
func checkRequest(t *testing.T, raw []byte, req *events.Request, unknown int) {
	t.Helper()
	top := generic(t, raw)
	if req.ID != orEmpty(top["request_id"]) || req.Model != orEmpty(top["model"]) || req.ModelVersion != orEmpty(top["model_version"]) || req.UserID != orEmpty(top["user_id"]) {
		t.Fatalf("%q: decoded as %+v", raw, req)
	}
	checkNumber(t, raw, top["score"], req.Score, req.HasScore)
	checkFeatures(t, raw, top["features"], req.Features)
	want := countUnknown(top, "request_id", "ts", "model", "model_version", "user_id", "score", "features", "items")
	if v, named := top["heartbeat"]; named && !isGiven(v) {
		want--
	}
	items, _ := top["items"].([]any)
	listed := req.Items
	var seen []string
	for _, v := range items {
		item := v.(map[string]any)
		want += countUnknown(item, "item_id", "position", "score", "features")
		id := orEmpty(item["item_id"])
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		if len(listed) == 0 || listed[0].ID != id {
			t.Fatalf("%q: items %+v, want %q next", raw, req.Items, id)
		}
		checkNumber(t, raw, item["position"], float64(listed[0].Position), listed[0].HasPosition)
		checkNumber(t, raw, item["score"], listed[0].Score, listed[0].HasScore)
		checkFeatures(t, raw, item["features"], listed[0].Features)
		listed = listed[1:]
	}
	if len(listed) > 0 || want != unknown {
		t.Fatalf("%q: %d items too many; %d unknown fields, want %d", raw, len(listed), unknown, want)
	}
}

// generic decodes with encoding/json, numbers as they stand.
func generic(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var top map[string]any
	if err := dec.Decode(&top); err != nil {
		t.Fatalf("%q: encoding/json: %v", raw, err)
	}
	return top
}

// isGiven reports whether a value is not null, and all in it can be held.
func isGiven(v any) bool { return v != nil && isHeld(v) }

// isHeld reports whether everything in a value can be held.
func isHeld(v any) bool {
	switch v := v.(type) {
	case json.Number:
		_, err := v.Float64()
		return err == nil
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !isHeld(e) })
	case map[string]any:
		for _, e := range v {
			if !isHeld(e) {
				return false
			}
		}
	}
	return true
}

// orEmpty is a text, or the digits of a number that can be held.
func orEmpty(v any) string {
	if n, ok := v.(json.Number); ok && isHeld(n) {
		return n.String()
	}
	text, _ := v.(string)
	return text
}

// numberIn is a number, also one that is written as text; nil if it cannot be held.
func numberIn(v any) any {
	if text, ok := v.(string); ok && numberForm.FindString(text) == text {
		v = json.Number(text)
	}
	if !isHeld(v) {
		return nil
	}
	return v
}

func countUnknown(object map[string]any, known ...string) int {
	n := 0
	for name := range object {
		if !slices.Contains(known, name) {
			n++
		}
	}
	return n
}

func checkNumber(t *testing.T, raw []byte, want any, got float64, given bool) {
	t.Helper()
	want = numberIn(want)
	if want == nil {
		if given || got != 0 {
			t.Fatalf("%q: a number that is not given is %v", raw, got)
		}
		return
	}
	f, err := want.(json.Number).Float64()
	if err != nil || !given || f != got {
		t.Fatalf("%q: number %v, want %v (%v)", raw, got, want, err)
	}
}

// checkFeatures compares features regardless of their order, which
// encoding/json does not tell.
func checkFeatures(t *testing.T, raw []byte, object any, fields []events.Field) {
	t.Helper()
	members, _ := object.(map[string]any)
	want := flattened(nil, "", members)
	got := make([]string, 0, len(fields))
	for _, field := range fields {
		got = append(got, field.Name+"="+printed(field.Value))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%q: features\n%q, want\n%q", raw, got, want)
	}
}

func flattened(lines []string, prefix string, object map[string]any) []string {
	for name, v := range object {
		if nested, ok := v.(map[string]any); ok {
			lines = flattened(lines, prefix+name+"_", nested)
		} else if value := printedAny(v); value != "null" {
			lines = append(lines, prefix+name+"="+value)
		}
	}
	return lines
}

func printed(v events.Value) string {
	switch v.Kind {
	case events.ValueNull:
		return "null"
	case events.ValueBool:
		return strconv.FormatBool(v.Int == 1)
	case events.ValueInt:
		return fmt.Sprintf("int %d", v.Int)
	case events.ValueDouble:
		return fmt.Sprintf("double %x", math.Float64bits(v.Float))
	case events.ValueString:
		return strconv.Quote(v.Str)
	case events.ValueJSON:
		var any any
		dec := json.NewDecoder(strings.NewReader(v.Str))
		dec.UseNumber()
		if err := dec.Decode(&any); err != nil {
			return err.Error()
		}
		return fmt.Sprintf("json %q", any)
	}
	var b strings.Builder
	for _, e := range v.List {
		b.WriteString(printed(e) + ",")
	}
	return "[" + b.String() + "]"
}

func printedAny(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return strconv.Quote(v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return fmt.Sprintf("int %d", n)
		}
		f, err := v.Float64()
		if err != nil {
			return "null"
		}
		return fmt.Sprintf("double %x", math.Float64bits(f))
	}
	var b strings.Builder
	for _, e := range v.([]any) {
		switch e.(type) {
		case []any, map[string]any:
			if !isHeld(v) {
				return "null" // as a whole, since it is kept as its text
			}
			return fmt.Sprintf("json %q", v)
		}
		b.WriteString(printedAny(e) + ",")
	}
	return "[" + b.String() + "]"
}

// floats is a value with float64 for its numbers, and null for those that cannot be held.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil
		}
		return f
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = floats(v[name])
		}
	}
	return v
}

func FuzzDecodeOutcome(f *testing.F) {
	seed(f)
	var d jsonevent.Decoder
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, info, err := d.DecodeOutcome(raw)
		reason := reasonOf(t, err)
		checkSyntax(t, raw, reason)
		if err != nil || info.Heartbeat {
			if out.RequestID != "" || out.Attrs != nil || out.Hash != [32]byte{} {
				t.Fatalf("%q: %v, and yet an outcome %+v", raw, err, out)
			}
			return
		}
		mended, named := mended(raw)
		if named > 0 {
			return
		}
		top := generic(t, mended)
		checkNumber(t, raw, top["value"], out.Value, out.HasValue)
		attrs, _ := floats(top["attrs"]).(map[string]any)
		if out.RequestID != orEmpty(top["request_id"]) || out.Type != top["type"] || out.ID != orEmpty(top["outcome_id"]) || out.ItemID != orEmpty(top["item_id"]) ||
			!reflect.DeepEqual(out.Attrs, attrs) || out.Hash != sha256.Sum256(raw) {
			t.Fatalf("%q: decoded as %+v", raw, out)
		}
		want := countUnknown(top, "request_id", "ts", "type", "outcome_id", "item_id", "value", "attrs")
		if v, named := top["heartbeat"]; named && !isGiven(v) {
			want--
		}
		if info.Unknown != want {
			t.Fatalf("%q: %d unknown fields, want %d", raw, info.Unknown, want)
		}
	})
}

var (
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`)
	wordForm   = regexp.MustCompile(`^(NaN|-?Infinity)`)
	escapeForm = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|["\\/bfnrt])`)
)

// unheld is JSON of a value that cannot be held, apart from what stands around it.
const unheld = " 1e999 "

// mended is an event with unheld in the place of every word and every string that cannot
// be held, and in the place of every name that is no text another one, of which there are
// named. It knows no more of JSON than where strings and words are.
func mended(raw []byte) (out []byte, named int) {
	for i := 0; i < len(raw); {
		if raw[i] == '"' {
			end, closed := stringEnd(raw, i)
			switch text := raw[i:end]; {
			case !closed || isText(text):
				out = append(out, text...)
			case bytes.HasPrefix(bytes.TrimLeft(raw[end:], " \t\r\n"), []byte(":")):
				named++
				out = strconv.AppendQuote(out, "no text "+strconv.Itoa(named))
			default:
				out = append(out, unheld...)
			}
			i = end
			continue
		}
		begins := i == 0 || bytes.IndexByte([]byte(" \t\r\n,:[{"), raw[i-1]) >= 0
		if word := wordForm.Find(raw[i:]); begins && word != nil {
			out = append(out, unheld...)
			i += len(word)
			continue
		}
		out = append(out, raw[i])
		i++
	}
	return out, named
}

// stringEnd is where the string at i ends. One that is not closed, or has what no
// string may have, is none.
func stringEnd(raw []byte, i int) (end int, closed bool) {
	for i++; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			if at := escapeForm.FindIndex(raw[i:min(i+6, len(raw))]); at == nil || at[0] > 0 {
				return len(raw), false
			}
			i++
		case c == '"':
			return i + 1, true
		case c < ' ':
			return len(raw), false
		}
	}
	return len(raw), false
}

// isText reports whether a string is UTF-8 and every escaped half of a surrogate pair
// has its other half.
func isText(quoted []byte) bool {
	half := false // the escape before was a first half
	end := 0
	for _, at := range escapeForm.FindAllIndex(quoted, -1) {
		escape := quoted[at[0]:at[1]]
		r := uint64(0)
		if len(escape) == 6 {
			r, _ = strconv.ParseUint(string(escape[2:]), 16, 32)
		}
		first, second := r >= 0xD800 && r < 0xDC00, r >= 0xDC00 && r < 0xE000
		if second != half || half && at[0] != end {
			return false
		}
		half, end = first, at[1]
	}
	return !half && utf8.Valid(quoted)
}
