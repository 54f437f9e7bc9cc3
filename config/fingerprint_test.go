package config

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const sample = `
join: {window: 30m, lateness: 2m, negatives: seen, impression: 'type == "view"'}
labels:
  a: 'type == "a"'
  b: {when: 'type == "b"', value: sum}
features: {declare: {x: int64, y: double}}
`

func TestFingerprintIsFixed(t *testing.T) {
	// Commits of the past have it in their manifests: a change of it makes
	// every one of them look like another configuration's.
	const want = "69526c61d6889a2507f68f69b627b7c20cdf7b47a4fd0c6802a1598f7eb257b1"
	if got := decodeOK(t, sample).Fingerprint(); got != want {
		t.Errorf("the fingerprint is %s, want %s", got, want)
	}
}

func TestFingerprintIgnoresWhatDecidesNothing(t *testing.T) {
	want := decodeOK(t, sample).Fingerprint()
	for what, src := range map[string]string{
		"comments": "# hello\n" + strings.ReplaceAll(sample, "labels:", "labels: # these"),
		"spelled-out default": strings.Replace(sample, "window: 30m",
			"window: 30m, rows: item, max_age: 30d, sample_negatives: 1.0, sample_hash: sha256", 1),
		"mode spelled out": strings.Replace(sample, "features: {", "features: {mode: evolve, ", 1),
		"another notation": strings.Replace(sample, "lateness: 2m", "lateness: 120s", 1),
		"long form": strings.Replace(sample, `a: 'type == "a"'`,
			`a: {value: any, window: 0d30m, when: "type == \"a\""}`, 1),
		"key order":          strings.Replace(sample, "window: 30m, lateness: 2m", "lateness: 2m, window: 30m", 1),
		"order of features":  strings.Replace(sample, "x: int64, y: double", "y: double, x: int64", 1),
		"where it runs":      sample + "name: other\nstate: {dir: elsewhere}\nnats: {embedded: true}\nlog: {level: debug}\n",
		"spelled-out limits": sample + "limits: {depth: 32, outcomes_per_request: 10000, event_bytes: 1MiB}\n",
		"own output":         sample + "output: {dir: there, roll: {rows: 10}}\npublish: {subject: x}\n",
	} {
		t.Run(what, func(t *testing.T) {
			if got := decodeOK(t, src).Fingerprint(); got != want {
				t.Errorf("%s changes the fingerprint", what)
			}
		})
	}
}

func TestFingerprintSeesWhatDecides(t *testing.T) {
	seen := map[string]string{decodeOK(t, sample).Fingerprint(): "itself"}
	for _, change := range [][2]string{
		{"window: 30m", "window: 31m"}, {"lateness: 2m", "lateness: 3m"}, {"lateness: 2m", "clock_skew: 2s"},
		{"lateness: 2m", "lateness: 2m, corrections: 2h"}, {"lateness: 2m", "lateness: 2m, rows: request"},
		{"lateness: 2m", "lateness: 2m, duplicates: merge"}, {"lateness: 2m", "lateness: 2m, emit: early"},
		{"lateness: 2m", "lateness: 2m, max_future: 1m"}, {"lateness: 2m", "lateness: 2m, max_age: 31d"},
		{"lateness: 2m", "lateness: 2m, outcomes: {same_id: last}"},
		{"lateness: 2m", "lateness: 2m, sample_negatives: 0.5"},
		{"lateness: 2m", "lateness: 2m, sample_negatives: 0.5, sample_hash: sha256"}, {`"view"`,
			`"seen"`}, {", negatives: seen, impression: 'type == \"view\"'", ""},
		{"a: 'type", "aa: 'type"}, {`a: 'type == "a"'` + "\n", ""}, {`== "b"`, `!= "b"`}, {"value: sum",
			"value: mean"}, {"value: sum", "value: sum, window: 1d"}, {"value: sum", "value: sum, from: 1m"},
		{"value: sum", "value: sum, until: 'type == \"end\"'"}, {"value: sum",
			"value: sum, columns: {c: attrs.c}"}, {"value: sum", "value: sum, columns: {c: {value: attrs.c, type: string}}"},
		{`a: 'type == "a"'`, "a: {pair: {open: 'type == \"a\"', close: 'true'}}"},
		{`a: 'type == "a"'`, "a: {pair: {open: 'type == \"a\"', close: 'true', by: item_id}}"},
		{`a: 'type == "a"'`, "a: {pair: {open: 'type == \"a\"', close: 'true', by: item_id, opens: first}}"},
		{"x: int64", "x: string"}, {"x: int64", "z: int64"}, {"features: {", "features: {separator: '.', "},
		{"features: {", "features: {mode: declared, "}, {"features: {", "features: {mode: frozen, "},
		{"features:", "limits: {depth: 8}\nfeatures:"}, {"features:", "limits: {event_bytes: 2MiB}\nfeatures:"},
		{"features:", "limits: {outcomes_per_request: 5}\nfeatures:"},
		{"features:", "inputs: {requests: {time_unit: s}}\nfeatures:"}, {"features:",
			"inputs: {outcomes: {time_unit: s}}\nfeatures:"},
	} {
		if !strings.Contains(sample, change[0]) {
			t.Fatalf("the sample has no %q", change[0])
		}
		got := decodeOK(t, strings.Replace(sample, change[0], change[1], 1)).Fingerprint()
		if other, again := seen[got]; again {
			t.Errorf("%q has the fingerprint of %s", change[1], other)
		}
		seen[got] = change[1]
	}
	swapped := decodeOK(t, "labels: {x: 'true', y: 'true'}").Fingerprint()
	if swapped == decodeOK(t, "labels: {y: 'true', x: 'true'}").Fingerprint() {
		t.Error("the order of the labels does not count")
	}
}

// TestPrintedTextReadsBack draws texts that YAML may take for something else.
func TestPrintedTextReadsBack(t *testing.T) {
	awkward := []string{"true", "no", "null", "~", "1e3", "0x10", "0b1", ".inf", "-", "a: b", "# c", "[", "{", "'", `"`,
		`\`, "\u0085", "\u2028", "\ufeff", " a ", "é", "\U0001f600", "%a", "@a", "1_000", "12:30:45", "2020-01-01", "=",
		"<<", "|", ">", "&a", "*a", "!a"}
	text := rapid.OneOf(rapid.SampledFrom(awkward), rapid.String(), rapid.StringMatching(`[-+.0-9a-fexoEX_:]{1,6}`))
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		when := text.Draw(t, "when")
		name := text.Draw(t, "feature")
		c.Labels = Labels{{Name: "a", When: "x" + when}, {Name: "b", When: when + "x"}}
		c.Features.Declare = map[string]FeatureType{name: FeatureListInt64}
		c.Name = rapid.SampledFrom([]string{"true", "FALSE", "null", "no", "y", "on", "feed", "_"}).Draw(t, "name")
		c.Inputs.Named(InputRequests).Stream = Texts{text.Draw(t, "stream")}
		c.Complete()
		if c.Validate() != nil {
			return // a control character in a name
		}
		again, err := Decode("", c.Print())
		if err != nil {
			t.Fatalf("%v\nof\n%s", err, c.Print())
		}
		if again.Name != c.Name || !slices.Equal(again.Inputs.List[0].Stream, c.Inputs.List[0].Stream) {
			t.Fatalf("name and stream %q %q come back as %q %q", c.Name, c.Inputs.List[0].Stream, again.Name,
				again.Inputs.List[0].Stream)
		}
		if again.Fingerprint() != c.Fingerprint() {
			t.Fatalf("%q and %q come back as\n%s", when, name, again.Print())
		}
	})
}

// FuzzConfig holds that Decode does not panic, and that what it accepts prints
// to what means the same.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		string(Example()), sample, minimal, "labels:\n  a: |\n    x\n     y\n", "labels: {a: \"\\u00e9\\n\\0\"}\n",
		minimal + "nats: {embedded: true, port: 0, listen: '::1'}\npublish: {subject: a.b}\n",
		minimal + "nats: {url: ['nats://a', 'tls://b'], tls: {}, user: '${A}', password: '${B}'}\noutput: {rename: {a: b}}\n",
		"a: &x [*x]", "labels: {A: \".0\"}", "? {a: b}\n: c", "a: !!binary x", "%YAML 1.2\n---\n", "- a\n-\n", "a: [", "{", "\"", "a:\n\tb", "a: >-\n\n", "--- a\n...\n--- b",
		minimal + "features: {declare: {true: bool, 1: int64, \"\\t\": string}}\njoin: {sample_negatives: 1e-3, window: 1w}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Decode("fuzz", src)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error says nothing")
			}
			return
		}
		again, err := Decode("printed", c.Print())
		if err != nil {
			t.Fatalf("what it prints is refused: %v\n%s", err, c.Print())
		}
		if again.Fingerprint() != c.Fingerprint() {
			t.Errorf("what it prints has another fingerprint:\n%s\n%s", c.Print(), again.Print())
		}
		if string(again.Print()) != string(c.Print()) {
			t.Errorf("printing is not stable:\n%s\n%s", c.Print(), again.Print())
		}
	})
}
