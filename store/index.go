package store

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
)

// index answers, from memory, which ids the state holds and where. It knows ids
// by their hashes: an answer is a hint that a read confirms, and a missing
// answer is certain.
type index struct {
	requests idTable // in groups
	groups   groupTable
	singles  keySlots          // requests that stand by themselves, by their timestamps
	waiting  keySlots          // outcomes, by their timestamps; once for each
	outcomes map[uint64]uint32 // how many outcomes are held for an id
}

func newIndex() index {
	return index{groups: groupTable{first: 1}, singles: newKeySlots(), waiting: newKeySlots(),
		outcomes: map[uint64]uint32{}}
}

// hash is of an id, and hashBytes the same of its bytes.
func (s *Store) hash(id string) uint64 {
	if s.colliding {
		return uint64(len(id))
	}
	return xxhash.Sum64String(id)
}

func (s *Store) hashBytes(id []byte) uint64 {
	if s.colliding {
		return uint64(len(id))
	}
	return xxhash.Sum64(id)
}

func (x *index) addOutcome(h uint64) { x.outcomes[h]++ }

// dropOutcomes forgets n outcomes of an id; more than there are is all.
func (x *index) dropOutcomes(h uint64, n uint32) {
	if have := x.outcomes[h]; have > n {
		x.outcomes[h] = have - n
		return
	}
	delete(x.outcomes, h)
}

// addSingle adds a request that stands by itself. Those of one hash and one time
// have one entry, for they are forgotten together.
func (x *index) addSingle(h uint64, t events.Time) {
	if !x.singles.holds(h, t) {
		x.singles.add(h, t)
	}
}

// known reports whether a request of an id is held.
func (x *index) known(h uint64) bool { return x.requests.has(h) || x.singles.has(h) }

// keySlots maps hashes to timestamps. Nearly every hash has one, which is kept
// without a slice; the rest overflow.
type keySlots struct {
	one  map[uint64]events.Time
	more map[uint64][]events.Time
	near [nearSize]uint32 // how many hashes have these low bits
}

// nearSize is small enough for near to stay in the nearest cache. Every request
// asks whether anything waits for it, and for hardly any something does: most are
// answered without looking into a map that much comes and goes in.
const nearSize = 1 << 11

func newKeySlots() keySlots {
	return keySlots{one: map[uint64]events.Time{}, more: map[uint64][]events.Time{}}
}

func (p *keySlots) has(h uint64) bool {
	if p.near[h%nearSize] == 0 {
		return false
	}
	_, ok := p.one[h]
	return ok
}

func (p *keySlots) holds(h uint64, t events.Time) bool {
	if p.near[h%nearSize] == 0 {
		return false
	}
	one, ok := p.one[h]
	return ok && (one == t || slices.Contains(p.more[h], t))
}

func (p *keySlots) add(h uint64, t events.Time) {
	if _, ok := p.one[h]; ok {
		p.more[h] = append(p.more[h], t)
		return
	}
	p.one[h] = t
	p.near[h%nearSize]++
}

// remove forgets one entry, if there is such a one.
func (p *keySlots) remove(h uint64, t events.Time) {
	more := p.more[h]
	for i := range more {
		if more[i] == t {
			p.shrink(h, append(more[:i], more[i+1:]...))
			return
		}
	}
	if one, ok := p.one[h]; !ok || one != t {
		return
	}
	if len(more) == 0 {
		delete(p.one, h)
		p.near[h%nearSize]--
		return
	}
	p.one[h] = more[len(more)-1]
	p.shrink(h, more[:len(more)-1])
}

func (p *keySlots) shrink(h uint64, more []events.Time) {
	if len(more) == 0 {
		delete(p.more, h)
		return
	}
	p.more[h] = more
}

// each calls yield with every timestamp of a hash.
func (p *keySlots) each(h uint64, yield func(events.Time)) {
	if t, ok := p.one[h]; ok {
		yield(t)
		for _, t := range p.more[h] {
			yield(t)
		}
	}
}
