package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// TestRowFaults: outcomes for which a label cannot be evaluated because of their request
// are counted when it closes, once each though it has two rows, and the story names them.
func TestRowFaults(t *testing.T) {
	when, err := rule.Compile(`type == "click" && item.features.price < attrs.most`)
	if err != nil {
		t.Fatal(err)
	}
	rules := oneLabel()
	l := &rules.Labels[0]
	l.When, l.InRow, l.Attrs = when.Holds, joiner.RowFunc[bool](when.InRow), when.Attrs
	h := enginetest.Lines(rules)
	at := h.At(0)
	h.Event(0, 0, `{"request_id":"r","ts":%d,"items":[{"item_id":"a"},{"item_id":"b","features":{"price":1}}]}`, at)
	h.Event(1, 1, `{"request_id":"r","ts":%d,"type":"click"}`, at+1)
	h.Event(1, 2, `{"request_id":"r","ts":%d,"type":"click","item_id":"b","attrs":{"most":7}}`, at+2)
	h.Event(1, 3, `{"request_id":"r","ts":%d,"type":"view"}`, at+3)
	events := len(h.Events)
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(w.options(st, -1))
	if err := errors.Join(e.Run(t.Context()), st.Close()); err != nil {
		t.Fatal(err)
	}
	f := e.Stats().Sightings.Faults[0]
	if f.Count != 1 || f.Came.Origin.Seq == 0 || f.Came.TS != at+1 || !strings.Contains(f.Reason, "nil < nil is not possible") {
		t.Errorf("%+v", f)
	}
	w.fs, w.out, w.Logs[0] = vfs.NewCrashableMem(), &memory.Output{}, w.Logs[0][:events]
	if st, err = w.open(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(engine.New(w.options(st, -1)).Run(t.Context()), st.Close()); err != nil {
		t.Fatal(err)
	}
	if st, err = w.open(); err != nil {
		t.Fatal(err)
	}
	story, err := engine.Look(w.options(st, -1), "r")
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	if len(story.Outcomes) != 3 || story.Labels[0][0].Inside != 0 || story.Labels[1][0].Inside != 1 {
		t.Fatalf("%+v", story)
	}
	for i, want := range []string{"nil < nil", "", ""} {
		if got := story.Outcomes[i].Faults["clicked"]; !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("outcome %d: %q, want %q", i, got, want)
		}
	}
}
