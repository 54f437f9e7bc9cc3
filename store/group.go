package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// A group is requests that came in one batch and lie in one slice of event
// time, in one value: writing and reading a request by itself costs Pebble more
// than all else that is done with it. A group is never changed. What changes of a
// request stands in a record of its own, which counts before the group's.

// sliceBits is how fine the slices are: 2^28 ns, a quarter of a second. One slice
// is read into memory at once to be sorted.
const sliceBits = 28

// sliceOf is the number of the slice that a time lies in, and sliceStart the
// first time in it.
func sliceOf(t events.Time) int64          { return int64(t) >> sliceBits }
func sliceStart(t events.Time) events.Time { return t >> sliceBits << sliceBits }

// A group ends before it is larger than groupBytes: one request is read by
// decompressing its whole group, and groups below a few kilobytes compress worse.
const (
	groupBytes = 32 << 10
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

// group is a decoded group, used again for the next one.
type group struct {
	slots   []slot
	ids     []byte // one after the other
	size    int    // of all events
	payload []byte // the events, compressed
	scratch []byte
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

// appendGroup encodes fresh requests of one slice, in order of place. It returns
// scratch for the next call.
func appendGroup(v []byte, requests []fresh, scratch []byte) (value, again []byte) {
	v = append(v, valueVersion)
	v = binary.AppendUvarint(v, uint64(len(requests)))
	before, seq := sliceStart(requests[0].place.TS), uint64(0)
	scratch = scratch[:0]
	for i := range requests {
		r := &requests[i]
		v = binary.AppendUvarint(v, uint64(r.place.TS-before))
		v = append(v, r.origin.Input)
		v = binary.AppendVarint(v, int64(r.origin.Seq-seq))
		v = binary.AppendUvarint(v, uint64(r.origin.Index))
		v = binary.AppendUvarint(v, uint64(len(r.place.ID)))
		v = binary.AppendUvarint(v, uint64(len(r.data)))
		before, seq = r.place.TS, r.origin.Seq
		scratch = append(scratch, r.data...)
	}
	for i := range requests {
		v = append(v, requests[i].place.ID...)
	}
	at := len(v)
	if most := s2.MaxEncodedLen(len(scratch)); cap(v)-at < most {
		v = append(make([]byte, 0, at+most), v...)
	}
	return v[:at+len(s2.Encode(v[at:cap(v)], scratch))], scratch
}

// decode reads all of a group but its events. What it keeps are parts of value.
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
	g.payload, d.rest = d.rest, nil
	return d.done()
}

// maxGroup bounds what a damaged group can ask for. A group is larger than
// groupBytes only if a single event is.
const maxGroup = 1 << 30

// id is the id of a slot.
func (g *group) id(s *slot) []byte { return g.ids[s.id.from:s.id.to] }

// text is the ids and behind them the events, decompressed.
func (g *group) text() (text string, events int, err error) {
	n, err := s2.DecodedLen(g.payload)
	if err == nil && n != g.size {
		err = errShort
	}
	if err != nil {
		return "", 0, fmt.Errorf("decompressing a group of requests: %w", err)
	}
	events = len(g.ids)
	g.scratch = append(slices.Grow(g.scratch[:0], events+n), g.ids...)
	got, err := s2.Decode(g.scratch[events:events+n], g.payload)
	if err == nil && len(got) != n {
		err = errShort
	}
	if err != nil {
		return "", 0, fmt.Errorf("decompressing a group of requests: %w", err)
	}
	return string(g.scratch[:events+n]), events, nil
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

// request is what a group holds of a request.
func (g *group) request(s *slot) (joiner.HeldRequest, error) {
	text, events, err := g.text()
	if err != nil {
		return joiner.HeldRequest{}, err
	}
	piece := joiner.HeldPiece{Origin: s.origin, Data: strings.Clone(text[events+s.data.from : events+s.data.to])}
	return joiner.HeldRequest{Pieces: []joiner.HeldPiece{piece}}, nil
}
