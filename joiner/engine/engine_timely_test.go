package engine_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

var timely = enginetest.Shape{Timely: true}

// TestTimely is G1 without trouble: whatever the layout of the logs, the size
// of batches and the frequency of commits, the base rows are the reference's,
// and so are the books.
func TestTimely(t *testing.T) {
	forSeeds(t, 250, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, timely)
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(newRand(seed), true))
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		checkBooks(t, w)
		checkBase(t, w, want)
		checkDisposed(t, w, &w.final.Progress.Ledger, want)
	})
}

// TestTimelyShuffled is G1: other orders of arrival within the lateness, other
// layouts, and engines that die on the way with or without what they had not
// synced, and with their states or without, give the same rows and the same books.
func TestTimelyShuffled(t *testing.T) {
	forSeeds(t, 150, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, timely)
		reference := h.Reference()
		want := reference.Join(h.Set())
		r := newRand(seed)
		for range 2 {
			h.Events = enginetest.Shuffled(h.Events, h.Rules.Lateness, r)
			w := newWorld(r.Uint64(), h, anyLayout(r, true))
			w.troubled(t, 1+r.IntN(6))
			checkBooks(t, w)
			checkBase(t, w, want)
			checkDisposed(t, w, &w.final.Progress.Ledger, want)
		}
	})
}
