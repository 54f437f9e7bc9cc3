package store

import (
	"cmp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// newRequest is a request that the batch adds and that nothing is known of before.
type newRequest struct {
	key    joiner.RequestKey
	hash   uint64 // of its id
	origin events.Origin
	data   []byte
}

func newInOrder(a, b newRequest) int {
	return cmp.Or(cmp.Compare(a.key.TS, b.key.TS), strings.Compare(a.key.ID, b.key.ID))
}

// newGroup is a group that the batch adds.
type newGroup struct {
	groupRef
	requests []newRequest
}

// AddRequest implements engine.Store.
func (s *Store) AddRequest(p joiner.RequestKey, at events.Origin, data []byte) {
	h := s.hash(p.ID)
	if s.index.singles.holds(h, p.TS) {
		// There was one of its id, or of its hash, which would count before the group's.
		s.PutRequest(p, &joiner.StoredRequest{Pieces: []joiner.StoredPiece{{Origin: at, Data: string(data)}}})
		return
	}
	s.dirty.add(h)
	s.newRequests = append(s.newRequests, newRequest{key: p, hash: h, origin: at, data: data})
}

// writeGroups puts the new requests into the batch, in groups of one slice
// each.
func (s *Store) writeGroups() {
	if !slices.IsSortedFunc(s.newRequests, newInOrder) {
		slices.SortFunc(s.newRequests, newInOrder)
	}
	s.groups = s.groups[:0]
	number := s.index.groups.next()
	for rest := s.newRequests; len(rest) > 0; {
		n := s.groupOf(rest)
		g := newGroup{groupRef{slice: sliceStart(rest[0].key.TS), number: number}, rest[:n]}
		if number++; uint32(number) == 0 {
			number++
		}
		s.key = groupKey(s.key[:0], spaceGroup, g.slice, g.number)
		s.value = appendList(s.value[:0], g.requests)
		s.set(s.key, s.value)
		s.key[0] = spaceEvents
		s.value, s.text = appendEvents(s.value[:0], g.requests, s.text)
		s.set(s.key, s.value)
		s.groups = append(s.groups, g)
		rest = rest[n:]
	}
}

// groupOf is how many of the first requests make a group.
func (s *Store) groupOf(requests []newRequest) int {
	slice, size := sliceOf(requests[0].key.TS), 0
	for i := range requests {
		size += len(requests[i].data)
		if i > 0 && (i == groupMost || size > s.groupBytes || sliceOf(requests[i].key.TS) != slice) {
			return i
		}
	}
	return len(requests)
}

// indexGroups makes the groups that were applied known.
func (s *Store) indexGroups() {
	for _, g := range s.groups {
		s.index.groups.add(g.groupRef)
		for i := range g.requests {
			s.index.requests.add(g.requests[i].hash, uint32(g.number))
		}
	}
	clear(s.newRequests) // the events are not ours to keep
	s.newRequests, s.groups = s.newRequests[:0], s.groups[:0]
}
