package jsonevent

import (
	"github.com/labeljoin/labeljoin/events"
)

// followers is how many members may be left out before the next is looked up.
const followers = 8

// found is a key that was looked up, so that it is done only once.
type found struct {
	at      int // the separator before the key
	end     int // of the key, quotes included; -1 if it is none
	escaped bool
	hash    uint64
	member  *member // nil if it is not remembered
}

// follow finds the member whose text stands at i, where another one than the
// last time comes after m. It is nil if the member is new, or written in
// another way than most.
func (p *Parser) follow(at *knownObject, m *member, i int) *member {
	b := p.page
	next := m.next
	if at.skipScore > 0 || p.serial&15 == 0 {
		for range followers {
			if next = next.next; b.is(next, i) {
				at.skipScore = min(at.skipScore+4, 64)
				return next // those between are optional, and may be there the next time
			}
		}
		at.skipScore = max(at.skipScore-1, 0)
	}
	p.lookUp(at, i)
	if next = p.found.member; next == nil || b.at(p.found.end) != ':' {
		return nil
	}
	m.precedes(next, &p.sentinel)
	return next
}

// lookUp looks up the key after the separator at i.
func (p *Parser) lookUp(at *knownObject, i int) {
	p.found = found{at: i, end: -1}
	if p.page.at(i+1) != '"' {
		return
	}
	if p.found.end, p.found.escaped = p.str(i + 1); p.found.end < 0 {
		return
	}
	key := p.page[i+2 : p.found.end-1]
	p.found.hash = p.hash(key)
	p.found.member = at.lookup(p.found.hash, key, p.found.escaped)
}

// precedes notes that next came after m.
func (m *member) precedes(next, sentinel *member) {
	if next.next == sentinel {
		next.next = m.next
	}
	m.next = next
}

// find finds the member that stands after the separator at i, in whatever way it
// is written, and returns where the value begins. It learns what is new.
func (p *Parser) find(at *knownObject, m *member, names **keySet, i int) (*member, int) {
	b := p.page
	i = b.space(i+1) - 1
	if b.is(m.next, i) {
		return m.next, b.space(i + m.next.size)
	}
	if p.found.at != i {
		if next := p.follow(at, m, i); next != nil {
			return next, b.space(i + next.size)
		}
	}
	f := p.found
	if f.end < 0 {
		return nil, -1
	}
	colon := b.space(f.end)
	if b.at(colon) != ':' {
		return nil, -1
	}
	value := b.space(colon + 1)
	next, start, name := f.member, i+2, b[i+2:f.end-1]
	switch {
	case next != nil:
	case f.escaped:
		written := name
		start, name = -1, unescaped(name)
		hash := p.hash(name)
		if next = at.lookup(hash, name, false); next == nil {
			next = p.learn(at, hash, name)
		}
		if next != nil {
			next = p.learnWriting(at, f.hash, written, next)
		}
	default:
		next = p.learn(at, f.hash, name)
	}
	if next == nil {
		return p.transientMember(at, names, name, start, value), value
	}
	m.precedes(next, &p.sentinel)
	return next, value
}

// transientMember is a member that is not remembered, until the next one; nil if its
// object has it already, or it cannot be one. Its name is at start of the text,
// or -1, its value at i.
func (p *Parser) transientMember(at *knownObject, names **keySet, name []byte, start, i int) *member {
	if *names == nil {
		*names = p.openNames()
	}
	if !p.fallback.keys.add(*names, name) {
		return nil
	}
	m := &p.transient
	m.canonical, m.seenIn = m, 0
	if at.in != inFeatures {
		m.field, m.unknown, m.name = fieldUnknown, 1, unknownName(at.in, name)
		return m
	}
	m.field, m.unknown, m.nameSize = fieldFeature, 0, at.prefixSize+len(name)
	switch {
	case m.nameSize > events.MaxName:
		return nil
	case p.building && at.prefix == "" && start >= 0:
		m.name = p.text[start : start+len(name)]
	case p.building:
		m.name = at.prefix + string(name)
	}
	return m
}

// openNames makes room for the names of an object that are not remembered. What is open is
// closed in reverse.
func (p *Parser) openNames() *keySet {
	if p.openSets == len(p.nameSets) {
		p.nameSets = append(p.nameSets, new(keySet))
	}
	set := p.nameSets[p.openSets]
	p.openSets++
	*set = p.fallback.keys.open()
	return set
}

func (p *Parser) closeNames(set *keySet) {
	p.fallback.keys.close(set)
	p.openSets--
}

// transientObject reads an object of features that is not remembered as a knownObject.
func (p *Parser) transientObject(m *member, i, depth int) int {
	if p.openTransient == len(p.transientObjects) {
		p.transientObjects = append(p.transientObjects, &knownObject{in: inFeatures, sealed: true})
	}
	at := p.transientObjects[p.openTransient]
	at.before.next = &p.sentinel
	at.prefix, at.prefixSize = "", m.nameSize+len(p.separator)
	if p.building {
		at.prefix = m.name + p.separator
	}
	p.openTransient++
	i = p.object(at, i, depth)
	p.openTransient--
	return i
}
