package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/scenario"
)

// options are a configuration with one label.
func options() *engine.Options {
	return &engine.Options{
		Name: "test", RulesHash: "1",
		Rules: joiner.Rules{
			Lateness: time.Minute, Corrections: time.Hour,
			Labels: []joiner.Label{{
				Name: "clicked", Window: 30 * time.Minute,
				When: func(o *events.Outcome) bool { return o.Type == "click" },
			}},
		},
	}
}

// story is a case that has something of everything; each test adds what it
// expects.
const story = `config: c.yaml
tests:
  - name: t
    events:
      - request: {request_id: r1, ts: 0s, model: 7, features: {n: 12345678901234567, s: "1", l: [1, x]}, items: [{item_id: a, position: 1}, {item_id: b}]}
      - outcome: {request_id: r1, outcome_id: 1, type: click, item_id: a, ts: 40s}
      - {raw: nonsense, kind: outcome}
      - request: {request_id: r2, ts: 10m}
      - watermark: 31m
`

func run(t *testing.T, src string) string {
	t.Helper()
	f, err := scenario.Parse("f.yaml", []byte(src), notation())
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	if err := f.Check(o, notation()); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, c := range []*scenario.Case{&f.Cases[0], f.Cases[0].Restarting()} {
		failures, err := scenario.Run(t.Context(), *o, c)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range failures {
			text.WriteString(f.Text + "\n")
			if f.Line < 3 {
				t.Errorf("line %d of %q is not that of an expectation", f.Line, f.Text)
			}
		}
		if all.Len() > 0 && all.String() != text.String() {
			t.Errorf("with restarts it is\n%s\nwithout\n%s", text.String(), all.String())
		}
		all.Reset()
		all.WriteString(text.String())
	}
	return all.String()
}

func TestWhatHolds(t *testing.T) {
	for _, expected := range []string{
		"open: [r2]",
		"rows: [{item_id: a}, {item_id: b}]",
		"rows: [{}, {item_id: a}]", // the first must not take the only one that fits the second
		"rows: [{request_id: r1, request_ts: 0s, model: 7, item_id: a, position: 1, n: 12345678901234567, s: '1', l: [1, x], clicked: 1, clicked_ts: 40s, weight: 1.0, revision: 0, reason: closed}, {item_id: b, position: null, score: null, user_id: null}]",
		`rows: [{request_ts: "2026-01-01T01:00:00+01:00", item_id: a}, {item_id: b, clicked_ts: null}]`,
		"counts: {accepted: 1, joined: 1, pending: 1, rejected: 1, rows: 2, read: 4, requests: {pending: 1, rejected: 0}, outcomes: {rejected: 1}}",
		"dead_letters: [not_json]",
		"published: [{phase: early, clicked: 1, clicked_ts: 40s}, {phase: close, item_id: b, clicked: 0}]",
	} {
		if text := run(t, story+"    "+expected+"\n"); text != "" {
			t.Errorf("%s fails:\n%s", expected, text)
		}
	}
}

func TestWhatFails(t *testing.T) {
	for _, c := range []struct{ expected, want string }{
		{"open: []", "open: want [], got [r2]"},
		{"open: [r2, r2]", "open: want [r2, r2], got [r2]"},
		{"rows: []", "got  r1          a        0         1"},
		{"rows: [{item_id: a}]", "got  r1          b"},
		{"rows: [{item_id: a}, {item_id: b}, {}]", "want (line 10)"},
		{"rows: [{item_id: a, clicked: 0}, {item_id: b}]", "  want (line 10)              a                  0\n  got             r1          a        0         1"},
		{"rows: [{item_id: a, clicked: null}, {item_id: b}]", "null"},
		{"rows: [{item_id: a, clicked_ts: 40s1ns}, {item_id: b}]", "40.000000001s"},
		{"rows: [{item_id: a, clicked_ts: null}, {item_id: b}]", "40s"},
		{"rows: [{item_id: a, n: 12345678901234568}, {item_id: b}]", "12345678901234567"},
		{"rows: [{item_id: a, s: 1}, {item_id: b}]", "want"},
		{"rows: [{item_id: a, l: [1, y]}, {item_id: b}]", `[1,"x"]`},
		{"rows: [{item_id: a, model: 8}, {item_id: b}]", "want"},
		{"rows: [{item_id: a, reason: early}, {item_id: b}]", "closed"},
		{"rows: [{item_id: a, revision: 1}, {item_id: b}]", "want"},
		{"rows: [{item_id: a, weight: 2}, {item_id: b}]", "want"},
		{"rows: [{item_id: a, position: 2}, {item_id: b}]", "want"},
		{"rows: [{item_id: a, request_ts: 1ns}, {item_id: b}]", "want"},
		{"counts: {joined: 2}", "counts: want joined: 2, got 1"},
		{"counts: {outcomes: {rejected: 0}}", "counts: want outcomes.rejected: 0, got 1"},
		{"counts: {pending: 0}", "want pending: 0, got 1"},
		{"counts: {rows: 1}", "want rows: 1, got 2"},
		{"counts: {heartbeats: 1}", "want heartbeats: 1, got 0"},
		{"dead_letters: []", "dead_letters: want [], got [not_json]"},
		{"published: []", "early"},
		{"published: [{clicked: 1}]", "close"},
	} {
		t.Run(c.expected, func(t *testing.T) {
			text := run(t, story+"    "+c.expected+"\n")
			if !strings.Contains(text, c.want) {
				t.Errorf("%s gives\n%s\nwhich does not say\n%s", c.expected, text, c.want)
			}
		})
	}
}

func TestExpectationsInBetween(t *testing.T) {
	text := run(t, `config: c.yaml
tests:
  - name: t
    events:
      - request: {request_id: r1, ts: 0s}
      - expect: {open: [], rows: []}
      - outcome: {request_id: r1, type: click, ts: 1m}
      - end: true
      - expect: {rows: []}
    rows: [{clicked: 1}]
`)
	if !strings.Contains(text, "open: want [], got [r1]") || !strings.Contains(text, "rows:") || strings.Count(text, "want") != 1 {
		t.Errorf("both expectations in between fail and the last holds, got\n%s", text)
	}
}

// TestFeaturesWithTakenNames: a feature hides no column that every row has, and none of a label.
func TestFeaturesWithTakenNames(t *testing.T) {
	for name, row := range map[string]string{
		"the row's own columns": "{request_id: r1, item_id: a, score: 0.5, weight: 1, clicked: 0}",
		"a feature of the request": "{request_id: r1, item_id: a, feature_score: 7, feature_Weight: 8, feature_clicked: 9, " +
			"feature_item_x: 10}",
		"a feature of the item": "{request_id: r1, item_id: a, item_feature_id: 11, item_x: 12}",
	} {
		t.Run(name, func(t *testing.T) {
			if text := run(t, `config: c.yaml
tests:
  - name: t
    events:
      - request: {request_id: r1, ts: 0s, features: {score: 7, Weight: 8, clicked: 9, item_x: 10}, items: [{item_id: a, score: 0.5, features: {id: 11, x: 12}}]}
      - end: true
    rows: [`+row+`]
`); text != "" {
				t.Error(text)
			}
		})
	}
}
