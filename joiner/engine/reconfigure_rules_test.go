package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestLongerWindow changes the configuration between runs: what has closed
// stays closed, though by the new window it would be open, and what comes for
// it corrects it.
func TestLongerWindow(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "closed")
	h.Request(20*time.Minute, "open")
	h.Heartbeats(40 * time.Minute)
	before := len(h.Events)
	h.Click(45*time.Minute, "closed")
	h.Click(70*time.Minute, "open")
	h.Request(5*time.Minute, "late")
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	whole := w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.Logs[0], w.hash = whole, "a longer window"
	w.History.Rules.Labels[0].Window = 2 * time.Hour
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	for id, want := range map[string]struct {
		clicked  float64
		revision uint32
		reason   joiner.Reason
	}{"closed": {1, 1, joiner.ReasonCorrected}, "open": {1, 0, joiner.ReasonClosed}, "late": {0, 0, joiner.ReasonLateRequest}} {
		t.Run(id, func(t *testing.T) {
			all := w.out.Latest(enginetest.Reach(&w.History.Rules))
			at := slices.IndexFunc(all, func(r memory.Row) bool { return r.RequestID == id })
			if at < 0 {
				t.Errorf("%s is missing", id)
				return
			}
			if r := all[at]; r.Cells[0].Value != want.clicked || r.Revision != want.revision || r.Reason != want.reason {
				t.Errorf("%s: %v revision %d, %v, want %+v", id, r.Cells, r.Revision, r.Reason, want)
			}
		})
	}
	for k, l := range w.final.Progress.Ledger.Kinds {
		if l.Pending != 0 {
			t.Errorf("%d events of kind %d wait for ever", l.Pending, k)
		}
	}
}

// TestRulesChange changes the windows in the middle of generated histories,
// with crashes around: rows are written once, none is lost, and nothing waits
// for ever.
func TestRulesChange(t *testing.T) {
	forSeeds(t, 75, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0, Clean: true})
		h.Heartbeats(12 * time.Hour) // longer than any window it may change to
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(r, h.MaxFuture > 0))
		w.Roll = engine.Roll{}
		for range 1 + r.IntN(2) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
		}
		labels := w.History.Rules.Labels
		w.History.Rules.Labels = nil
		for _, l := range labels {
			l.Window = time.Duration(10+r.IntN(90)) * time.Second
			w.History.Rules.Labels = append(w.History.Rules.Labels, l)
		}
		w.hash = "changed"
		w.troubled(t, r.IntN(2))
		checkBooks(t, w)
		found := map[enginetest.Key]bool{}
		for _, r := range w.out.Latest(enginetest.Reach(&w.History.Rules)) {
			found[keyOf(&want, &r)] = true
		}
		for key := range want.Rows {
			if !found[key] {
				t.Errorf("%q is missing", key)
			}
		}
		if n := w.final.Progress.Ledger.Kinds[0].Pending; n != 0 {
			t.Errorf("%d requests wait for ever", n)
		}
	})
}

// TestIncomplete lets a replayed log end: what reaches past the last outcome is
// null, and what is certain is not.
func TestIncomplete(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{})
		h.Events = h.Events[:len(h.Events)-2] // without the heartbeats at the end
		reference := h.Reference()
		reference.Known = enginetest.LastOutcome(h.Events)
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(r, false))
		w.Replay = &engine.Replay{}
		w.troubled(t, r.IntN(2))
		checkBooks(t, w)
		found := map[enginetest.Key]bool{}
		for row := range w.out.Rows() {
			key := keyOf(&want, &row)
			found[key] = true
			if expected, ok := want.Rows[key]; !ok || expected.Differs(w.written(&row), enginetest.Same) != "" {
				t.Errorf("%q: %v (%v), want %+v", key, row.Cells, row.Reason, expected)
			}
		}
		for key := range want.Rows {
			if !found[key] {
				t.Errorf("%q is missing", key)
			}
		}
	})
}
