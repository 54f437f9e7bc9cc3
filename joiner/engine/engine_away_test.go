package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestAway: while the output cannot be reached, reading goes on behind the commit that waits
// for it, however much that is, and later commits have all of it.
func TestAway(t *testing.T) {
	const requests = 30
	h := enginetest.Lines(oneLabel())
	for i := range requests {
		at := time.Duration(i) * time.Hour
		h.Request(at, "r%d", i)
		h.Click(at+time.Second, "r%d", i)
		h.Heartbeats(at + 40*time.Minute)
	}
	h.End()
	reference := h.Reference()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{Bytes: 1} // two commits' worth is two bytes
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	o := w.options(st, -1)
	o.Away = func() bool { return true }
	e := engine.New(o)
	away := true
	w.out.Fail = func(uint64, bool) error {
		for patience := 0; away && e.Stats().Progress.Ledger.Kinds[events.KindRequest].Read < requests; patience++ {
			if patience > 30_000 {
				return errors.New("reading has stopped, and waits for the commit")
			}
			time.Sleep(time.Millisecond)
		}
		away = false
		return nil
	}
	if err := errors.Join(e.Run(t.Context()), st.Close()); err != nil {
		t.Fatal(err)
	}
	if len(w.out.Commits) > requests/2 {
		t.Errorf("%d commits: what was read meanwhile is not in few", len(w.out.Commits))
	}
	checkBooks(t, w)
	checkBase(t, w, reference.Join(h.Set()))
}
