package engine_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestUnnamed is G1 for outcomes that name no request: whatever the order within the
// lateness, the layout of the logs, crashes and lost states, the base rows and the books are
// the reference's.
func TestUnnamed(t *testing.T) {
	forSeeds(t, 200, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Timely: true, Unnamed: true})
		reference := h.Reference()
		want := reference.Join(h.Set())
		r := newRand(seed)
		for range 2 {
			h.Events = enginetest.Shuffled(h.Events, h.Rules.Lateness, r)
			w := newWorld(r.Uint64(), h, anyLayout(r, true))
			w.troubled(t, r.IntN(5)*r.IntN(2))
			checkBooks(t, w)
			checkBase(t, w, want)
			if !w.lost {
				checkOrphans(t, w)
			}
			checkDisposed(t, w, &w.final.Progress.Ledger, want)
		}
	})
}

// TestUnnamedAnyOrder is G2 for them: requests that come late, and change late, take
// outcomes over.
func TestUnnamedAnyOrder(t *testing.T) { anyOrder(t, enginetest.Shape{Unnamed: true}) }

// TestUnnamedLate is the same with little to spare.
func TestUnnamedLate(t *testing.T) { anyOrder(t, enginetest.Shape{Unnamed: true, Late: true}) }

// TestUnnamedEarly is the same with rows that are written before their close.
func TestUnnamedEarly(t *testing.T) {
	anyOrder(t, enginetest.Shape{Unnamed: true, Late: true, Early: true})
}

// TestUnnamedReplay is G3 for them.
func TestUnnamedReplay(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0, Unnamed: true})
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(r, h.MaxFuture > 0))
		w.Replay = &engine.Replay{Complete: true}
		w.troubled(t, r.IntN(3))
		checkBooks(t, w)
		checkBase(t, w, want)
		checkDisposed(t, w, &w.final.Progress.Ledger, want)
	})
}
