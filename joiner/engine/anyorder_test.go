package engine_test

import (
	"testing"

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

// TestReplay is G3: a log that is read to its end before anything closes, and
// whose end is the end of everything, gives what the reference says, in base
// rows.
func TestReplay(t *testing.T) {
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		r := newRand(seed)
		h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0})
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(r, h.MaxFuture > 0))
		w.replay = &engine.Replay{Complete: true}
		w.troubled(t, r.IntN(3))
		checkBooks(t, w)
		checkBase(t, w, want)
		checkDisposed(t, &w.final.Progress.Ledger, want)
	})
}
