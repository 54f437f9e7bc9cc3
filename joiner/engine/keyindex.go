package engine

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// keyIndex finds the requests that have a key, in memory: all that the state holds, and no
// others, so what bounds the state bounds it. It is cut into slices of time, which are dropped as
// they are forgotten.
//
// Invariant: a request that is held and has a key is there once, under its key and its time.
type keyIndex struct {
	width  time.Duration // of a slice
	slices map[int64]*keySlice
	// odd are the few that are not held under their own time, by hash: see keyed.
	odd map[uint64][]oddEntry

	requests, bytes int64 // that it has, and about how much memory they take
}

// About how much memory a request takes beside its id and its key: its entry, its place in the map
// of its slice, and what both have in reserve.
const keyEntryBytes = 60

// keySlice has the requests of one slice. Those of one hash are a chain, the newest first.
type keySlice struct {
	newest  map[uint64]int32 // by hash: an index into entries
	entries []keyEntry
	texts   []byte // ids and checks
	size    int    // of the texts of the entries that are not removed
}

type keyEntry struct {
	ts         events.Time
	next       int32  // an index into entries; -1: none
	id, key, z uint32 // texts[id:key] is the id, texts[key:z] the check; all are 0 of one that is removed
}

// oddEntry is a request beside the slices.
type oddEntry struct {
	hit   keyHit
	check string
}

// checkOf is what is kept of a key, to tell it from others of its hash: the key, or, of one that is
// longer than a SHA-256, that. The two are never equal, as they are of different lengths.
func checkOf(key string) string {
	if len(key) < sha256.Size {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

// slicesPerWindow is how many slices a window has: so many are looked into at most for one
// outcome, and of a key that many requests have, so much is sorted for it.
const slicesPerWindow = 64

// keyHit is a request that has a key.
type keyHit struct {
	ts      events.Time
	request joiner.RequestKey
}

func newKeyIndex(within time.Duration) *keyIndex {
	return &keyIndex{width: max(within/slicesPerWindow, time.Millisecond), slices: map[int64]*keySlice{},
		odd: map[uint64][]oddEntry{}}
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
	h, check, next := xxhash.Sum64String(key), checkOf(key), int32(-1)
	x.count(1, len(p.ID)+len(check))
	if ts != p.TS {
		x.odd[h] = append(x.odd[h], oddEntry{keyHit{ts, p}, check})
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
	e := keyEntry{ts: ts, next: next, id: uint32(len(s.texts))}
	s.texts = append(s.texts, p.ID...)
	e.key = uint32(len(s.texts))
	s.texts = append(s.texts, check...)
	e.z = uint32(len(s.texts))
	s.entries, s.size = append(s.entries, e), s.size+len(p.ID)+len(check)
	s.newest[h] = int32(len(s.entries) - 1)
}

// remove takes out what add has added.
func (x *keyIndex) remove(key string, ts events.Time, p joiner.RequestKey) {
	h, check := xxhash.Sum64String(key), checkOf(key)
	if ts != p.TS {
		x.odd[h] = slices.DeleteFunc(x.odd[h], func(o oddEntry) bool {
			gone := o.hit == keyHit{ts, p} && o.check == check
			if gone {
				x.count(-1, len(p.ID)+len(check))
			}
			return gone
		})
		return
	}
	s := x.slices[x.number(ts)]
	for e := range s.having(h, check) {
		if e.ts == ts && string(s.texts[e.id:e.key]) == p.ID {
			x.count(-1, len(p.ID)+len(check))
			s.size -= len(p.ID) + len(check)
			e.id, e.key, e.z = 0, 0, 0
			return
		}
	}
}

// count counts requests and their texts in, or out.
func (x *keyIndex) count(requests, texts int) {
	x.requests += int64(requests)
	x.bytes += int64(requests) * int64(keyEntryBytes+texts)
}

// find lists the requests that have a key, stamped from..to, both included: from the
// last one back, or from the first one on.
func (x *keyIndex) find(key string, from, to events.Time, fromFirst bool) iter.Seq[keyHit] {
	return func(yield func(keyHit) bool) {
		h, check := xxhash.Sum64String(key), checkOf(key)
		first, last, step := x.number(to), x.number(from), int64(-1)
		if fromFirst {
			first, last, step = last, first, 1
		}
		for n := first; n*step <= last*step; n += step {
			var found []keyHit
			s := x.slices[n]
			for e := range s.having(h, check) {
				if e.ts >= from && e.ts <= to {
					found = append(found, keyHit{e.ts, joiner.RequestKey{TS: e.ts, ID: string(s.texts[e.id:e.key])}})
				}
			}
			for i := range x.odd[h] {
				odd := &x.odd[h][i]
				if odd.check == check && x.number(odd.hit.ts) == n && odd.hit.ts >= from && odd.hit.ts <= to {
					found = append(found, odd.hit)
				}
			}
			if !visit(found, fromFirst, yield) {
				return
			}
		}
	}
}

// having lists the requests of a slice that have a key; a slice that is not there has none.
func (s *keySlice) having(h uint64, check string) iter.Seq[*keyEntry] {
	return func(yield func(*keyEntry) bool) {
		if s == nil {
			return
		}
		at, ok := s.newest[h]
		for ; ok && at >= 0; at = s.entries[at].next {
			if e := &s.entries[at]; string(s.texts[e.key:e.z]) == check && !yield(e) {
				return
			}
		}
	}
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
	return cmp.Or(cmp.Compare(a.ts, b.ts), strings.Compare(a.request.ID, b.request.ID),
		cmp.Compare(a.request.TS, b.request.TS))
}

// forget drops what is held before a time: the slices that lie before it as a whole.
func (x *keyIndex) forget(before events.Time) {
	if before == events.MinTime {
		return
	}
	for h, entries := range x.odd {
		entries = slices.DeleteFunc(entries, func(o oddEntry) bool {
			gone := o.hit.request.TS < before
			if gone {
				x.count(-1, len(o.hit.request.ID)+len(o.check))
			}
			return gone
		})
		if x.odd[h] = entries; len(entries) == 0 {
			delete(x.odd, h)
		}
	}
	bound := x.number(before)
	for n, s := range x.slices {
		if n < bound {
			x.requests, x.bytes = x.requests-s.requestCount(), x.bytes-s.requestCount()*keyEntryBytes-int64(s.size)
			delete(x.slices, n)
		}
	}
}

// requestCount is how many requests are in a slice that are not removed.
func (s *keySlice) requestCount() (n int64) {
	for i := range s.entries {
		if s.entries[i].z > 0 {
			n++
		}
	}
	return n
}
