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
	place  joiner.RequestKey
	hash   uint64 // of its id
	origin events.Origin
	data   []byte
}

func freshInOrder(a, b newRequest) int {
	return cmp.Or(cmp.Compare(a.place.TS, b.place.TS), strings.Compare(a.place.ID, b.place.ID))
}

// newGroup is a group that the batch adds.
type newGroup struct {
	groupPlace
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
	s.touched.add(h)
	s.fresh = append(s.fresh, newRequest{place: p, hash: h, origin: at, data: data})
}

// writeGroups puts the fresh requests into the batch, in groups of one slice
// each.
func (s *Store) writeGroups() {
	if !slices.IsSortedFunc(s.fresh, freshInOrder) {
		slices.SortFunc(s.fresh, freshInOrder)
	}
	s.groups = s.groups[:0]
	number := s.index.groups.next()
	for rest := s.fresh; len(rest) > 0; {
		n := s.groupOf(rest)
		g := newGroup{groupPlace{slice: sliceStart(rest[0].place.TS), number: number}, rest[:n]}
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
	slice, size := sliceOf(requests[0].place.TS), 0
	for i := range requests {
		size += len(requests[i].data)
		if i > 0 && (i == groupMost || size > s.groupBytes || sliceOf(requests[i].place.TS) != slice) {
			return i
		}
	}
	return len(requests)
}

// indexGroups makes the groups that were applied known.
func (s *Store) indexGroups() {
	for _, g := range s.groups {
		s.index.groups.add(g.groupPlace)
		for i := range g.requests {
			s.index.requests.add(g.requests[i].hash, uint32(g.number))
		}
	}
	clear(s.fresh) // the events are not ours to keep
	s.fresh, s.groups = s.fresh[:0], s.groups[:0]
}
