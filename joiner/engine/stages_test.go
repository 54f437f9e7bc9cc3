package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// checkStages holds the revisions of a row against their rule where rows are written before
// their close: they grow, and only a row that is not closed has null labels for that reason,
// unless a gap is the reason of others.
func checkStages(t *testing.T, w *world, chain []memory.Row) {
	t.Helper()
	for i, r := range chain {
		if i > 0 && r.Revision <= chain[i-1].Revision {
			t.Errorf("%q %q: revision %d comes after revision %d", r.RequestID, r.ItemID, r.Revision, chain[i-1].Revision)
		}
		if closed := i > 0 && chain[i-1].Stage == 0; closed && r.Stage > 0 {
			t.Errorf("%q %q: revision %d has pending labels after one that has none", r.RequestID, r.ItemID, r.Revision)
		}
		if pending := r.Reason == joiner.ReasonPending; pending != (r.Stage > 0 && r.Reason != joiner.ReasonGap) {
			t.Errorf("%q %q: stage %d with the reason %v", r.RequestID, r.ItemID, r.Stage, r.Reason)
		}
	}
}

// TestStagesAnyOrder is G2 with rows that are written before all their labels are final: what
// is written last is the reference's.
func TestStagesAnyOrder(t *testing.T) { anyOrder(t, enginetest.Shape{Each: true}) }

// TestStagesLate is TestStagesAnyOrder with little of the correction horizon to spare.
func TestStagesLate(t *testing.T) { anyOrder(t, enginetest.Shape{Each: true, Late: true}) }

// TestStagesAgain has ids used again, by events in time.
func TestStagesAgain(t *testing.T) {
	anyOrder(t, enginetest.Shape{Each: true, Again: true, Timely: true})
}

// TestStagesUnnamed has outcomes that name no request.
func TestStagesUnnamed(t *testing.T) { anyOrder(t, enginetest.Shape{Each: true, Unnamed: true}) }

// TestStagesTimely holds each row that is written before the close, by events in time, against
// the reference: the labels whose windows have ended are final, and the others null or provisional.
func TestStagesTimely(t *testing.T) {
	pending, final, provisional := 0, 0, 0
	forSeeds(t, 150, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Timely: true, Each: true, Clean: true})
		reference := h.Reference()
		want := reference.Join(h.Set())
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, true))
		w.troubled(t, r.IntN(4)*r.IntN(2))
		checkBooks(t, w)
		checkLatest(t, w, want)
		at := make([]enginetest.Answer, len(h.Rules.Stages)) // the reference at the end of each
		for row := range w.out.Rows() {
			if row.Stage == 0 {
				final++
				if row.Revision != h.Rules.Base() {
					t.Errorf("%q: revision %d at the close, want %d", row.RequestID, row.Revision, h.Rules.Base())
				}
				continue
			}
			pending++
			if h.Rules.StageOf(&row.Row) == joiner.StageProvisional {
				provisional++
			}
			stage := int(row.Stage) - 1
			if at[stage].Rows == nil {
				by := h.Reference()
				by.Age = h.Rules.Stages[stage]
				at[stage] = by.Join(h.Set())
			}
			then, ok := at[stage].Rows[keyOf(&want, &row)]
			if !ok {
				t.Errorf("%q %q: a row that is none", row.RequestID, row.ItemID)
				continue
			}
			extra := enginetest.Extra(&h.Rules, row.Extra)
			if !slices.Equal(row.Cells, then.Cells) || extra != then.Extra || row.Revision != uint32(stage) {
				t.Errorf("%q %q: revision %d at stage %d has %v %s, want %v %s", row.RequestID, row.ItemID, row.Revision, stage,
					row.Cells, extra, then.Cells, then.Extra)
			}
		}
	})
	// Few seeds may have none.
	if *seedFlag == 0 && !testing.Short() && (pending == 0 || final == 0 || provisional == 0) {
		t.Errorf("%d rows at the end of stages, %d of them provisional, and %d at the close: nothing is tested", pending,
			provisional, final)
	}
}

// TestStagesComeAndGo is G2 with a configuration that has other stages at each start.
func TestStagesComeAndGo(t *testing.T) {
	forSeeds(t, 150, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Each: true})
		reference := h.Reference()
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, false))
		w.staged = true
		for range 1 + r.IntN(3) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
			if r.IntN(8) == 0 {
				w.fs = vfs.NewCrashableMem() // the state is lost
			}
			if r.IntN(2) == 0 {
				w.History.Rules.Stages = enginetest.AnyStages(&w.History.Rules, r)
				w.hash = fmt.Sprint("stages ", w.History.Rules.Stages)
			}
		}
		w.troubled(t, 0)
		checkBooks(t, w)
		checkLatest(t, w, reference.Join(h.Set()))
	})
}

// TestStagesReplayed is G3: a replay writes each row once, when all its labels are final.
func TestStagesReplayed(t *testing.T) {
	forSeeds(t, 50, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Each: true})
		reference := h.Reference()
		w := newWorld(seed, h, anyLayout(newRand(seed), h.MaxFuture > 0))
		w.staged, w.Replay = false, &engine.Replay{Complete: true}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		checkBooks(t, w)
		checkBase(t, w, reference.Join(h.Set()))
	})
}

// stagedRules have rows written at the end of a short window, and a long one.
func stagedRules() joiner.Rules {
	rules := oneLabel()
	long := countLabel()
	long.Name, long.Window = "in_two_hours", 2*time.Hour
	rules.Labels, rules.Stages = append(rules.Labels, long), []time.Duration{30 * time.Minute}
	return rules
}

// TestStagesConverted adds a label while an open request has a row at the end of a stage that
// is none any more: it is withdrawn with as many labels as there are then.
func TestStagesConverted(t *testing.T) {
	h := enginetest.Lines(stagedRules())
	items := func(at time.Duration, list string) {
		h.Event(events.KindRequest, at, `{"request_id":"r","ts":%d,"items":[%s]}`, h.At(at), list)
	}
	items(time.Minute, `{"item_id":"a"},{"item_id":"b"}`)
	h.Heartbeats(40 * time.Minute)
	written := len(h.Events)
	items(0, `{"item_id":"a"}`)
	before := len(h.Events)
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	for _, n := range []int{written, before} {
		w.Logs[0] = whole[:n]
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	w.Logs[0], w.first, w.hash = whole[before:], uint64(before)+1, "with a label" // so nothing can be rebuilt
	w.History.Rules.Labels = append(slices.Clone(w.History.Rules.Labels), countLabel())
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	for item, reason := range map[string]joiner.Reason{"a": joiner.ReasonClosed, "b": joiner.ReasonWithdrawn} {
		t.Run(item, func(t *testing.T) {
			if r := w.latest()[[2]string{"r", item}]; r.Reason != reason || len(r.Cells) != 3 {
				t.Errorf("%q: %v with %d labels, want %v with 3", item, r.Reason, len(r.Cells), reason)
			}
		})
	}
}

// TestStagesGaps is TestStagesComeAndGo with gaps that are declared on the way: a row at the
// end of a stage may have labels that are null because of one.
func TestStagesGaps(t *testing.T) {
	unknown := 0
	forSeeds(t, 150, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Each: true})
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, false))
		w.staged = true
		for n := range 1 + r.IntN(3) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
			w.out.Gaps = append(w.out.Gaps, someGap(r, &h, uint64(n+1)))
			if r.IntN(8) == 0 {
				w.fs = vfs.NewCrashableMem() // the state is lost
			}
			if r.IntN(2) == 0 {
				w.History.Rules.Stages = enginetest.AnyStages(&w.History.Rules, r)
				w.hash = fmt.Sprint("stages ", w.History.Rules.Stages)
			}
		}
		w.troubled(t, 0)
		checkBooks(t, w)
		reference := h.Reference()
		reference.Rules.Gaps = w.final.Progress.Gaps
		checkLatest(t, w, reference.Join(h.Set()))
		for row := range w.out.Rows() {
			if row.Stage > 0 && row.Reason == joiner.ReasonGap {
				unknown++
			}
		}
	})
	if *seedFlag == 0 && !testing.Short() && unknown == 0 {
		t.Error("no row at the end of a stage has a label that is null because of a gap")
	}
}
