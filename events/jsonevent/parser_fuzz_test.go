package jsonevent_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// FuzzParserAgrees feeds one Parser the lines of the input, one event each:
// forth, twice, so that it knows them, and back, so that they come unexpected.
// The first byte says with which options.
func FuzzParserAgrees(f *testing.F) {
	for i, raw := range goodInputs() {
		f.Add(append([]byte{byte(i)}, raw...))
		f.Add(append([]byte{0}, bytes.Join([][]byte{[]byte(raw), []byte(goodInputs()[0]), []byte(raw)}, []byte("\n"))...))
	}
	for _, inputs := range badInputs() {
		for _, raw := range inputs {
			if len(raw) < 4096 {
				f.Add(append([]byte("\x00"+goodInputs()[3]+"\n"), raw...))
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		f.Add(slices.Concat([]byte{0}, generatedRequest(r), []byte{'\n'}, generatedRequest(r)))
		f.Add(slices.Concat([]byte{1}, flatRequest(r), []byte{'\n'}, flatRequest(r)))
		f.Add(slices.Concat([]byte{0}, generatedOutcome(r), []byte{'\n'}, generatedOutcome(r)))
	}
	var all []*twins
	for _, d := range options() {
		all = append(all, newTwins(d))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 {
			return
		}
		w := all[int(input[0])%len(all)]
		w.parser.Forget() // so that an input does the same every time
		w.request = events.Request{}
		lines := bytes.Split(input[1:], []byte("\n"))
		for range 2 {
			for _, raw := range lines {
				w.check(t, raw)
			}
		}
		slices.Reverse(lines)
		for _, raw := range lines {
			w.check(t, raw)
		}
	})
}

// TestParserAgreesOnMutants takes events apart and puts them together wrongly.
// The Parser knows the events that they were before.
func TestParserAgreesOnMutants(t *testing.T) {
	rounds := 40_000
	if testing.Short() {
		rounds /= 10
	}
	r := rand.New(rand.NewPCG(7, 8)) // fixed: every run is the same
	var seeds [][]byte
	for _, raw := range goodInputs() {
		seeds = append(seeds, []byte(raw))
	}
	for range 4 {
		seeds = append(seeds, generatedRequest(r), flatRequest(r), generatedOutcome(r), variedRequest(r))
	}
	for i, d := range options() {
		w := newTwins(d)
		for n := range rounds / len(options()) {
			raw := seeds[r.IntN(len(seeds))]
			if n%4 == i {
				w.check(t, raw)
			}
			for range 1 + r.IntN(3) {
				raw = mutated(r, raw)
			}
			w.check(t, raw)
		}
	}
}

// mutated is a copy with one change.
func mutated(r *rand.Rand, raw []byte) []byte {
	if len(raw) == 0 {
		return []byte{'{'}
	}
	at := r.IntN(len(raw))
	end := min(len(raw), at+1+r.IntN(12))
	switch r.IntN(8) {
	case 0: // something is missing
		return slices.Concat(raw[:at], raw[end:])
	case 1: // something is there twice
		return slices.Concat(raw[:end], raw[at:])
	case 2: // something is inserted
		pieces := []string{`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, ` `, "\n", `null`, `true`, `-`, `0`, `1e5`, `.5`, `"a":1,`, `"f":{},`, `\u0061`, "é", "\xff", "\x00", `,"ts":2`, `123456789012345678901234567890`}
		return slices.Concat(raw[:at], []byte(pieces[r.IntN(len(pieces))]), raw[at:])
	case 3: // it ends
		return raw[:at]
	case 4: // a byte is another
		changed := bytes.Clone(raw)
		changed[at] = byte(r.IntN(256))
		return changed
	case 5: // a byte is another of the event's
		changed := bytes.Clone(raw)
		changed[at] = raw[r.IntN(len(raw))]
		return changed
	case 6: // a part is somewhere else
		to := r.IntN(len(raw))
		return slices.Concat(raw[:to], raw[at:end], raw[to:])
	}
	// Members are in another order, or in another object.
	parts := bytes.Split(raw, []byte{','})
	a, b := r.IntN(len(parts)), r.IntN(len(parts))
	parts[a], parts[b] = parts[b], parts[a]
	return bytes.Join(parts, []byte{','})
}

// TestParserOnEveryByte changes each byte of an event that it knows to each
// other, with names of all lengths.
func TestParserOnEveryByte(t *testing.T) {
	w := newTwins(jsonevent.Decoder{})
	for _, length := range []int{0, 1, 3, 4, 5, 6, 11, 12, 13, 14, 20, 21, 130} {
		for _, value := range []string{`1`, `-0.25`, `"text"`, `true`, `false`, `null`, `[1,"x"]`, `{"a":1}`} {
			name := strings.Repeat("k", length)
			start, end := `{"request_id":"r","ts":1,"features":{`, `}}`
			raw := []byte(start + `"` + name + `":` + value + `,"b":2` + end)
			for range 3 {
				w.check(t, raw)
			}
			for i := len(start) - 1; i < len(raw)-len(end)+1; i++ {
				if i > len(start)+24 && i < len(start)+length-2 {
					continue // in the middle of a long name
				}
				was := raw[i]
				for c := range 256 {
					if raw[i] = byte(c); testing.Short() && c%7 > 0 && !bytes.ContainsRune([]byte("\",:.-e0 {}[]\\"), rune(c)) {
						continue
					}
					w.checkScan(t, raw)
					w.checkRequest(t, raw)
				}
				raw[i] = was
			}
		}
	}
}

// TestParserOnEveryByteInAString is TestEveryByteInAString where strings are
// expected.
func TestParserOnEveryByteInAString(t *testing.T) {
	w := newTwins(jsonevent.Decoder{})
	for _, format := range [][2]string{{`{"request_id":"r","ts":1,"model":"`, `"}`}, {`{"request_id":"r","ts":1,"features":{"m":"`, `","n":1}}`}, {`{"request_id":"r","ts":1,"`, `":1}`}} {
		for before := range 18 {
			for _, after := range []int{0, 1, 5, 7, 8, 9, 17} {
				w.check(t, slices.Concat([]byte(format[0]), bytes.Repeat([]byte("x"), before+1+after), []byte(format[1])))
				for c := range 256 {
					raw := slices.Concat([]byte(format[0]), bytes.Repeat([]byte("x"), before), []byte{byte(c)}, bytes.Repeat([]byte("y"), after), []byte(format[1]))
					w.checkScan(t, raw)
					w.checkRequest(t, raw)
				}
			}
		}
	}
}
