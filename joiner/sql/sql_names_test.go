package sql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
)

// TestLabelsNamedAsTheQueryNamesThings: a label or a column may be called as something that a query calculates on
// the way.
func TestLabelsNamedAsTheQueryNamesThings(t *testing.T) {
	var all []logs
	for name, text := range map[string]string{
		"the number of values": `labels:
  rating: {when: 'type == "rate"', window: 1m, value: mean}
  n_rating: {when: 'type == "rate" || type == "view"', window: 1m, value: count}
`,
		"what is kept": `labels:
  x: {when: 'type == "rate"', window: 1m, columns: {c: {value: attrs.user, type: string}}}
  k_c: {when: 'type == "view"', window: 1m, value: count}
  q_x: {when: 'type == "view"', window: 1m, value: 'sum(value * 2)', until: 'type == "end"'}
  v_q_x: {when: 'type == "view"', window: 1m}
  e_q_x: {when: 'type == "view"', window: 1m, value: max}
`,
		"the columns of steps": `labels:
  ix: {when: 'type == "rate"', window: 1m, value: sum}
  ts: {when: 'type == "rate"', window: 1m}
  hash: {when: 'type == "view"', window: 1m, value: count}
  value: {when: 'type == "view"', window: 1m, value: max}
  outcome_id: {when: 'type == "view"', window: 1m, value: count}
  refused: {when: 'type == "rate"', window: 1m}
  lj_next: {when: 'type == "view"', window: 1m, value: count}
  r: {when: 'type == "view"', window: 1m, value: count}
  l: {when: 'type == "view"', window: 1m, value: min}
  c: {when: 'type == "rate"', window: 1m, value: latency}
`,
		"negatives": `join: {negatives: seen, impression: 'type == "view"'}
labels:
  lj_positive: {when: 'type == "view"', window: 1m, value: count}
  lj_seen: {when: 'type == "rate"', window: 1m}
`,
		"the last positive": `join: {negatives: above_last_positive}
labels:
  lj_kept: {when: 'type == "rate"', window: 1m}
`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.DecodeRules("labels", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			rules, err := wire.Rules(c)
			if err != nil {
				t.Fatal(err)
			}
			l := logs{name: name, def: wire.Definition(c, rules), interpreted: true}
			for i := range 4 {
				l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: fmt.Appendf(nil,
					`{"request_id":"r%d","ts":%d,"items":[{"item_id":"a"},{"item_id":"b"}]}`, i, 1000+i*100_000)})
				for j, kind := range []string{"view", "rate", "rate", "view", "end"}[:2+i] {
					l.messages = append(l.messages, events.Message{Kind: events.KindOutcome, Data: fmt.Appendf(nil,
						`{"request_id":"r%d","ts":%d,"type":"%s","item_id":"%c","value":%d,"attrs":{"user":"u%d"}}`,
						i, 1001+i*100_000+j, kind, 'a'+i%2, j+3, j)})
				}
			}
			all = append(all, l)
		})
	}
	compare(t, all)
}

// TestFeaturesNamedAsTheQueryNamesThings: a feature may be called as a step, a column of one, or a variable. Some ids
// come twice, so that the steps for those have rows.
func TestFeaturesNamedAsTheQueryNamesThings(t *testing.T) {
	var features []string
	for i, name := range []string{"lj_next", "lj_first", "lj_use", "lj_starts", "lj_rank", "lj_number", "lj_requests", "lj_rows",
		"lj_refused", "lj_positive", "lj_known", "r", "l", "k", "u", "o", "c", "s", "a", "x", "b", "v", "known", "refused", "copies",
		"ts", "ts_ns", "hash", "value", "type", "outcome_id", "ix", "items", "attrs", "row_model"} {
		features = append(features, fmt.Sprintf("%q:%d", name, i))
	}
	all := "{" + strings.Join(features, ",") + "}"
	var cases []logs
	for _, rows := range []string{"item", "request"} {
		c, err := config.DecodeRules("labels", []byte("join: {rows: "+rows+"}\nlabels:\n"+
			"  clicks: {when: 'type == \"click\" && request.model == \"m\"', window: 1m, value: sum}\n"))
		if err != nil {
			t.Fatal(err)
		}
		rules, err := wire.Rules(c)
		if err != nil {
			t.Fatal(err)
		}
		l := logs{name: "rows: " + rows, def: wire.Definition(c, rules), interpreted: true}
		for i := range 4 {
			for copy := range 1 + i%2 {
				l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: fmt.Appendf(nil,
					`{"request_id":"r%d","ts":%d,"model":"m","features":%s,"items":[{"item_id":"a","features":%s},{"item_id":"b"}]}`,
					i, 1000+i*100_000+copy, all, all)})
			}
			l.messages = append(l.messages, events.Message{Kind: events.KindOutcome, Data: fmt.Appendf(nil,
				`{"request_id":"r%d","ts":%d,"type":"click","item_id":"%c","value":%d}`, i, 1001+i*100_000, 'a'+i%2, i)})
		}
		cases = append(cases, l)
	}
	compare(t, cases)
}

// TestInnerNames: what a query names for itself has a colon, which config.isName refuses.
func TestInnerNames(t *testing.T) {
	for _, name := range []string{"number:rating", "kept:c"} {
		text := fmt.Sprintf("labels:\n  '%s': 'type == \"click\"'\n", name)
		if _, err := config.DecodeRules("labels", []byte(text)); err == nil {
			t.Errorf("%q is a name of a label", name)
		}
	}
}
