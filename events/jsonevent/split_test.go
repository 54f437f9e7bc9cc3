package jsonevent_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// pieces collects what Split yields and checks that the positions count up.
func pieces(t testing.TB, payload []byte) []string {
	t.Helper()
	list := []string{}
	for index, raw := range new(jsonevent.Decoder).Split(payload) {
		if int(index) != len(list) {
			t.Fatalf("%.80q: position %d after %d pieces", payload, index, len(list))
		}
		list = append(list, string(raw))
	}
	return list
}

func TestSplit(t *testing.T) {
	brackets := strings.Repeat("[", 1<<20)
	for payload, want := range map[string][]string{
		// One event.
		`{"a":1}`:                      {`{"a":1}`},
		" \r\n{\"a\":1}\n":             {`{"a":1}`},
		"{\n \"a\": [\n {\"b\":1}\n]}": {"{\n \"a\": [\n {\"b\":1}\n]}"},
		// Nothing, or nothing that can be told apart.
		"": {""}, " \n ": {""}, "[]": {"[]"}, "[ \n ]": {"[ \n ]"}, "nonsense": {"nonsense"}, "1\n2": {"1\n2"}, "[1,2": {"[1,2"}, `[{"a":1},{"b":"x]`: {`[{"a":1},{"b":"x]`},
		`[{"a":1}] x`: {`[{"a":1}] x`}, `[{"a":1]}`: {`[{"a":1]}`}, `{"a":1}{"b":2}`: {`{"a":1}{"b":2}`}, "]": {"]"}, `"`: {`"`}, `{"a":"\`: {`{"a":"\`}, brackets: {brackets},
		"{\n\"a\": 1\n": {"{\n\"a\": 1"}, "[1]\n[2]": {"[1]\n[2]"}, strings.Repeat("[\n", 1000): {strings.TrimSpace(strings.Repeat("[\n", 1000))},
		// Arrays.
		`[{"a":1}]`:                     {`{"a":1}`},
		` [ {"a":1} , {"b":[1,2]},3 ] `: {`{"a":1}`, `{"b":[1,2]}`, `3`},
		`[{"a":"],["},{"b":"\"],"}]`:    {`{"a":"],["}`, `{"b":"\"],"}`},
		"[\n{\"a\":1},\n{\"b\":2}\n]":   {`{"a":1}`, `{"b":2}`},
		`[{"a":1},,{"b":2},]`:           {`{"a":1}`, ``, `{"b":2}`, ``},
		`[,]`:                           {``, ``},
		`[{"a":tru},{"b":2}]`:           {`{"a":tru}`, `{"b":2}`},
		`[[{"a":1}],{"b":2}]`:           {`[{"a":1}]`, `{"b":2}`},
		"[" + brackets[:100] + strings.Repeat("]", 101): {brackets[:100] + strings.Repeat("]", 100)},
		// Lines.
		"{\"a\":1}\n{\"b\":2}":                   {`{"a":1}`, `{"b":2}`},
		"{\"a\":1}\r\n\n  \n {\"b\":2} \r\n":     {`{"a":1}`, `{"b":2}`},
		"{\"a\":1\n{\"b\":2}":                    {`{"a":1`, `{"b":2}`},
		"{\"a\":\"\n{\"b\":2}\n\"}":              {`{"a":"`, `{"b":2}`, `"}`},
		"{\"a\":\"\\\n{\"b\":2}":                 {`{"a":"\`, `{"b":2}`},
		"{\"a\":[1}\n{\"b\":2}\n]":               {`{"a":[1}`, `{"b":2}`, `]`},
		"nonsense\n{\"b\":2}\n[[[\n{\"c\":3}":    {`nonsense`, `{"b":2}`, `[[[`, `{"c":3}`},
		"[1,\n{\"b\":2}":                         {`[1,`, `{"b":2}`},
		"{\"a\":\"\u2028\"}\n{\"b\":\"\u0085\"}": {"{\"a\":\"\u2028\"}", "{\"b\":\"\u0085\"}"},
	} {
		t.Run(payload, func(t *testing.T) {
			if got := pieces(t, []byte(payload)); !slices.Equal(got, want) {
				t.Errorf("%.80q: %.200q, want %.200q", payload, got, want)
			}
		})
	}
}

// TestSplitStopsEarly: who has seen enough may leave.
func TestSplitStopsEarly(t *testing.T) {
	for _, payload := range []string{`[{"a":1},{"b":2}]`, "{\"a\":1}\n{\"b\":2}", `{"a":1}`} {
		for index, raw := range new(jsonevent.Decoder).Split([]byte(payload)) {
			if index != 0 || string(raw) != `{"a":1}` {
				t.Errorf("%q: first piece %d is %q", payload, index, raw)
			}
			break
		}
	}
}

// TestBadLinesSpoilNoOther: whatever a bad line holds, the good lines of the
// message come out as they are.
func TestBadLinesSpoilNoOther(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) // fixed: every run is the same
	bad := []string{"x", "{", "}", "[", "]", "[[[", `"`, `{"a":"`, `{"a":1`, `{"a":[}`, `\`, `{"a":"\`, "1", "null", "[]", `{"a":1},`}
	for range 2000 {
		var lines []string
		for i := range 1 + r.IntN(6) {
			lines = append(lines, fmt.Sprintf(`{"n":%d,"s":"]}\"","l":[{}]}`, i))
		}
		for range 1 + r.IntN(3) {
			lines = slices.Insert(lines, r.IntN(len(lines)+1), bad[r.IntN(len(bad))])
		}
		payload := strings.Join(lines, "\n")
		if got := pieces(t, []byte(payload)); !isArrayOfLines(payload) && !slices.Equal(got, lines) {
			t.Fatalf("%q: %q", payload, got)
		}
	}
}

// isArrayOfLines is the one exception: bad lines that make one value of all.
func isArrayOfLines(payload string) bool {
	return payload[0] == '[' && payload[len(payload)-1] == ']' || payload[0] == '{' && payload[len(payload)-1] == '}' && !strings.HasPrefix(payload, `{"n"`)
}

func FuzzSplit(f *testing.F) {
	for _, payload := range []string{"", "[]", `[{"a":1},{"b":"]"}]`, "{\"a\":1}\n{\"b\":2}\n", "{\"a\":\"\n{\"b\":2}", "{\n\"a\":1\n}", "[[[[", "[,]", `{"a":"\`} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := pieces(t, payload)
		if len(got) == 0 {
			t.Fatalf("%q: no piece", payload)
		}
		rest := payload
		for _, piece := range got {
			at := bytes.Index(rest, []byte(piece))
			if at < 0 || len(bytes.Trim(rest[:at], " \r\n\t,[")) > 0 {
				t.Fatalf("%q: piece %q is not next in %q", payload, piece, rest)
			}
			rest = rest[at+len(piece):]
		}
		if len(bytes.Trim(rest, " \r\n\t,[]")) > 0 {
			t.Fatalf("%q: %q is in no piece", payload, rest)
		}
		whole := bytes.Trim(payload, " \r\n\t")
		if !bytes.Contains(whole, []byte{'\n'}) && !bytes.HasPrefix(whole, []byte{'['}) && !slices.Equal(got, []string{string(whole)}) {
			t.Fatalf("%q: %q, and is one line and no array", payload, got)
		}
		if want, ok := wellFormed(payload); ok && !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", payload, got, want)
		}
	})
}

// wellFormed tells the pieces of a payload that is an object or an array of
// one element at least, all valid.
func wellFormed(payload []byte) (list []string, ok bool) {
	whole := bytes.Trim(payload, " \r\n\t")
	options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if len(whole) == 0 || !jsontext.Value(whole).IsValid(options...) {
		return nil, false
	}
	if whole[0] != '[' {
		return []string{string(whole)}, true
	}
	dec := jsontext.NewDecoder(bytes.NewReader(whole), options...)
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		list = append(list, string(v))
	}
	return list, len(list) > 0
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
