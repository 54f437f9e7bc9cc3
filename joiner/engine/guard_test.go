package engine_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// nervous is a guard that holds negatives at every opportunity.
func nervous(r *rand.Rand, longest time.Duration) guard.Config {
	return guard.Config{
		Patience: time.Duration(1+r.IntN(4)) * longest, Tail: 0.1 + r.Float64()/2, Learn: float64(1 + r.IntN(5)), Usual: 0.5 + r.Float64()/2,
	}
}

// always is a gap in the outcomes as long as time.
func always(id uint64, quiet bool) events.Gap {
	g := events.Gap{ID: id, From: events.MinTime + 1, To: events.MaxTime - 1, Quiet: quiet}
	g.Kinds[events.KindOutcome] = true
	return g
}

// TestGuarded: a guard that holds negatives without need, on and off, through
// crashes and lost states, changes no row once a person says that nothing was
// missing.
func TestGuarded(t *testing.T) {
	holds := 0
	forSeeds(t, 300, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, timely)
		reference := h.Reference()
		want := reference.Join(h.Set())
		r := newRand(seed)
		h.Rules.Guard = nervous(r, h.Rules.Longest())
		w := newWorld(seed, h, anyLayout(r, true))
		crashes := r.IntN(4) * r.IntN(2)
		w.troubled(t, crashes)
		if w.final.Progress.Guard.Held.On() {
			holds++
		}
		w.out.Gaps = []events.Gap{always(1, true)}
		w.troubled(t, crashes)
		checkBooks(t, w)
		checkBase(t, w, want)
		if crashes == 0 { // a rebuild may book some of what is forgotten anew
			checkDisposed(t, w, &w.final.Progress.Ledger, want)
		}
	})
	if *seedFlag == 0 && !testing.Short() && holds == 0 {
		t.Error("no history was held at its end: the guard was not tried")
	}
}

// TestGaps: gaps declared at any time, in any order of events, with crashes
// between, make unknown what the reference says, and what was seen stays seen.
func TestGaps(t *testing.T) {
	rewritten := 0
	forSeeds(t, 300, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0, Early: r.IntN(3) == 0})
		w := newWorld(seed, h, anyLayout(r, false))
		for n := range 1 + r.IntN(3) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
			w.out.Gaps = append(w.out.Gaps, someGap(r, &h, uint64(n+1)))
		}
		w.troubled(t, r.IntN(3))
		checkBooks(t, w)
		reference := h.Reference()
		if reference.Rules.Gaps = w.final.Progress.Gaps; len(reference.Rules.Gaps) != len(w.out.Gaps) {
			t.Fatalf("gaps %+v were declared, %+v taken in", w.out.Gaps, reference.Rules.Gaps)
		}
		last := w.out.Commits[len(w.out.Commits)-1]
		if got := last.Cut.Progress.Gaps; len(got) != len(w.out.Gaps) {
			t.Errorf("the last commit records %d gaps of %d", len(got), len(w.out.Gaps))
		}
		want := reference.Join(h.Set())
		checkLatest(t, w, want)
		for row := range w.out.Rows() {
			if row.Reason == joiner.ReasonGap && row.Revision > 0 {
				rewritten++
			}
		}
		checkReplayed(t, newWorld(seed, h, anyLayout(r, false)), reference.Rules.Gaps, want)
	})
	if *seedFlag == 0 && !testing.Short() && rewritten == 0 {
		t.Error("no gap was declared after the close: rows were never written again")
	}
}

// TestGapsTakenBack: gaps that are declared and taken back at any time, with crashes and lost states between. A gap that
// is taken back too late for some requests holds for these, live, in a replay and after the loss of the state.
func TestGapsTakenBack(t *testing.T) {
	tooLate := 0
	forSeeds(t, 300, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0, Early: r.IntN(3) == 0})
		w := newWorld(seed, h, anyLayout(r, false))
		var standing []events.Gap
		for n := range 2 + r.IntN(4) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
			g := someGap(r, &h, uint64(n+1))
			if len(standing) > 0 && r.IntN(3) > 0 {
				i := r.IntN(len(standing))
				g = events.Gap{ID: g.ID, Removes: standing[i].ID, From: standing[i].From, To: standing[i].To}
				standing = slices.Delete(standing, i, i+1)
			} else {
				standing = append(standing, g)
			}
			w.out.Gaps = append(w.out.Gaps, g)
			if r.IntN(8) == 0 {
				w.fs = vfs.NewCrashableMem() // the state is lost
			}
		}
		w.troubled(t, r.IntN(3))
		checkBooks(t, w)
		gaps := w.final.Progress.Gaps
		for _, g := range standing {
			if !slices.ContainsFunc(gaps, func(taken events.Gap) bool { return taken.ID == g.ID && taken.InForce() }) {
				t.Fatalf("gap %d is not in force: %+v", g.ID, gaps)
			}
		}
		want := joinWithGaps(&h, gaps)
		inForce := slices.DeleteFunc(slices.Clone(gaps), func(g events.Gap) bool { return !g.InForce() })
		if !reflect.DeepEqual(want, joinWithGaps(&h, inForce)) {
			tooLate++
		}
		// A row that is null without the gap too is not written again: its reason stays.
		for key, never := range joinWithGaps(&h, w.out.Gaps).Rows {
			row := want.Rows[key]
			row.Gap = row.Gap || never.Gap
			want.Rows[key] = row
		}
		checkLatest(t, w, want)
		checkReplayed(t, newWorld(seed, h, anyLayout(r, false)), gaps, want)
	})
	if *seedFlag == 0 && !testing.Short() && tooLate == 0 {
		t.Error("no gap was taken back too late for a request")
	}
}

// checkReplayed replays a history with the gaps that were taken in, and holds the rows against an answer.
func checkReplayed(t *testing.T, w *world, gaps []events.Gap, want enginetest.Answer) {
	t.Helper()
	w.Replay = &engine.Replay{Complete: true}
	w.History.Rules.Gaps = gaps
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkLatest(t, w, want)
}

// joinWithGaps is the reference's answer.
func joinWithGaps(h *enginetest.History, gaps []events.Gap) enginetest.Answer {
	reference := h.Reference()
	reference.Rules.Gaps = gaps
	return reference.Join(h.Set())
}

// someGap is a gap about the time of a history's events.
func someGap(r *rand.Rand, h *enginetest.History, id uint64) events.Gap {
	e := h.Events[r.IntN(len(h.Events))]
	for e.TS == events.MinTime {
		e = h.Events[r.IntN(len(h.Events))]
	}
	g := events.Gap{ID: id, From: e.TS.Add(-time.Duration(r.IntN(3)) * time.Second), Quiet: r.IntN(5) == 0}
	g.To = g.From.Add(time.Duration(r.Int64N(int64(h.Rules.Longest()))))
	g.Kinds[events.KindOutcome] = r.IntN(6) > 0
	g.Kinds[events.KindRequest] = !g.Kinds[events.KindOutcome]
	return g
}
