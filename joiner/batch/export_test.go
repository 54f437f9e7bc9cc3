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

// LeaveOutcomes puts n outcomes into a table and takes some of them, each twice. It says how many pages are held then,
// after a look at what was not taken, and how many there were.
func LeaveOutcomes(n int, taken func(i int) bool) (held, all int) {
	t, want := &table{}, []byte(`{"request_id":"an id of some length","type":"click"}`)
	for i := range n {
		t.add(uint64(i)<<40, 0, events.Origin{Seq: uint64(i)}, want)
	}
	t.sort(1)
	all = len(t.pages)
	for range 2 {
		for i := range n {
			if e := &t.of(uint64(i) << 40)[0]; taken(i) {
				t.leave(e)
			} else if data, at := t.data(e); string(data) != string(want) || at.Seq != uint64(i) {
				panic("another outcome")
			}
		}
	}
	for _, page := range t.pages {
		if page != nil {
			held++
		}
	}
	return held, all
}
