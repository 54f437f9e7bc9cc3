package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// syncs counts the batches that were made durable.
type syncs struct {
	engine.Store
	n atomic.Int64
}

func (s *syncs) Apply(saved *state.Checkpoint, sync bool) error {
	if sync {
		s.n.Add(1)
	}
	return s.Store.Apply(saved, sync)
}

// TestSyncedWithoutCommits lets minutes pass in which nothing closes: the state
// becomes durable all the same.
func TestSyncedWithoutCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := enginetest.Lines(oneLabel())
		h.Request(0, "r")
		w := newWorld(1, h, enginetest.Layout{Inputs: 2, Messages: 1, Batches: 1})
		w.endless = true
		st, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		counted := &syncs{Store: st}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- engine.New(w.options(counted, -1)).Run(ctx) }()
		time.Sleep(time.Second)
		before := counted.n.Load()
		time.Sleep(10 * time.Minute)
		if n := counted.n.Load() - before; n < 9 || n > 10 {
			t.Errorf("in ten minutes the state was made durable %d times", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}
