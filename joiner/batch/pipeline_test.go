package batch_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// counted is a log that counts how many are open.
type counted struct {
	batch.Source
	open *atomic.Int64
}

func (c *counted) Close() error {
	c.open.Add(-1)
	return c.Source.Close()
}

// TestLogsAreClosed: every log that was opened is closed, those that were opened ahead too, however the join ends: in
// one pass, in many after attempts that had too little memory, because the sink fails, or before a request is read.
func TestLogsAreClosed(t *testing.T) {
	passes, failed := 0, 0
	for seed := uint64(1); seed <= 12; seed++ {
		h := enginetest.Generate(seed, enginetest.Shape{Timely: true})
		h.MaxFuture, h.MaxAge = 0, 0
		logs := logsOf(&h, rand.New(rand.NewPCG(seed, 0)))
		for way := range 4 {
			o, sink, open := options(&h, logs, true), &kept{}, new(atomic.Int64)
			for k, of := range o.Open {
				o.Open[k] = func(ctx context.Context) (batch.Source, error) {
					source, err := of(ctx)
					open.Add(1)
					return &counted{source, open}, err
				}
			}
			of := idParts(logs[events.KindRequest], 2, seed%2 == 0)
			o.OpenIDs = func(ctx context.Context, most int) ([]batch.Source, error) {
				parts, err := of(ctx, most)
				for i := range parts {
					open.Add(1)
					parts[i] = &counted{parts[i], open}
				}
				return parts, err
			}
			ctx, stop := context.WithCancel(context.Background())
			switch way {
			case 1:
				o.Memory = 1000
			case 2:
				sink.fail = errors.New("the disk is full")
			case 3:
				stop()
			}
			result, err := batch.Run(ctx, o, sink)
			stop()
			if n := open.Load(); n != 0 {
				t.Errorf("seed %d, way %d: %d logs are open", seed, way, n)
			}
			if err != nil {
				failed++
			} else {
				passes = max(passes, result.Passes)
			}
		}
	}
	if passes < 2 || failed == 0 {
		t.Errorf("at most %d passes, and %d failures: the test tests nothing", passes, failed)
	}
}
