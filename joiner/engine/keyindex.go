package engine

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// keyIndex finds the requests that have a key, in memory: all that the state holds, and no
// others, so what bounds the state bounds it. It is cut into slices of time, which are dropped as they are forgotten. What it
// finds is a hint: another key may have the same hash, and a request that has changed since
// is there under each key and time that it had.
type keyIndex struct {
	width  time.Duration // of a slice
	slices map[int64]*keySlice
	// odd are the few that are not held under their own time, by hash: see keyed.
	odd map[uint64][]keyHit

	requests, bytes int64 // that it has, and about how much memory they take
}

// About how much memory a request takes beside its id: its entry, its place in the map of its
// slice, and what both have in reserve.
const keyEntryBytes = 60

// keySlice has the requests of one slice. Those of one hash are a chain, the newest first.
type keySlice struct {
	newest  map[uint64]int32 // by hash: an index into entries
	entries []keyEntry
	ids     []byte
}

type keyEntry struct {
	ts     events.Time
	next   int32 // an index into entries; -1: none
	at, to uint32
}

// slicesPerWindow is how many slices a window has: so many are looked into at most for one
// outcome, and of a key that many requests have, so much is sorted for it.
const slicesPerWindow = 64

// keyHit is a request that may have a key.
type keyHit struct {
	ts    events.Time
	place joiner.RequestKey
}

func newKeyIndex(within time.Duration) *keyIndex {
	return &keyIndex{width: max(within/slicesPerWindow, time.Millisecond), slices: map[int64]*keySlice{},
		odd: map[uint64][]keyHit{}}
}

// number is that of the slice that a time lies in.
func (x *keyIndex) number(t events.Time) int64 {
	n := int64(t) / int64(x.width)
	if int64(t)%int64(x.width) < 0 {
		n--
	}
	return n
}

// add adds a request that has a key.
func (x *keyIndex) add(key string, ts events.Time, p joiner.RequestKey) {
	h, next := xxhash.Sum64String(key), int32(-1)
	x.requests, x.bytes = x.requests+1, x.bytes+keyEntryBytes+int64(len(p.ID))
	if ts != p.TS {
		x.odd[h] = append(x.odd[h], keyHit{ts, p})
		return
	}
	n := x.number(ts)
	s := x.slices[n]
	if s == nil {
		s = &keySlice{newest: map[uint64]int32{}}
		x.slices[n] = s
	}
	if before, ok := s.newest[h]; ok {
		next = before
	}
	at := uint32(len(s.ids))
	s.ids = append(s.ids, p.ID...)
	s.entries = append(s.entries, keyEntry{ts: ts, next: next, at: at, to: uint32(len(s.ids))})
	s.newest[h] = int32(len(s.entries) - 1)
}

// find lists the requests that may have a key, stamped from..to, both included: from the
// last one back, or from the first one on.
func (x *keyIndex) find(key string, from, to events.Time, fromFirst bool) iter.Seq[keyHit] {
	return func(yield func(keyHit) bool) {
		h := xxhash.Sum64String(key)
		first, last, step := x.number(to), x.number(from), int64(-1)
		if fromFirst {
			first, last, step = last, first, 1
		}
		for n := first; n*step <= last*step; n += step {
			found := x.slices[n].having(h, from, to)
			for _, odd := range x.odd[h] {
				if x.number(odd.ts) == n && odd.ts >= from && odd.ts <= to {
					found = append(found, odd)
				}
			}
			if !visit(found, fromFirst, yield) {
				return
			}
		}
	}
}

// having lists the requests of a slice that have a hash; a slice that is not there has none.
func (s *keySlice) having(h uint64, from, to events.Time) (found []keyHit) {
	if s == nil {
		return nil
	}
	at, ok := s.newest[h]
	for ; ok && at >= 0; at = s.entries[at].next {
		if e := &s.entries[at]; e.ts >= from && e.ts <= to {
			found = append(found, keyHit{e.ts, joiner.RequestKey{TS: e.ts, ID: string(s.ids[e.at:e.to])}})
		}
	}
	return found
}

// visit passes on what was found in a slice, in order, as long as yield says true.
func visit(found []keyHit, fromFirst bool, yield func(keyHit) bool) bool {
	slices.SortFunc(found, compareHits)
	found = slices.Compact(found)
	if !fromFirst {
		slices.Reverse(found)
	}
	for _, p := range found {
		if !yield(p) {
			return false
		}
	}
	return true
}

// compareHits is the order of requests, and then of where they were held.
func compareHits(a, b keyHit) int {
	return cmp.Or(cmp.Compare(a.ts, b.ts), strings.Compare(a.place.ID, b.place.ID), cmp.Compare(a.place.TS, b.place.TS))
}

// forget drops what is held before a time: the slices that lie before it as a whole.
func (x *keyIndex) forget(before events.Time) {
	if before == events.MinTime {
		return
	}
	for h, hits := range x.odd {
		hits = slices.DeleteFunc(hits, func(k keyHit) bool {
			gone := k.place.TS < before
			if gone {
				x.drop(1, len(k.place.ID))
			}
			return gone
		})
		if x.odd[h] = hits; len(hits) == 0 {
			delete(x.odd, h)
		}
	}
	bound := x.number(before)
	for n, s := range x.slices {
		if n < bound {
			x.drop(len(s.entries), len(s.ids))
			delete(x.slices, n)
		}
	}
}

// drop counts requests that are forgotten, whose ids have so many bytes.
func (x *keyIndex) drop(requests, ids int) {
	x.requests, x.bytes = x.requests-int64(requests), x.bytes-int64(requests*keyEntryBytes+ids)
}
