package store

import (
	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
)

// index answers, from memory, which ids the state holds and under which
// timestamps. It knows ids by a 64-bit hash: an answer is a hint that a read
// confirms, and a missing answer is certain.
type index struct {
	requests places
	waiting  places            // by the outcome's timestamp; once for each outcome
	outcomes map[uint64]uint32 // how many outcomes are held for an id
}

func newIndex() index {
	return index{requests: newPlaces(), waiting: newPlaces(), outcomes: map[uint64]uint32{}}
}

func hashID(id string) uint64 { return xxhash.Sum64String(id) }

func (x *index) addOutcome(h uint64) { x.outcomes[h]++ }

// dropOutcomes forgets n outcomes of an id; more than there are is all.
func (x *index) dropOutcomes(h uint64, n uint32) {
	if have := x.outcomes[h]; have > n {
		x.outcomes[h] = have - n
		return
	}
	delete(x.outcomes, h)
}

// places maps hashes to timestamps. Nearly every hash has one, which is kept
// without a slice; the rest overflow.
type places struct {
	one  map[uint64]events.Time
	more map[uint64][]events.Time
}

func newPlaces() places {
	return places{one: map[uint64]events.Time{}, more: map[uint64][]events.Time{}}
}

func (p *places) has(h uint64) bool {
	_, ok := p.one[h]
	return ok
}

func (p *places) add(h uint64, t events.Time) {
	if _, ok := p.one[h]; ok {
		p.more[h] = append(p.more[h], t)
		return
	}
	p.one[h] = t
}

// remove forgets one entry, if there is such a one.
func (p *places) remove(h uint64, t events.Time) {
	more := p.more[h]
	for i := range more {
		if more[i] == t {
			p.shrink(h, append(more[:i], more[i+1:]...))
			return
		}
	}
	if p.one[h] != t {
		return
	}
	if len(more) == 0 {
		delete(p.one, h)
		return
	}
	p.one[h] = more[len(more)-1]
	p.shrink(h, more[:len(more)-1])
}

func (p *places) shrink(h uint64, more []events.Time) {
	if len(more) == 0 {
		delete(p.more, h)
		return
	}
	p.more[h] = more
}

// each calls yield with every timestamp of a hash.
func (p *places) each(h uint64, yield func(events.Time)) {
	if t, ok := p.one[h]; ok {
		yield(t)
		for _, t := range p.more[h] {
			yield(t)
		}
	}
}
