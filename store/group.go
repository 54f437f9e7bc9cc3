package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/s2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// A group is requests that came in one batch and lie in one slice of event time:
// writing and reading a request by itself costs Pebble more than all else that is
// done with it. A group has two values: a list of its requests, which is what a
// start, an outcome that looks for its request, and forgetting read; and their
// events, compressed. Neither is ever changed. What changes of a request stands in
// a record of its own, which counts before the group's.

// sliceBits is how fine the slices are: 2^28 ns, a quarter of a second. One slice
// is read into memory at once to be sorted.
const sliceBits = 28

// sliceOf is the number of the slice that a time lies in, and sliceStart the
// first time in it.
func sliceOf(t events.Time) int64          { return int64(t) >> sliceBits }
func sliceStart(t events.Time) events.Time { return t >> sliceBits << sliceBits }

// A group ends before it is larger than groupBytes: one request is read by
// decompressing its whole group, and groups below a few kilobytes compress worse. Up
// to 16 KiB, s2 works with a table that stays in the nearest cache: with requests of
// 709 bytes that is a sixth to a quarter faster than with twice as much, for at most
// 7 % more bytes (BenchmarkAppendEvents).
const (
	groupBytes = 16 << 10
	groupMost  = 256
)

// slot is a request in a group.
type slot struct {
	ts     events.Time
	origin events.Origin
	id     span // of the group's ids
	data   span // of its events
}

type span struct{ from, to int }

// group is a decoded list of requests, used again for the next one.
type group struct {
	slots []slot
	ids   []byte // one after the other
	size  int    // of all events
}

// groupKey is where a group stands: by the start of its slice, then by number.
func groupKey(key []byte, space byte, slice events.Time, number uint64) []byte {
	return binary.BigEndian.AppendUint64(appendTime(append(key, space), slice), number)
}

func readGroupKey(key []byte) (slice events.Time, number uint64, err error) {
	if len(key) != 17 {
		return 0, 0, fmt.Errorf("state key %x is none of a group", key)
	}
	return readTime(key[1:]), binary.BigEndian.Uint64(key[9:]), nil
}

// sliceBound is the first key of a space of groups at or after a time's slice.
func sliceBound(space byte, t events.Time) []byte {
	if t == events.MaxTime {
		return []byte{space + 1}
	}
	return bound(space, sliceStart(t))
}

// appendList encodes the list of new requests of one slice, in order of key.
func appendList(v []byte, requests []newRequest) []byte {
	v = append(v, valueVersion)
	v = binary.AppendUvarint(v, uint64(len(requests)))
	before, seq := sliceStart(requests[0].key.TS), uint64(0)
	for i := range requests {
		r := &requests[i]
		v = binary.AppendUvarint(v, uint64(r.key.TS-before))
		v = append(v, r.origin.Input)
		v = binary.AppendVarint(v, int64(r.origin.Seq-seq))
		v = binary.AppendUvarint(v, uint64(r.origin.Index))
		v = binary.AppendUvarint(v, uint64(len(r.key.ID)))
		v = binary.AppendUvarint(v, uint64(len(r.data)))
		before, seq = r.key.TS, r.origin.Seq
	}
	for i := range requests {
		v = append(v, requests[i].key.ID...)
	}
	return v
}

// appendEvents compresses the events of fresh requests. It returns scratch for
// the next call.
func appendEvents(v []byte, requests []newRequest, scratch []byte) (value, again []byte) {
	scratch = scratch[:0]
	for i := range requests {
		scratch = append(scratch, requests[i].data...)
	}
	v = append(v, valueVersion)
	v = slices.Grow(v, s2.MaxEncodedLen(len(scratch)))
	return v[:1+len(s2.Encode(v[1:cap(v)], scratch))], scratch
}

// decode reads the list of a group. The ids are part of value.
func (g *group) decode(slice events.Time, value []byte) error {
	const least = 6 // bytes of a slot
	d := decoder{rest: value}
	d.version()
	n := d.count(least)
	g.slots = g.slots[:0]
	before, seq, ids, size := slice, uint64(0), 0, 0
	for range n {
		before += events.Time(d.uvarint())
		s := slot{ts: before, origin: events.Origin{Input: d.byte()}}
		seq += uint64(d.varint())
		s.origin.Seq, s.origin.Index = seq, uint32(d.uvarint())
		s.id = span{ids, ids + d.count(1)}
		s.data = span{size, size + d.atMost(maxGroup)}
		ids, size = s.id.to, s.data.to
		g.slots = append(g.slots, s)
	}
	if size > maxGroup && d.err == nil {
		d.err = errShort
	}
	g.ids, g.size = d.bytes(ids), size
	return d.done()
}

// maxGroup bounds what a damaged group can ask for. A group is larger than
// groupBytes only if a single event is.
const maxGroup = 1 << 30

// id is the id of a slot.
func (g *group) id(s *slot) []byte { return g.ids[s.id.from:s.id.to] }

// text is the ids and, from events on, the events in value. The string is the very
// memory into which they were decompressed: no other code has it and none writes
// to it again. A caller who keeps a piece of it keeps all of it.
func (g *group) text(value []byte) (text string, events int, err error) {
	d := decoder{rest: value}
	d.version()
	n, err := s2.DecodedLen(d.rest)
	if err == nil && n != g.size {
		err = errShort
	}
	if err = errors.Join(d.err, err); err != nil {
		return "", 0, fmt.Errorf("reading a group of requests: %w", err)
	}
	whole := make([]byte, len(g.ids)+n)
	events = copy(whole, g.ids)
	if _, err = s2.Decode(whole[events:], d.rest); err != nil {
		return "", 0, fmt.Errorf("decompressing a group of requests: %w", err)
	}
	return unsafe.String(unsafe.SliceData(whole), len(whole)), events, nil
}

// each calls visit with the slots of an id, as long as it returns true.
func (g *group) each(id string, visit func(*slot) (bool, error)) (more bool, err error) {
	for i := range g.slots {
		s := &g.slots[i]
		if string(g.id(s)) != id {
			continue
		}
		if more, err = visit(s); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// fetch reads what a group holds of a request.
func (g *group) fetch(r pebble.Reader, s *slot, at groupRef) (stored joiner.StoredRequest, err error) {
	value, closer, err := r.Get(groupKey(nil, spaceEvents, at.slice, at.number))
	if err != nil {
		return stored, fmt.Errorf("reading a group of requests: %w", err)
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	text, events, err := g.text(value)
	if err != nil {
		return stored, err
	}
	piece := joiner.StoredPiece{Origin: s.origin, Data: strings.Clone(text[events+s.data.from : events+s.data.to])}
	return joiner.StoredRequest{Pieces: []joiner.StoredPiece{piece}}, nil
}
