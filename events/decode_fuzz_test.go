package events_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// goodInputs are requests and outcomes that decode; they seed the fuzz targets.
func goodInputs() []string {
	return []string{
		`{"request_id":"r","ts":1}`, `{"heartbeat":5}`, `{"heartbeat":"2024-06-04T19:02:41Z"}`,
		`{"request_id":"\u0000\ud83d\ude00","ts":"2024-06-04t19:02:41.998z","features":{"a":{"b":[1,-2.5e3,"x",null,true]},"c":[[1]],"d":null}}`,
		` { "request_id" : "r" , "ts" : 1.0e3 , "items" : [ { "item_id" : "a" , "position" : 2.0 , "score" : 1 , "x" : { } } , { "item_id" : "a" } ] } `,
		`{"request_id":"r","outcome_id":"o","type":"click","ts":1,"item_id":"a","value":1.25,"attrs":{"a":[1,{"b":null}],"\u00e9":"\/"}}`,
		`{"request_id":"r","ts":1,"score":12345678901234567890,"features":{` + members(40) + `}}`,
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
// duplicate names and what is not UTF-8 too.
func checkSyntax(t *testing.T, raw []byte, reason string) {
	t.Helper()
	valid := jsontext.Value(raw).IsValid()
	switch reason {
	case events.ReasonTooLarge, events.ReasonTooDeep, events.ReasonBadNumber:
		// Our own limits come first, or instead.
	case events.ReasonEmpty, events.ReasonNotJSON, events.ReasonInvalidUTF8, events.ReasonDuplicateKey:
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
	var d events.Decoder
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
		if !scan.Heartbeat {
			checkRequest(t, raw, &req, scan.Unknown)
		}
	})
}

// checkRequest compares a request with what encoding/json makes of it.
func checkRequest(t *testing.T, raw []byte, req *events.Request, unknown int) {
	t.Helper()
	top := generic(t, raw)
	if req.ID != top["request_id"] || req.Model != orEmpty(top["model"]) || req.ModelVersion != orEmpty(top["model_version"]) || req.UserID != orEmpty(top["user_id"]) {
		t.Fatalf("%q: decoded as %+v", raw, req)
	}
	checkNumber(t, raw, top["score"], req.Score, req.HasScore)
	checkFeatures(t, raw, top["features"], req.Features)
	want := countUnknown(top, "request_id", "ts", "model", "model_version", "user_id", "score", "features", "items")
	if v, given := top["heartbeat"]; given && v == nil {
		want--
	}
	items, _ := top["items"].([]any)
	listed := req.Items
	var seen []string
	for _, v := range items {
		item := v.(map[string]any)
		want += countUnknown(item, "item_id", "position", "score", "features")
		id := item["item_id"].(string)
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

func orEmpty(v any) string {
	text, _ := v.(string)
	return text
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
		switch v := v.(type) {
		case nil:
		case map[string]any:
			lines = flattened(lines, prefix+name+"_", v)
		default:
			lines = append(lines, prefix+name+"="+printedAny(v))
		}
	}
	return lines
}

func printed(v events.Value) string {
	switch v.Kind {
	case events.Null:
		return "null"
	case events.Bool:
		return strconv.FormatBool(v.Int == 1)
	case events.Int:
		return fmt.Sprintf("int %d", v.Int)
	case events.Double:
		return fmt.Sprintf("double %x", math.Float64bits(v.Float))
	case events.String:
		return strconv.Quote(v.Str)
	case events.JSON:
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
		f, _ := v.Float64()
		return fmt.Sprintf("double %x", math.Float64bits(f))
	}
	var b strings.Builder
	for _, e := range v.([]any) {
		switch e.(type) {
		case []any, map[string]any:
			return fmt.Sprintf("json %q", v)
		}
		b.WriteString(printedAny(e) + ",")
	}
	return "[" + b.String() + "]"
}

func FuzzDecodeOutcome(f *testing.F) {
	seed(f)
	var d events.Decoder
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
		var top map[string]any
		if err := json.Unmarshal(raw, &top); err != nil {
			t.Fatalf("%q: encoding/json: %v", raw, err)
		}
		value, given := top["value"].(float64)
		attrs, _ := top["attrs"].(map[string]any)
		if out.RequestID != top["request_id"] || out.Type != top["type"] || out.ID != orEmpty(top["outcome_id"]) || out.ItemID != orEmpty(top["item_id"]) ||
			out.Value != value || out.HasValue != given || !reflect.DeepEqual(out.Attrs, attrs) || out.Hash != sha256.Sum256(raw) {
			t.Fatalf("%q: decoded as %+v", raw, out)
		}
		want := countUnknown(top, "request_id", "ts", "type", "outcome_id", "item_id", "value", "attrs")
		if v, given := top["heartbeat"]; given && v == nil {
			want--
		}
		if info.Unknown != want {
			t.Fatalf("%q: %d unknown fields, want %d", raw, info.Unknown, want)
		}
	})
}
