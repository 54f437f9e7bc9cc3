package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// counting is a log of numbered batches.
type counting struct {
	t       *testing.T
	batches int
	fail    error // after the last batch
	read    atomic.Int64
	reading atomic.Bool
	given   atomic.Int64 // batches that were given back
	closed  bool
}

func (c *counting) Next(ctx context.Context) (events.Batch, error) {
	if c.reading.Swap(true) {
		c.t.Error("two batches are read at once")
	}
	defer c.reading.Store(false)
	runtime.Gosched()
	if err := ctx.Err(); err != nil {
		return events.Batch{}, err
	}
	n := c.read.Load()
	switch {
	case n < int64(c.batches):
		c.read.Add(1)
		return events.Batch{Messages: []events.Message{{Seq: uint64(n)}}}, nil
	case c.fail != nil:
		return events.Batch{}, c.fail
	}
	return events.Batch{}, io.EOF
}

func (c *counting) Recycle(*events.Batch) { c.given.Add(1) }

func (c *counting) Close() error {
	c.closed = true
	return nil
}

// TestBatchesInTheirTurn: what is made of batches is consumed in their order, one at a time, whichever worker is faster;
// no more than twice as many as there are workers are on their way; and all end after whatever fails.
func TestBatchesInTheirTurn(t *testing.T) {
	broken := errors.New("it is broken")
	for seed := range uint64(400) {
		g := rand.New(rand.NewPCG(seed, 5))
		jobs, failAt := 1+g.IntN(5), -1
		log := &counting{t: t, batches: g.IntN(200)}
		ctx, stop := context.WithCancel(context.Background())
		var want error
		switch g.IntN(5) {
		case 0:
			log.fail, want = broken, broken
		case 1:
			if failAt = g.IntN(200); failAt < log.batches {
				want = broken
			}
		}
		stopAt := -1
		if want == nil && g.IntN(5) == 0 {
			if stopAt = g.IntN(200); stopAt+1+2*jobs < log.batches {
				want = context.Canceled
			}
		}
		var consuming atomic.Bool
		consumed := 0
		err := batch.Each(ctx, jobs, log, func(b *events.Batch) int {
			n := int(b.Messages[0].Seq)
			for range n * 7 % 5 {
				runtime.Gosched()
			}
			return n
		}, func(n int) error {
			if consuming.Swap(true) {
				t.Error("two are consumed at once")
			}
			defer consuming.Store(false)
			runtime.Gosched()
			if n != consumed {
				return fmt.Errorf("batch %d is consumed after %d others", n, consumed)
			}
			if on := log.read.Load() - int64(consumed); on > int64(2*jobs) {
				return fmt.Errorf("%d batches are on their way to %d workers", on, jobs)
			}
			switch consumed {
			case failAt:
				return broken
			case stopAt:
				stop()
			}
			consumed++
			return nil
		})
		stop()
		late := stopAt >= 0 && want == nil && errors.Is(err, context.Canceled) // it may have been at its end
		if !late && !errors.Is(err, want) {
			t.Fatalf("seed %d: %v, want %v", seed, err, want)
		}
		if want == nil && !late && consumed != log.batches || int(log.given.Load()) != consumed || !log.closed {
			t.Fatalf("seed %d: %d of %d batches are consumed, %d given back, closed: %v", seed, consumed, log.batches,
				log.given.Load(), log.closed)
		}
	}
}

// TestWaitingWorkersEnd: workers that wait for a place of another batch end when the batch fails that they wait for.
func TestWaitingWorkersEnd(t *testing.T) {
	broken := errors.New("it is broken")
	for jobs := 2; jobs < 6; jobs++ {
		log := &counting{t: t, batches: 100}
		err := batch.Each(t.Context(), jobs, log, func(*events.Batch) int { return 0 }, func(int) error {
			for log.read.Load() < int64(2*jobs) {
				runtime.Gosched()
			}
			for range 1000 { // and one waits
				runtime.Gosched()
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("%d workers: %v", jobs, err)
		}
	}
}
