package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// sight joins outcomes of one request, each given as the members that it has beside
// its id and its time, and tells what was noticed of them and what was logged.
func sight(t *testing.T, condition string, outcomes ...string) (*engine.Sightings, string, *world) {
	t.Helper()
	when, err := rule.Compile(condition)
	if err != nil {
		t.Fatal(err)
	}
	rules := oneLabel()
	rules.Labels[0].When, rules.Labels[0].Fault = when.Holds, when.Fault
	h := enginetest.Lines(rules)
	h.Request(0, "r")
	for i, members := range outcomes {
		at := h.Events[0].TS.Add(time.Duration(i+1) * time.Second)
		h.Events = append(h.Events, enginetest.Arrival{
			Kind: events.KindOutcome, TS: at, At: at, Data: fmt.Appendf(nil, `{"request_id":"r","ts":%d,%s}`, at, members),
		})
	}
	h.End()
	return sightIn(t, h)
}

// sightIn joins a history, and tells what was noticed of it and what was logged.
func sightIn(t *testing.T, h enginetest.History, change ...func(*engine.Options)) (*engine.Sightings, string, *world) {
	t.Helper()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	o := w.options(st, -1)
	o.Log = slog.New(slog.NewTextHandler(&text, nil))
	for _, f := range change {
		f(&o)
	}
	e := engine.New(o)
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return e.Stats().Sightings, text.String(), w
}

// TestConditionErrors counts the outcomes for which a condition cannot be evaluated,
// and names the first, once.
func TestConditionErrors(t *testing.T) {
	s, text, w := sight(t, `type == "dwell" && attrs.ms >= 30000`,
		`"type":"click"`, `"type":"dwell","attrs":{"ms":"31000"}`, `"type":"dwell","attrs":{"ms":"32000"}`, `"type":"dwell","attrs":{"ms":31000}`)
	f := s.Faults[0]
	if f.Count != 2 || f.Label != "clicked" || !strings.Contains(f.Reason, "text >= number") || f.Came.TS != w.History.Events[0].TS.Add(2*time.Second) {
		t.Errorf("%+v", f)
	}
	if n := strings.Count(text, "cannot be evaluated"); n != 1 || !strings.Contains(text, fmt.Sprintf("sequence=%d", f.Came.Origin.Seq)) || !strings.Contains(text, "label=clicked") {
		t.Errorf("it is said %d times:\n%s", n, text)
	}
	if r := w.latest()[[2]string{"r", ""}]; r.Cells[0].Value != 1 {
		t.Errorf("the row has %v: one outcome was long enough", r.Cells)
	}
}

// TestOutcomeTypes tells types that a label wants from those that none does.
func TestOutcomeTypes(t *testing.T) {
	s, _, _ := sight(t, `type == "dwell" && value > 3`, `"type":"dwel","value":9`, `"type":"dwell","value":1`, `"type":"dwell","value":9`, `"type":"dwel"`)
	if len(s.Types) != 2 || s.Types[0] != (engine.SeenType{Type: "dwel", Count: 2}) || s.Types[1] != (engine.SeenType{Type: "dwell", Count: 2, Wanted: true}) {
		t.Errorf("%+v", s.Types)
	}
	if u := s.UnwantedTypes(); len(u) != 1 || u[0].Type != "dwel" {
		t.Errorf("unwanted: %+v", u)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`"type":"%s%d"`, strings.Repeat("t", 100), i))
	}
	s, _, _ = sight(t, `type == "dwell"`, many...)
	for _, seen := range s.Types {
		if len(seen.Type) > 70 {
			t.Errorf("a name has %d bytes", len(seen.Type))
		}
	}
	s, _, _ = sight(t, `type == "dwell"`, func() (many []string) {
		for i := range 100 {
			many = append(many, fmt.Sprintf(`"type":"t%d"`, i))
		}
		return many
	}()...)
	if len(s.Types) != 64 || s.OtherTypes != 36 {
		t.Errorf("%d types, and %d outcomes of others", len(s.Types), s.OtherTypes)
	}
}

// TestUnknownFields counts fields that nothing knows by name, and values that cannot
// be held.
func TestUnknownFields(t *testing.T) {
	s, text, _ := sight(t, `type == "buy"`, `"type":"buy","amount":9`, `"type":"buy","amount":9,"currency":"EUR"`, `"type":"buy","attrs":{"x":NaN}`, `"type":"buy","value":1e999`)
	if u := s.Unknown[events.KindOutcome].Named; len(u) != 2 || u[0] != (joiner.FieldCount{Name: "amount", Count: 2}) || u[1] != (joiner.FieldCount{Name: "currency", Count: 1}) {
		t.Errorf("%+v", u)
	}
	if s.Unheld[events.KindOutcome] != 2 || s.Unheld[events.KindRequest] != 0 {
		t.Errorf("%v values cannot be held", s.Unheld)
	}
	for _, once := range []string{"field=amount", "field=currency", "counts as null"} {
		if n := strings.Count(text, once); n != 1 {
			t.Errorf("%s is said %d times:\n%s", once, n, text)
		}
	}
}

// TestOrphans counts outcomes without a request: those for which none came, each once, and those that
// came too late to wait.
func TestOrphans(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	begin := h.Events[0].TS
	add := func(id string, stamped, arrived time.Duration) {
		h.Events = append(h.Events, enginetest.Arrival{Kind: events.KindOutcome, TS: begin.Add(stamped), At: begin.Add(arrived),
			Data: fmt.Appendf(nil, `{"request_id":%q,"type":"click","outcome_id":"o","ts":%d}`, id, begin.Add(stamped))})
	}
	const later = 1000 * time.Hour
	add("none", time.Second, time.Second)
	add("none", time.Second, 2*time.Second) // a copy
	add("nothing", time.Second, time.Second)
	add("r", later, later)
	h.Request(later, "s")
	add("late", 2*time.Second, later+time.Second)
	h.End()
	s, _, _ := sightIn(t, h)
	if len(s.Orphans) != 1 || s.Orphans[0].Alone != 2 || s.Orphans[0].Late != 1 {
		t.Errorf("the orphans are %+v", s.Orphans)
	}
}

// TestOrphansByProducer counts them by an attribute: a text, a number, and nothing there.
func TestOrphansByProducer(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	begin := h.Events[0].TS
	add := func(id, attrs string, stamped, arrived time.Duration) {
		h.Events = append(h.Events, enginetest.Arrival{Kind: events.KindOutcome, TS: begin.Add(stamped), At: begin.Add(arrived),
			Data: fmt.Appendf(nil, `{"request_id":%q,"type":"click","outcome_id":"o","ts":%d%s}`, id, begin.Add(stamped), attrs)})
	}
	const later = 1000 * time.Hour
	add("one", `,"attrs":{"sdk":"web"}`, time.Second, time.Second)
	add("two", `,"attrs":{"sdk":7}`, time.Second, time.Second)
	add("three", "", time.Second, time.Second)
	add("r", "", later, later)
	h.Request(later, "s")
	add("late", `,"attrs":{"sdk":"web"}`, 2*time.Second, later+time.Second)
	h.End()
	s, _, w := sightIn(t, h, func(o *engine.Options) { o.Producer = "sdk" })
	var told joiner.Orphans
	for _, c := range w.out.Commits {
		told = told.Plus(c.Cut.Orphans, 0)
	}
	if !slices.Equal(told, s.Orphans) {
		t.Errorf("the commits tell of the orphans %+v, want %+v", told, s.Orphans)
	}
	want := map[string][2]int64{"web": {1, 1}, "7": {1, 0}, "": {1, 0}}
	for _, o := range s.Orphans {
		if want[o.Producer] != [2]int64{o.Alone, o.Late} {
			t.Errorf("%d and %d orphans of %q, want %v", o.Alone, o.Late, o.Producer, want[o.Producer])
		}
		delete(want, o.Producer)
	}
	if len(want) > 0 {
		t.Errorf("there are no orphans of %v", want)
	}
}

// TestStorySaysWhatCannotBeEvaluated asks about a request whose outcomes' attributes
// are no longer in memory: the story knows all the same which of them count, and for
// which the condition cannot be evaluated.
func TestStorySaysWhatCannotBeEvaluated(t *testing.T) {
	const condition = `type == "dwell" && attrs.ms >= 30000`
	_, _, w := sight(t, condition, `"type":"dwell","attrs":{"ms":"31000"}`, `"type":"dwell","attrs":{"ms":31000}`)
	when, err := rule.Compile(condition)
	if err != nil {
		t.Fatal(err)
	}
	w.History.Rules.Labels[0].When, w.History.Rules.Labels[0].Fault = when.Holds, when.Fault
	// Once more, without the heartbeats at the end, after which it is forgotten.
	w.fs, w.out, w.Logs[0] = vfs.NewCrashableMem(), &memory.Output{}, w.Logs[0][:3]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	story, err := engine.Look(w.options(st, -1), "r")
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	if len(story.Outcomes) != 2 || len(story.Labels) != 1 || story.Labels[0][0].Inside != 1 {
		t.Fatalf("%+v", story)
	}
	if text := story.Outcomes[0].Faults["clicked"]; !strings.Contains(text, "text >= number") || story.Outcomes[1].Faults != nil {
		t.Errorf("%q, %q", text, story.Outcomes[1].Faults)
	}
}
