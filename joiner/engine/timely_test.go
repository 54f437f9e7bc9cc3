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
	forSeeds(t, 500, func(t *testing.T, seed uint64) {
		h := enginetest.Generate(seed, timely)
		reference := h.Reference()
		want := reference.Join(h.Set())
		w := newWorld(seed, h, anyLayout(newRand(seed), true))
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		checkBooks(t, w.out)
		checkBase(t, w.out, want)
		checkDisposed(t, w.out, want)
	})
}
