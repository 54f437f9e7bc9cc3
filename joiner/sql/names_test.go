package sql_test

import (
	"fmt"
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
		c, err := config.DecodeRules("labels", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		rules, err := wire.Rules(c)
		if err != nil {
			t.Fatal(err)
		}
		l := logs{name: name, def: wire.Definition(c, rules)}
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
	}
	compare(t, all)
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
