package batch

import (
	"context"

	"github.com/labeljoin/labeljoin/events"
)

// Several are the hashes that are given more than once, found by so many goroutines.
func Several(all []uint64, jobs int) map[uint64]struct{} {
	var h hashes
	h.add(all)
	return h.several(jobs)
}

// Each reads a log by so many workers.
func Each(ctx context.Context, jobs int, source Source, work func(*events.Batch) int, consume func(int) error) error {
	j := &join{workers: make([]*worker, jobs)}
	open := func(context.Context) (Source, error) { return source, nil }
	return each(ctx, j, open, func(_ *worker, b *events.Batch) int { return work(b) }, consume)
}
