package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// stopping is a label stream at whose nth call the joiner is told to stop, once a
// commit has been made.
type stopping struct {
	left atomic.Int64  // two goroutines publish
	made chan struct{} // closed when a commit has been made
	stop context.CancelFunc
}

func (s *stopping) Publish(ctx context.Context, _ []events.Label) error {
	if s.left.Add(-1) != 0 {
		return nil
	}
	select {
	case <-s.made:
	case <-time.After(100 * time.Millisecond): // none is made before this call returns
	}
	s.stop()
	return ctx.Err() // nil where what has closed is published, which a stop waits for
}

// slow is a source that gives commits time to be made between its batches.
type slow struct{ engine.Source }

func (s *slow) Next(ctx context.Context) (events.Batch, error) {
	time.Sleep(3 * time.Millisecond)
	return s.Source.Next(ctx)
}

// TestStopWhileCommitEnds stops a joiner with a label stream at each call of it. The
// commit that is under way is booked before the next one is cut.
func TestStopWhileCommitEnds(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	for i := range 4 {
		at := time.Duration(i) * time.Hour
		h.Request(at, "r%d", i)
		h.Click(at+time.Second, "r%d", i)
		h.Heartbeats(at + 40*time.Minute)
	}
	h.End()
	reference := h.Reference()
	for n := 1; n <= 12; n++ {
		t.Run(fmt.Sprint("call ", n), func(t *testing.T) {
			w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
			w.Roll = engine.Roll{}
			st, err := w.open()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := &stopping{made: make(chan struct{}), stop: cancel}
			s.left.Store(int64(n))
			made := false
			w.out.Fail = func(_ uint64, created bool) error {
				if created && !made {
					made = true
					close(s.made)
				}
				return nil
			}
			o := w.options(st, -1)
			o.Publisher = s
			open := o.Inputs[0].Open
			o.Inputs[0].Open = func(ctx context.Context, from events.Position) (engine.Source, error) {
				source, err := open(ctx, from)
				return &slow{source}, err
			}
			err = engine.New(o).Run(ctx)
			if err := errors.Join(err, st.Close()); err != nil {
				t.Fatalf("a stop ends with %v", err)
			}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			checkBase(t, w, reference.Join(h.Set()))
		})
	}
}
