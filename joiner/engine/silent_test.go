package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// silentLabel is a label of its parts as a configuration has them; value and column may be empty.
func silentLabel(t *testing.T, when, value, column string) joiner.Rules {
	t.Helper()
	rules := oneLabel()
	l := &rules.Labels[0]
	c, err := rule.Compile(when)
	if err != nil {
		t.Fatal(err)
	}
	l.When, l.Fault, l.Attrs = c.Holds, c.Fault, c.Attrs
	if c.InRow != nil {
		l.InRow = joiner.RowFunc[bool](c.InRow)
	}
	if value != "" {
		v, err := rule.CompileValue(value)
		if err != nil {
			t.Fatal(err)
		}
		l.Agg, l.NumberInRow = joiner.AggSum, v.LooksAtRow
		l.Number = func(o *events.Outcome, req *events.Request, item int) (joiner.Number, error) {
			n, err := v.Of(o, req, item)
			return joiner.Number(n), err
		}
		l.Attrs = append(l.Attrs, v.Attrs...)
	}
	if column != "" {
		c, err := rule.CompileColumn(column, rule.ColumnDouble)
		if err != nil {
			t.Fatal(err)
		}
		l.Columns = []joiner.Column{{Name: "kept", Kind: events.ValueDouble, Value: joiner.RowFunc[events.Value](c.Of)}}
		l.Attrs = append(l.Attrs, c.Attrs...)
	}
	return rules
}

// silentTraffic is so many requests of an item, each with an outcome of the members given.
func silentTraffic(rules joiner.Rules, n int, members string) enginetest.History {
	h := enginetest.Lines(rules)
	addTraffic(&h, 0, n, members)
	return h
}

func addTraffic(h *enginetest.History, from, n int, members string) {
	for i := from; i < from+n; i++ {
		at := time.Duration(i) * time.Second
		h.Event(events.KindRequest, at, `{"request_id":"r%d","ts":%d,"features":{"device":"phone"},"items":[{"item_id":"a"}]}`, i, h.At(at))
		h.Event(events.KindOutcome, at+1, `{"request_id":"r%d","ts":%d,%s}`, i, h.At(at+1), members)
	}
}

// TestSilentLabels: a label that counts nothing though so many outcomes came is told of once, with the
// reason, and taken back with the first that counts.
func TestSilentLabels(t *testing.T) {
	const click = `"type":"click","item_id":"a","value":2,"attrs":{"ms":7}`
	for name, c := range map[string]struct {
		when, value, column string
		members             string // of outcomes that do not count
		n                   int
		want                engine.Silence
	}{
		"misspelt type":        {`type == "klick"`, "", "", click, 1500, engine.SilenceNoOutcome},
		"too few to say":       {`type == "klick"`, "", "", click, 500, ""},
		"cannot be evaluated":  {`attrs.msec > 3`, "", "", click, 1500, engine.SilenceNotEvaluated},
		"no such attribute":    {`type == "click"`, "attrs.msec", "", click, 200, engine.SilenceNoValue},
		"items not listed":     {`type == "click"`, "", "", `"type":"click","item_id":"A"`, 200, engine.SilenceUnlisted},
		"misspelt feature":     {`type == "click" && request.features.devise == "phone"`, "", "", click, 1500, engine.SilenceNoRow},
		"counts":               {`type == "click" && request.features.device == "phone"`, "attrs.ms", "attrs.ms", click, 1500, ""},
		"value in row missing": {`type == "click"`, "attrs.ms * request.features.prize", "", click, 1500, engine.SilenceNoRow},
	} {
		t.Run(name, func(t *testing.T) {
			h := silentTraffic(silentLabel(t, c.when, c.value, c.column), c.n, c.members)
			h.End()
			s, text, _ := sightIn(t, h)
			if got := s.Labels[0]; got.Silence != c.want || (got.Says() == "") != (c.want == "") {
				t.Errorf("%q (%s), want %q: %+v", got.Silence, got.Says(), c.want, got)
			}
			said := strings.Count(text, "a label counts no outcome")
			if want := map[bool]int{true: 1}[c.want != ""]; said != want || said > 0 && !strings.Contains(text, "reason="+string(c.want)) {
				t.Errorf("it is said %d times, want %d:\n%s", said, want, text)
			}
		})
	}
}

// TestSilentValue: that no outcome has a value is told before a row closes, and that one is not told once one has.
func TestSilentValue(t *testing.T) {
	for name, want := range map[string]engine.Silence{"msec": engine.SilenceNoValue, "ms": ""} {
		t.Run(name, func(t *testing.T) {
			h := silentTraffic(silentLabel(t, `type == "click"`, "attrs."+name, ""), 200, `"type":"click","attrs":{"ms":7}`)
			s, text, _ := sightIn(t, h)
			if l := s.Labels[0]; l.Rows >= 100 || l.Silence != want {
				t.Errorf("%+v\n%s", l, text)
			}
		})
	}
}

// TestSilentLabelIsTakenBack: the first outcome that counts ends what was said.
func TestSilentLabelIsTakenBack(t *testing.T) {
	for name, bad := range map[string]string{
		"type":  `"type":"clck","value":1`,
		"value": `"type":"click"`,
		"item":  `"type":"click","value":1,"item_id":"A"`,
	} {
		t.Run(name, func(t *testing.T) {
			rules := silentLabel(t, `type == "click"`, "value", "")
			h := silentTraffic(rules, 1500, bad)
			h.Heartbeats(3000 * time.Second)
			before := len(h.Events)
			addTraffic(&h, 4000, 1, `"type":"click","value":1`)
			h.End()
			s, text, _ := sightIn(t, h, func(o *engine.Options) {
				said := &onceSaid{Handler: o.Log.Handler(), what: "a label counts no outcome", heard: make(chan struct{})}
				o.Log = slog.New(said)
				open := o.Inputs[0].Open
				o.Inputs[0].Open = func(ctx context.Context, from events.Position) (engine.Source, error) {
					source, err := open(ctx, from)
					return &gated{Source: source, before: before, gate: said.heard}, err
				}
			})
			if l := s.Labels[0]; l.Silence != "" || l.Decided == 0 {
				t.Errorf("%+v", l)
			}
			if strings.Count(text, "a label counts no outcome") != 1 || strings.Count(text, "is so no more") != 1 {
				t.Errorf("said, and taken back, once each:\n%s", text)
			}
		})
	}
}

// onceSaid closes heard when something is said.
type onceSaid struct {
	slog.Handler
	what  string
	once  sync.Once
	heard chan struct{}
}

// Handle implements slog.Handler.
func (o *onceSaid) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == o.what {
		o.once.Do(func() { close(o.heard) })
	}
	return o.Handler.Handle(ctx, r)
}

// gated is a source that waits for a gate before a message.
type gated struct {
	engine.Source
	before int // so many messages come at once
	gate   chan struct{}
}

// Next implements engine.Source.
func (g *gated) Next(ctx context.Context) (events.Batch, error) {
	if g.before <= 0 {
		select {
		case <-g.gate:
		case <-ctx.Done():
			return events.Batch{}, ctx.Err()
		}
	}
	b, err := g.Source.Next(ctx)
	g.before -= len(b.Messages)
	return b, err
}

// TestSilentColumn: a column of a label that is null in every row is told of, the label beside it is not.
func TestSilentColumn(t *testing.T) {
	for name, c := range map[string]struct {
		column string
		silent bool
	}{"misspelt": {"attrs.msec", true}, "there": {"attrs.ms", false}} {
		t.Run(name, func(t *testing.T) {
			h := silentTraffic(silentLabel(t, `type == "click"`, "", c.column), 1200, `"type":"click","attrs":{"ms":7}`)
			h.End()
			s, text, _ := sightIn(t, h)
			if l := s.Labels[0]; l.Silence != "" || l.Columns[0].Silent != c.silent {
				t.Errorf("%+v", l)
			}
			if n := strings.Count(text, "column=kept"); n != map[bool]int{true: 1}[c.silent] {
				t.Errorf("it is said %d times:\n%s", n, text)
			}
		})
	}
}

// TestSilentLabelOfRequests: a label of the request alone that is 0 in every row is told of after many.
func TestSilentLabelOfRequests(t *testing.T) {
	for name, c := range map[string]struct {
		of   string
		want engine.Silence
	}{
		"misspelt": {`request.features.devise == "phone"`, engine.SilenceOfRow},
		"right":    {`request.features.device == "phone"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			of, err := rule.CompileOf(c.of, nil)
			if err != nil {
				t.Fatal(err)
			}
			rules := oneLabel()
			rules.Labels = append(rules.Labels, joiner.Label{Name: "phone", Window: rules.Labels[0].Window, Agg: joiner.AggTruth,
				When: func(*events.Outcome) bool { return false },
				Of: func(_ []joiner.Cell, req *events.Request, item int) (joiner.Cell, error) {
					n, err := of.Eval(nil, nil, req, item)
					return joiner.Cell{Null: !n.Has, Value: n.Value, TS: events.MinTime}, err
				}})
			h := silentTraffic(rules, 10_001, `"type":"click"`)
			h.End()
			s, text, _ := sightIn(t, h)
			if l := s.Labels[1]; l.Silence != c.want {
				t.Errorf("%q, want %q: %+v\n%s", l.Silence, c.want, l, text)
			}
		})
	}
}

// TestSilentImpression: where only seen negatives are kept, it is told that no outcome is an impression.
func TestSilentImpression(t *testing.T) {
	for name, silent := range map[string]bool{"view": false, "vue": true} {
		t.Run(name, func(t *testing.T) {
			rules := oneLabel()
			rules.Negatives, rules.Impression = joiner.NegativesSeen, func(o *events.Outcome) bool { return o.Type == "view" }
			h := silentTraffic(rules, 1500, fmt.Sprintf(`"type":%q`, name))
			h.End()
			s, text, _ := sightIn(t, h)
			if s.Impression.Silent != silent || strings.Contains(text, "join.impression") != silent {
				t.Errorf("%+v:\n%s", s.Impression, text)
			}
		})
	}
}
