package batch

import (
	"context"
	"fmt"

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
	t := &table{}
	want := func(i int) []byte { return fmt.Appendf(nil, `{"request_id":"%032d","type":"click"}`, i) }
	for i := range n {
		t.add(uint64(i)<<40, events.Origin{Seq: uint64(i)}, want(i))
	}
	t.sort(1)
	all = len(t.pages)
	for range 2 {
		for i := range n {
			if e := &t.of(uint64(i) << 40)[0]; taken(i) {
				t.leave(e)
			} else if data, at := t.data(e, nil); string(data) != string(want(i)) || at.Seq != uint64(i) {
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

// Keep keeps texts as a table does, and gives them as they come out. It says how many bytes they took.
func Keep(texts []string) (kept []string, size int64) {
	t := &table{}
	for i, text := range texts {
		t.add(uint64(i)<<40, events.Origin{Seq: uint64(i)}, []byte(text))
	}
	size = t.size() - int64(len(texts))*entrySize
	t.sort(1)
	for i := range texts {
		data, _ := t.data(&t.of(uint64(i) << 40)[0], nil)
		kept = append(kept, string(data))
	}
	return kept, size
}
