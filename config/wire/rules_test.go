package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func TestRules(t *testing.T) {
	c, err := config.Decode("", []byte(`
join:
  window: 10m
  lateness: 2m
  clock_skew: 3s
  corrections: 4h
  rows: request
  duplicates: merge
  emit: early
  negatives: seen
  impression: 'type == "view"'
  sample_negatives: 0.25
  sample_hash: sha256
labels:
  b: 'type == "b"'
  a: {when: 'type == "a"', window: 7d, value: latency}
`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	if rules.ClockSkew != 3*time.Second || rules.Lateness != 2*time.Minute || rules.Corrections != 4*time.Hour ||
		!rules.PerRequest || !rules.Merge || !rules.Early || rules.Negatives != joiner.NegativesSeen ||
		rules.SampleRate != 0.25 ||
		rules.SampleHash != joiner.SampleSHA256 {
		t.Errorf("the rules are %+v", rules)
	}
	if rules.Retention() != c.Retention() || rules.Longest() != c.Longest() {
		t.Errorf("memory %v and longest window %v, in the configuration %v and %v", rules.Retention(), rules.Longest(),
			c.Retention(), c.Longest())
	}
	view, b := &events.Outcome{Type: "view"}, &events.Outcome{Type: "b"}
	if !rules.Impression(view) || rules.Impression(b) {
		t.Error("the impression is another one's")
	}
	want := []joiner.Label{{Name: "b", Window: 10 * time.Minute, Agg: joiner.AggAny},
		{Name: "a", Window: 7 * 24 * time.Hour, Agg: joiner.AggLatency}}
	for i, l := range rules.Labels {
		if l.Name != want[i].Name || l.Window != want[i].Window || l.Agg != want[i].Agg {
			t.Errorf("label %d is %+v, want %+v", i, l, want[i])
		}
		if l.When(view) || l.When(b) != (l.Name == "b") {
			t.Errorf("label %s has the condition of another", l.Name)
		}
	}
}

func TestRulesDefaults(t *testing.T) {
	c, err := config.Decode("", []byte(`labels: {a: 'true'}`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	if rules.PerRequest || rules.Merge || rules.Early || rules.Negatives != joiner.NegativesAll ||
		rules.SampleRate != 0 || rules.SampleHash != joiner.SampleFNV1a || rules.Impression != nil {
		t.Errorf("the defaults are not the rules' own: %+v", rules)
	}
	c.Join.Negatives = config.NegativesAboveLastPositive
	if rules, err = Rules(c); err != nil || rules.Negatives != joiner.NegativesAboveLastPositive {
		t.Errorf("the policy is %v (%v)", rules.Negatives, err)
	}
}

func TestValuesOfExpressions(t *testing.T) {
	for value, want := range map[config.Agg]string{
		"sum": "sum", " sum ": "sum", "sum(value)": "sum value", "max( attrs.a / 2 )": "max attrs.a / 2",
		"attrs.ms / 1000": "first attrs.ms / 1000", "max(attrs.a, attrs.b)": "first max(attrs.a, attrs.b)",
		"max(max(attrs.a, attrs.b))": "max max(attrs.a, attrs.b)", "max(value) + min(value)": "first max(value) + min(value)",
		`sum(attrs["),("])`: `sum attrs["),("]`, "value": "first value", "mean(attrs.x > 1)": "mean attrs.x > 1",
		"last((value + 1) * (value - 1))": "last (value + 1) * (value - 1)",
	} {
		agg, expression := value.Parts()
		if got := strings.TrimSpace(string(agg) + " " + expression); got != want {
			t.Errorf("%s is %q, want %q", value, got, want)
		}
	}
}

func TestWrongExpressions(t *testing.T) {
	for src, want := range map[string]string{
		`labels: {a: {when: 'type == "x"', value: 'sum(attrs.ms / )'}}`:                   "labels.a.value: ",
		`labels: {a: {when: 'type == "x"', value: 'sum(tipe)'}}`:                          `did you mean "type"?`,
		`labels: {a: {when: 'type == "x"', value: 'sum(type)'}}`:                          "must be a number",
		`labels: {a: 'true', b: {of: 'later == 1'}, later: 'true'}`:                       `labels.b.of: unknown label "later"; there are a`,
		`labels: {a: 'item.positon < 3'}`:                                                 `labels.a.when: unknown name of the item "positon"; did you mean "position"?`,
		`{labels: {a: 'true'}, join: {negatives: seen, impression: 'item.position < 3'}}`: "join.impression: it looks at the request or the item",
	} {
		t.Run(src, func(t *testing.T) {
			c, err := config.Decode("labeljoin.yaml", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Rules(c); err == nil || !strings.Contains(err.Error(), want) ||
				!strings.HasPrefix(err.Error(), "labeljoin.yaml:1:") {
				t.Errorf("%s: %v does not say %q", src, err, want)
			}
		})
	}
}

// TestWindowsOfOthers: a label of others has the longest of their windows, and does not
// keep requests open.
func TestWindowsOfOthers(t *testing.T) {
	c, err := config.Decode("", []byte(`
join: {window: 60d}
labels: {a: {when: 'true', window: 1h}, b: {when: 'true', window: 7d}, c: {of: 'a + b_ts / 1h'}, d: {of: 'a == 1'}, e: {of: 'd == 1'}}
`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{time.Hour, 7 * 24 * time.Hour, 7 * 24 * time.Hour, time.Hour, time.Hour} {
		if l := &rules.Labels[i]; l.Window != want || c.Labels[i].Window.Std() != want {
			t.Errorf("%s: %v, and the configuration says %v; want %v", l.Name, l.Window, c.Labels[i].Window, want)
		}
	}
	again, err := config.Decode("", c.Print())
	if err != nil || again.Fingerprint() != c.Fingerprint() {
		t.Errorf("printed and read again it is another one (%v):\n%s", err, c.Print())
	}
}

func TestEveryAggregateHasItsOwn(t *testing.T) {
	seen := map[joiner.Agg]config.Agg{}
	for _, value := range []config.Agg{
		config.Any, config.Count, config.Sum, config.Mean, config.Max, config.Min, config.First, config.Last, config.Latency,
		config.Majority, config.Consensus, config.Median,
	} {
		agg, err := aggOf(value)
		if other, again := seen[agg]; err != nil || again {
			t.Errorf("%s is %v, as %s is (%v)", value, agg, other, err)
		}
		seen[agg] = value
	}
	if _, err := aggOf("mode"); err == nil {
		t.Error("there is a mode")
	}
}

// TestPlacesWithinExpressions: what is wrong with an expression is marked where it stands in
// the file, if the file has the expression as it is, and at the setting's value otherwise.
func TestPlacesWithinExpressions(t *testing.T) {
	for text, want := range map[string]string{
		`'type == "buy" && attrss.price > 3'`: "1:38: labels.a.when",
		`type = "é"`:                          "1:25: labels.a.when",
		`type == "é" and valeu`:               "1:36: labels.a.when",
		`"type in (1,2)"`:                     "1:31: labels.a.when",
		`"type == \"x\" && foo"`:              "1:20: labels.a.when",
		`'type == "it''s" && foo'`:            "1:20: labels.a.when",
		"\"type == 'x' &&\\n foo\"":           "1:20: labels.a.when",
	} {
		t.Run(text, func(t *testing.T) {
			c, err := config.Decode("", []byte("labels: {a: {when: "+text+"}}"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Rules(c); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v, want it at %s", err, want)
			}
		})
	}
}

// TestPlacesWithinMappings: what is wrong with a mapping is marked where it stands, with what
// was meant.
func TestPlacesWithinMappings(t *testing.T) {
	for text, want := range map[string]string{
		`user_id: evnt.user`:                              `1:90: inputs.a.map.user_id: unknown name "evnt"`,
		`user_id: 'event.a + evnt.user'`:                  "did you mean event?",
		`user_id: 'string(strng(event.a))'`:               `1:98: inputs.a.map.user_id: there is no function "strng" (at column 8 of the expression); did you mean string?`,
		`score_: event.user`:                              "score, ts, user_id; did you mean score?",
		`items: "map(event.l, {item_id: .a, score: sc})"`: `1:123: inputs.a.map.items: unknown name "sc"`,
	} {
		t.Run(text, func(t *testing.T) {
			c, err := config.Decode("",
				[]byte("inputs: {a: {subject: s, kind: request, map: {request_id: event.id, ts: stored, "+
					text+"}}, outcomes: {}}\nlabels: {b: type == 'x'}"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Feeds(c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}
