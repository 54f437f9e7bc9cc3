package wire

import (
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func rulesOf(t *testing.T, text string) *joiner.Rules {
	t.Helper()
	c, err := config.Decode("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	return &rules
}

// unfitKeys are no keys: two of them may be one float64, or they are neither text nor number.
var unfitKeys = []any{float64(1 << 53), -float64(1 << 53), 1e300, true, nil}

// Two ids of 64 bits that are numbers may be one float64. So a number from 2^53 on is no key.
func TestLargeNumbersAreNoKeys(t *testing.T) {
	fit := []any{"9007199254740993", float64(1<<53 - 1), 7.0, 0.5}
	t.Run("raters", func(t *testing.T) {
		rules := rulesOf(t, `labels: {good: {when: 'true', value: mean, by: attrs.key, min: 1}}`)
		for _, key := range slices.Concat(fit, unfitKeys) {
			o := events.Outcome{Type: "rating", Value: 1, HasValue: true, Attrs: map[string]any{"key": key}}
			d := joiner.Decide(rules, &events.Request{ID: "r"})
			d.Add(&o)
			votes := d.Rows(events.MaxTime, joiner.ReasonClosed)[0].Extra[0].Int
			if isFit := slices.Contains(fit, key); isFit != (votes == 1) || isFit == (d.Faults()[0] != nil) {
				t.Errorf("rater %v (%T): %d votes, faults %+v", key, key, votes, d.Faults()[0])
			}
		}
	})
	for _, by := range []string{"attrs.key", "attrs.key ?? 0"} {
		t.Run("pairs by "+by, func(t *testing.T) {
			label := rulesOf(t, `labels: {read: {pair: {open: 'true', close: 'true', by: '`+by+`'}}}`).Labels[0]
			for _, key := range slices.Concat(fit, unfitKeys[:4]) {
				o := events.Outcome{Type: "open", Attrs: map[string]any{"key": key}}
				role, fault := label.Pair.Role(&o), label.Fault(&o)
				if isFit := slices.Contains(fit, key); isFit != role.Any() || isFit != (fault == "") {
					t.Errorf("key %v (%T): role %+v, fault %q", key, key, role, fault)
				}
			}
		})
	}
	t.Run("attribute", func(t *testing.T) {
		a := rulesOf(t, `{join: {attribute: {by: {features.key: attrs.key}, within: 1m}, window: 1m}, labels: {a: 'true'}}`).Attribute
		for _, key := range slices.Concat(fit, unfitKeys) {
			o := events.Outcome{Type: "click", TS: events.Time(time.Second), Attrs: map[string]any{"key": key}}
			_, ok := a.KeyOfOutcome(&o)
			_, truth := key.(bool) // the feature of a request may be one too
			if want := truth || slices.Contains(fit, key); ok != want {
				t.Errorf("key %v (%T): %v", key, key, ok)
			}
		}
		large := events.Request{ID: "r", Features: []events.Field{{Name: "key",
			Value: events.Value{Kind: events.ValueDouble, Float: 1 << 53}}}}
		if key, ok := a.KeyOfRequest(&large); ok {
			t.Errorf("a request has the key %q of a number that may be another one", key)
		}
	})
}
