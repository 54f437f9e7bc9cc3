package mapping

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// A random mapping is made of expressions of which each has a plain evaluation in Go. The
// mapping's events are decoded and compared with what the plain evaluation says.

// plainExpr is an expression and its plain evaluation: the value, and whether it fails.
type plainExpr struct {
	text string
	eval func(record map[string]any) (v any, fails bool)
}

type generator struct{ *rand.Rand }

func (g generator) name() string { return []string{"a", "b", "c", "d-e", "f"}[g.IntN(5)] }

// record is a random object of scalars, lists and objects.
func (g generator) record(depth int) map[string]any {
	r := map[string]any{}
	for range g.IntN(6) {
		r[g.name()] = g.value(depth)
	}
	return r
}

func (g generator) value(depth int) any {
	switch n := g.IntN(9); {
	case n == 0:
		return nil
	case n < 3:
		return g.IntN(2_000_000) - 1000
	case n == 3:
		return float64(g.IntN(1000)) + 0.125 // JSON has no whole number that is a float
	case n < 6:
		return []string{"", "x", "a\"\\\n", "é€", "17", "2026-01-02T03:04:05Z"}[g.IntN(6)]
	case n == 6:
		return g.IntN(2) == 0
	case n == 7 && depth > 0:
		list := make([]any, g.IntN(4))
		for i := range list {
			list[i] = g.value(depth - 1)
		}
		return list
	case depth > 0:
		return g.record(depth - 1)
	}
	return "leaf"
}

// path is a chain of members, each of which may be missing.
func (g generator) path() plainExpr {
	names := []string{g.name()}
	if g.IntN(2) == 0 {
		names = append(names, g.name())
	}
	return plainExpr{text: pathOf("event", names, true), eval: func(record map[string]any) (any, bool) {
		var v any = record
		for _, name := range names {
			object, ok := v.(map[string]any)
			if v == nil {
				return nil, false
			}
			if !ok {
				return nil, true // a scalar and a list have no members
			}
			v = object[name]
		}
		return v, false
	}}
}

// text is an expression for an id.
func (g generator) text() plainExpr {
	p := g.path()
	switch g.IntN(4) {
	case 0:
		return plainExpr{`"id-" + string(` + p.text + ` ?? 7)`, func(r map[string]any) (any, bool) {
			v, fails := p.eval(r)
			if v == nil {
				v = 7
			}
			text, isID := asID(v)
			return "id-" + text, fails || !isID
		}}
	case 1:
		return plainExpr{`default(` + p.text + `, "none")`, func(r map[string]any) (any, bool) {
			v, fails := p.eval(r)
			if v == nil || v == "" {
				return "none", fails
			}
			return v, fails
		}}
	case 2:
		return plainExpr{`string(len(keys(subtree(event, "a", "f"))))`, func(r map[string]any) (any, bool) {
			n := 0
			for _, name := range []string{"a", "f"} {
				if _, ok := r[name]; ok {
					n++
				}
			}
			return fmt.Sprint(n), false
		}}
	}
	return p
}

// asID is a value as an id has to be.
func asID(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int, bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// TestRandomMappings holds mappings against plain evaluations.
func TestRandomMappings(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	made := 0
	for range 400 {
		id, kind, features := g.text(), g.text(), g.path()
		m := must(t, Spec{Format: "json", Kind: "outcome", Map: map[string]string{
			"request_id": id.text, "ts": "stored", "type": kind.text, "attrs": "{v: " + features.text + "}",
		}})
		record := g.record(2)
		data, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		wantID, fails1 := id.eval(record)
		wantType, fails2 := kind.eval(record)
		wantAttr, fails3 := features.eval(record)
		idText, isID := asID(wantID)
		typeText, isType := asID(wantType)
		wanted := !fails1 && !fails2 && !fails3 && isID && isType && wantID != nil && wantType != nil
		m.Decode(message(string(data)), func(_ uint32, d events.Decoded) bool {
			if d.Reject != nil {
				if wanted {
					t.Fatalf("seed %d: %s of %s: %v", seed, m.spec.Map, data, d.Reject)
				}
				return true
			}
			if !wanted {
				t.Fatalf("seed %d: %s of %s gives %s, want it rejected", seed, m.spec.Map, data, d.Data)
			}
			var got struct {
				ID    string         `json:"request_id"`
				Type  string         `json:"type"`
				Attrs map[string]any `json:"attrs"`
			}
			if err := json.Unmarshal(d.Data, &got); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, d.Data, err)
			}
			if got.ID != idText || got.Type != typeText || !reflect.DeepEqual(got.Attrs["v"], again(t, wantAttr)) {
				t.Fatalf("seed %d: %s of %s gives %s; want id %q, type %q, v %v", seed, m.spec.Map, data, d.Data, idText, typeText,
					wantAttr)
			}
			made++
			return true
		})
	}
	if made < 50 {
		t.Errorf("seed %d: only %d events were made: too little was tried", seed, made)
	}
}

// again is a value as it is read from JSON.
func again(t *testing.T, v any) (out any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCanonicalBytes: one record written in many ways is one event, byte for byte, and a
// mapped event that is mapped again by its own names stays as it is.
func TestCanonicalBytes(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 2))}
	m := must(t, request(`"r"`, "stored", "features", "event"))
	same := must(t, request("event.request_id", "event.ts", "features", "event.features"))
	bytesOf := func(m *Mapping, data string) (out string) {
		m.Decode(message(data), func(_ uint32, d events.Decoded) bool {
			if d.Reject != nil {
				t.Fatalf("seed %d: %s: %v", seed, data, d.Reject)
			}
			out = string(d.Data)
			return true
		})
		return out
	}
	for range 200 {
		data, err := json.Marshal(g.record(3))
		if err != nil {
			t.Fatal(err)
		}
		other, err := json.MarshalIndent(json.RawMessage(data), "\t", " ")
		if err != nil {
			t.Fatal(err)
		}
		first := bytesOf(m, string(data))
		escaped := strings.NewReplacer("é", `\u00e9`, "x", `\u0078`).Replace(string(other))
		if second := bytesOf(m, escaped); first != second {
			t.Fatalf("seed %d: %s and %s", seed, first, second)
		}
		if second := bytesOf(same, first); first != second {
			t.Fatalf("seed %d: %s becomes %s", seed, first, second)
		}
	}
}

// FuzzMapping: no message makes a mapping panic, give what the decoder does not read, or give
// another event than the machine alone makes.
func FuzzMapping(f *testing.F) {
	both := `event.k == 1 ? "request" : "outcome"`
	var all, slow []*Mapping
	for _, format := range Formats() {
		spec := Spec{
			Format: format, Kind: both, Each: "event.l ?? [event]", Only: `it != 3 and not (event.id in ["z"] or event.l == "y")`, Limits: jsonevent.Decoder{MaxBytes: 64 << 10},
			Map: map[string]string{
				"request_id": `default(event.id ?? event.data?.id, "x")`, "ts": `event.t != nil ? time(event.t, "ms") : stored`, "type": `"t"`,
				"items": `map(event.i ?? [], {item_id: .a, features: {all: #}})`, "features": `{e: event, i: it}`, "value": "event.v",
			},
		}
		all, slow = append(all, must(f, spec)), append(slow, slowly(f, spec))
	}
	for _, seed := range []string{
		`{"id":1,"k":1,"t":12,"i":[{"a":1}],"v":"1.5"}`, `{"id":"a","l":[1,2,3,{}]}`, "id,t\na,1\n\"b\n", `[{"id":7.5}]`,
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"id":1}}`, inferenceLog, "\x0a\x02\x0a\x00",
	} {
		f.Add([]byte(seed), "gzip")
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, data []byte, encoding string) {
		msg := &events.Message{Data: data, Stored: 1, Envelope: &events.Envelope{
			Subject: "s", Header: map[string][]string{"Content-Encoding": {encoding}},
		}}
		own := jsonevent.Decoder{MaxBytes: 64 << 10}
		for i, m := range all {
			if got, want := decoded(t, m, msg), decoded(t, slow[i], msg); got != want {
				t.Fatalf("%q gives\n%s\nand by the machine alone\n%s", data, got, want)
			}
			m.Decode(msg, func(_ uint32, d events.Decoded) bool {
				var err error
				switch {
				case d.Reject != nil && d.Data != nil:
					t.Fatalf("%q is rejected and gives %s", data, d.Data)
				case d.Reject != nil:
				case d.Kind == events.KindRequest:
					_, err = own.DecodeRequest(d.Data)
				default:
					_, _, err = own.DecodeOutcome(d.Data)
				}
				if err != nil && !json.Valid(d.Data) {
					t.Fatalf("%q gives %s: %v", data, d.Data, err)
				}
				return true
			})
		}
	})
}

const inferenceLog = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"3"}]}}}],"body":{"kvlistValue":{"values":[]}}}]}]}]}`

// slowly is a mapping that the machine evaluates, all of it.
func slowly(t testing.TB, spec Spec) *Mapping {
	t.Helper()
	m := must(t, spec)
	programs := []*program{m.kind, m.each, m.only}
	for k := range m.fields {
		for i := range m.fields[k] {
			programs = append(programs, m.fields[k][i].program)
		}
	}
	for _, p := range programs {
		if p != nil {
			p.quick = nil
		}
	}
	return m
}

// TestQuickAgrees holds quick evaluations against the machine's, errors and all.
func TestQuickAgrees(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 4))}
	texts := []string{
		`P == nil ? "none" : string(P)`, `P == "x" ? P : Q ?? "y"`, `string(P ?? 3) + "-" + string(Q ?? 4)`, `P != Q ? "a" : "b"`,
		`time(P, "s")`, `map(P ?? [], {item_id: #index, position: #})`, `map(P, {item_id: .a ?? "z", features: {f: #}})`,
		`map(P ?? [[1]], map(#, string(#)))`, `{a: P, b: {c: Q, d: 1}}`, `event["d-e"].a`, `P + Q`, `string(kind == "request" ? P : Q)`,
		`P == "x" and Q != nil ? "a" : "b"`, `P == nil || Q ? "a" : "b"`, `not (P == Q) ? "a" : P != nil && true`,
		`P in ["x", "17"] ? "a" : "b"`, `P not in ["x"] or Q ? "a" : "b"`, `P startsWith "x" ? Q endsWith "f" : Q contains P ? "a" : "b"`,
	}
	quick := 0
	for range 150 {
		text := strings.NewReplacer("P", g.path().text, "Q", g.path().text).Replace(texts[g.IntN(len(texts))])
		for _, field := range []string{"user_id", "items", "features"} {
			spec := request(`"r"`, "stored", field, text)
			m, data := must(t, spec), g.record(2)
			raw, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			if p := m.fields[events.KindRequest][2].program; p.quick != nil {
				quick++
			}
			got, want := decoded(t, m, message(string(raw))), decoded(t, slowly(t, spec), message(string(raw)))
			if got != want {
				t.Fatalf("seed %d: %s of %s gives\n%s\nand by the machine\n%s", seed, text, raw, got, want)
			}
		}
	}
	if quick < 400 {
		t.Errorf("only %d of 450 expressions have a quick evaluation", quick)
	}
}
