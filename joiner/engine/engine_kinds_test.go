package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestHot is G1 for few requests with very many outcomes: those beyond the limit
// are rejected, and copies take no room.
func TestHot(t *testing.T) {
	onTime(t, enginetest.Shape{Timely: true, Hot: true})
}

// TestAgain is G1 for ids that are used again: each use has its own rows, live and
// after crashes.
func TestAgain(t *testing.T) {
	onTime(t, enginetest.Shape{Timely: true, Again: true})
}

// TestAgainNear is TestAgain with uses that are just out of reach of each other.
func TestAgainNear(t *testing.T) {
	onTime(t, enginetest.Shape{Timely: true, Again: true, Near: true})
}

// TestHotAgain is TestAgain for ids with very many outcomes, which are kept at hand: where several
// logs are met again after a loss of the state, time goes back, and a request that was forgotten is
// known again.
func TestHotAgain(t *testing.T) {
	onTime(t, enginetest.Shape{Timely: true, Hot: true, Again: true})
}

// onTime holds joiners that crash, over events that come in time, against the
// reference: base rows, and books.
func onTime(t *testing.T, shape enginetest.Shape) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, shape)
		if shape.Again {
			h.Limit = 0 // the reference counts all of the log, and a joiner what it remembers
		}
		reference := h.Reference()
		want := reference.Join(h.Set())
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, true))
		w.troubled(t, r.IntN(5))
		checkBooks(t, w)
		checkBase(t, w, want)
		ledger := w.final.Progress.Ledger
		if shape.Again {
			together(&ledger, &want)
		}
		checkDisposed(t, w, &ledger, want)
	})
}

// together counts outcomes of requests under one disposition. One that comes before
// its request, while another one of its id is known, may have been counted with that.
func together(l *joiner.Ledger, want *enginetest.Answer) {
	for _, disposed := range []*[joiner.Dispositions]int64{&l.Kinds[events.KindOutcome].Disposed, &want.Disposed[events.KindOutcome]} {
		for _, d := range []joiner.Disposition{joiner.DispositionDuplicate, joiner.DispositionUnknownItem, joiner.DispositionOutsideWindow} {
			disposed[joiner.DispositionJoined] += disposed[d]
			disposed[d] = 0
		}
	}
}

// TestCutsAnywhere joins a log with commits cut here and there, often and at the end
// only: the rows of every revision are the same, in every column, and so is what
// became of each event.
func TestCutsAnywhere(t *testing.T) {
	for name, shape := range map[string]enginetest.Shape{
		"timely": {Timely: true}, "late": {Late: true}, "any order": {}, "early": {Early: true}, "late and early": {Late: true, Early: true},
		"hot": {Hot: true}, "again": {Timely: true, Again: true},
	} {
		t.Run(name, func(t *testing.T) {
			forSeeds(t, 40, func(t *testing.T, seed uint64) { cutsAnywhere(t, seed, shape) })
		})
	}
}

func cutsAnywhere(t *testing.T, seed uint64, shape enginetest.Shape) {
	h := enginetest.Generate(seed, shape)
	var first *world
	for _, roll := range []engine.Roll{{Interval: time.Hour}, {}, {Rows: 1, Interval: time.Hour}, {Bytes: 300, Interval: time.Hour}} {
		w := newWorld(seed, h, enginetest.Layout{Inputs: 1, Messages: 2, Batches: 2})
		w.Roll = roll
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = w
			continue
		}
		if got, want := written(w), written(first); !slices.Equal(got, want) {
			t.Errorf("in %d commits it writes, and in %d not,\n%sand the other way round\n%s",
				len(w.out.Commits), len(first.out.Commits), lines(got, want), lines(want, got))
		}
		got, want := w.final.Progress.Ledger, first.final.Progress.Ledger
		for k := range got.Kinds {
			if got.Kinds[k] != want.Kinds[k] {
				t.Errorf("in %d commits the books say %+v, in %d commits %+v", len(w.out.Commits), got.Kinds[k], len(first.out.Commits), want.Kinds[k])
			}
		}
		if got.Rows != want.Rows || got.Unseen != want.Unseen || got.SampledOut != want.SampledOut {
			t.Errorf("in %d commits the books say %+v, in %d commits %+v", len(w.out.Commits), got, len(first.out.Commits), want)
		}
	}
}

// written is every row that was written, whole, sorted.
func written(w *world) []string {
	var list []string
	for r := range w.out.Rows() {
		list = append(list, fmt.Sprintf("%q %q revision %d %v: %v weight %v %v %s %v", r.RequestID, r.ItemID, r.Revision, r.Reason,
			r.RequestTS, r.Weight, r.Cells, enginetest.Columns(&r.Request, r.Item), enginetest.Extra(&w.History.Rules, r.Extra)))
	}
	slices.Sort(list)
	return list
}

// lines are those of a list that another one lacks.
func lines(list, other []string) string {
	text := ""
	for _, l := range list {
		if !slices.Contains(other, l) {
			text += "  " + l + "\n"
		}
	}
	return text
}

// TestRejectedMovesNothing has one copy of a request too many, and one late outcome
// too many, stamped ahead of all else. Whatever is rejected moves no clock.
func TestRejectedMovesNothing(t *testing.T) {
	copies := enginetest.Lines(oneLabel())
	for i := range 1000 {
		copies.Event(events.KindRequest, 0, `{"request_id":"r","ts":%d,"user_id":"u%d"}`, copies.At(0), i)
	}
	copies.Event(events.KindRequest, 20*time.Minute, `{"request_id":"r","ts":%d}`, copies.At(20*time.Minute))
	late := enginetest.Lines(oneLabel())
	late.Request(0, "r")
	late.Heartbeats(40 * time.Minute)
	for i := range 1000 {
		late.Event(events.KindOutcome, 0, `{"request_id":"r","ts":%d,"type":"click","outcome_id":"o%d"}`, late.At(0), i)
	}
	late.Event(events.KindOutcome, 50*time.Minute, `{"request_id":"r","ts":%d,"type":"click","outcome_id":"last"}`, late.At(50*time.Minute))
	for name, c := range map[string]struct {
		history enginetest.History
		kind    events.Kind
		reason  string
		seen    time.Duration
	}{
		"copies of a request": {copies, events.KindRequest, "too_many_copies", 0},
		"late outcomes":       {late, events.KindOutcome, "too_many_corrections", 40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, c.history, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 100})
			w.Roll = engine.Roll{Interval: time.Hour}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			letters := w.out.Commits[len(w.out.Commits)-1].DeadLetters
			if len(letters) != 1 || letters[0].Reason != c.reason {
				t.Errorf("dead letters %+v, want one: %s", letters, c.reason)
			}
			if got, want := w.final.Progress.Clock.Seen[c.kind], c.history.At(c.seen); got != want {
				t.Errorf("the clock of %vs stands at %v, want %v", c.kind, got, want)
			}
		})
	}
}
