package engine_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestAnyOrder is G2: events in any order, within the correction horizon. The
// highest revisions are the reference's rows.
func TestAnyOrder(t *testing.T) {
	anyOrder(t, enginetest.Shape{})
}

// TestAnyOrderEarly is G2 with rows that are written before their close.
func TestAnyOrderEarly(t *testing.T) {
	anyOrder(t, enginetest.Shape{Early: true})
}

func anyOrder(t *testing.T, shape enginetest.Shape) {
	forSeeds(t, 200, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, shape)
		reference := h.Reference()
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, false))
		w.troubled(t, r.IntN(4)*r.IntN(2))
		checkBooks(t, w)
		if !w.lost {
			checkOrphans(t, w)
		}
		checkLatest(t, w, reference.Join(h.Set()))
	})
}

// TestEarlyComesAndGoes is G2 with a configuration that has rows written early at one
// start and not at the next.
func TestEarlyComesAndGoes(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Early: true})
		reference := h.Reference()
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, false))
		for range 1 + r.IntN(3) {
			if err := w.crash(); err != nil {
				t.Fatal(err)
			}
			if r.IntN(8) == 0 {
				w.fs = vfs.NewCrashableMem() // the state is lost
			}
			if r.IntN(2) == 0 {
				w.History.Rules.Early = !w.History.Rules.Early
				w.hash = fmt.Sprint("early ", w.History.Rules.Early)
			}
		}
		w.troubled(t, 0)
		checkBooks(t, w)
		checkLatest(t, w, reference.Join(h.Set()))
	})
}

// TestTimelyEarly holds rows that are written early, by events in time, against
// the reference.
func TestTimelyEarly(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, enginetest.Shape{Timely: true, Early: true})
		reference := h.Reference()
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, true))
		w.troubled(t, r.IntN(4)*r.IntN(2))
		checkBooks(t, w)
		checkLatest(t, w, reference.Join(h.Set()))
	})
}

// TestLate is G2 with little to spare: what comes late comes as late as it may and
// still corrects, while other requests are forgotten.
func TestLate(t *testing.T) {
	anyOrder(t, enginetest.Shape{Late: true})
}

// TestLateEarly is TestLate with rows that are written before their close.
func TestLateEarly(t *testing.T) {
	anyOrder(t, enginetest.Shape{Late: true, Early: true})
}

// TestWild has values whose sums float64 does not hold.
func TestWild(t *testing.T) {
	anyOrder(t, enginetest.Shape{Wild: true})
}

// TestHotAnyOrder has few requests with very many outcomes, in any order: more of
// them than the limit, and copies of those within it.
func TestHotAnyOrder(t *testing.T) {
	anyOrder(t, enginetest.Shape{Hot: true})
}

// TestReplay is G3: a log that is read to its end before anything closes, and
// whose end is the end of everything, gives what the reference says, in base
// rows, whatever the live joiner would have written early.
func TestReplay(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		shape := enginetest.Shape{
			Timely: r.IntN(2) == 0, Early: r.IntN(3) == 0, Wild: r.IntN(4) == 0, Hot: r.IntN(4) == 0, Again: r.IntN(4) == 0,
		}
		h := enginetest.Generate(seed, shape)
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(r, h.MaxFuture > 0))
		w.Replay = &engine.Replay{Complete: true}
		w.troubled(t, r.IntN(3))
		checkBooks(t, w)
		checkBase(t, w, want)
		ledger := w.final.Progress.Ledger
		if shape.Again {
			together(&ledger, &want)
		}
		checkDisposed(t, w, &ledger, want)
	})
}
