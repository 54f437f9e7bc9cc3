package engine

import (
	"container/heap"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// dueOutcomes are those of a key at one time, or one of them that is at hand.
type dueOutcomes struct {
	ts     events.Time
	key    string
	met    events.Time           // how far time had come when they were read, of a rebuild; MinTime: that is not known
	stored *joiner.StoredOutcome // nil: they have to be read
}

// mostAtHand bounds the bytes of outcomes that are at hand until they are due; others are read.
const mostAtHand = 32 << 20

// dueHeap is a heap.Interface: the earliest is the first.
type dueHeap []dueOutcomes

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	return h[i].ts < h[j].ts || h[i].ts == h[j].ts && h[i].key < h[j].key
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(dueOutcomes)) }
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = dueOutcomes{} // it keeps nothing in memory
	*h = (*h)[:len(*h)-1]
	return last
}

// sizeAtHand is about how many bytes an outcome takes at hand. A small one is mostly what is around its data.
func sizeAtHand(key string, o *joiner.StoredOutcome) int {
	const around = 256
	return len(o.Data) + len(o.ID) + len(key) + around
}

// await has an outcome wait for the watermark. met is as in dueOutcomes.
func (a *attributing) await(key string, o *joiner.StoredOutcome, met events.Time) {
	due := dueOutcomes{ts: o.TS, key: key, met: met}
	if size := sizeAtHand(key, o); a.bytes+size <= mostAtHand {
		due.stored, a.bytes = o, a.bytes+size
	}
	heap.Push(&a.due, due)
}

// next takes the outcomes that are due first, all of one key and one time: stored are those, unless one
// of them is not at hand. Time had come as far as due.met when the first of them was read.
func (a *attributing) next() (due dueOutcomes, stored []*joiner.StoredOutcome) {
	due = a.due[0]
	all := true
	for len(a.due) > 0 && a.due[0].ts == due.ts && a.due[0].key == due.key {
		one := heap.Pop(&a.due).(dueOutcomes)
		due.met = min(due.met, one.met)
		o := one.stored
		if all = all && o != nil; o != nil {
			a.bytes -= sizeAtHand(due.key, o)
			stored = append(stored, o)
		}
	}
	if !all {
		return due, nil
	}
	slices.SortFunc(stored, compareStoredOutcomes)
	return due, stored
}

// collectDue finds the outcomes in the state that wait for the watermark.
func (e *Engine) collectDue(v state.View, from events.Time) error {
	for o, err := range v.Orphans(from, events.MaxTime) {
		if err != nil {
			return err
		}
		if joiner.IsUnnamed(o.RequestID) {
			heap.Push(&e.attr.due, dueOutcomes{ts: o.Outcome.TS, key: o.RequestID, met: events.MinTime})
		}
	}
	return nil
}

// AttributionStats is how outcomes that name no request stand.
type AttributionStats struct {
	Requests int64 // that are found by their keys: all that are remembered and have one
	Bytes    int64 // of memory that finding them takes, about
	Waiting  int   // outcomes that wait until the watermark has passed them
}

// stats is nil where nothing is attributed.
func (a *attributing) stats() *AttributionStats {
	if a == nil {
		return nil
	}
	return &AttributionStats{Requests: a.index.requests, Bytes: a.index.bytes, Waiting: len(a.due)}
}
