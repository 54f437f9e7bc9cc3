package events

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
)

// What a Parser remembers is bounded, whatever it is sent: names that are made
// of ids would fill any memory.
const (
	mostKeys   = 4096 // of all places
	mostPlaces = 256
	longestKey = 128 // in bytes; a longer one is not remembered
	// memoryAge is after how many events a full memory is emptied, to make room
	// for what came later.
	memoryAge = 1 << 16
)

// place is an object that events have at some path, and what is known of it.
type place struct {
	in     shape
	prefix string // of its features' flattened names
	before member // stands before the first member
	table  []*member
	count  int  // of members in the table
	passes bool // it is about to be forgotten, so that nothing is learned
}

// member is a key that a place has, and what it means.
//
// Its text `"key":` is compared eight bytes at a time, with the separator that
// stands before it: head is the first seven bytes, with a zero in the place of
// the separator, tail the last eight, middle what is between.
type member struct {
	head, mask uint64
	tail       uint64
	size       int // of the text
	next       *member
	mark       uint64 // the object, by its serial number, that had it last
	field      field  // fieldUnknown, fieldFeature or what the schema knows
	name       string // of a feature, flattened
	key        string
	inner      *place // the object that it holds, once there was one
}

// fieldFeature is a feature, which is no field of the schema.
const fieldFeature field = fields

// memory is what a Parser has learned of events.
type memory struct {
	seed    maphash.Seed
	nobody  member // follows where nothing is known to follow
	request *place
	outcome *place
	names   map[string]string // flattened names, one copy of each
	keys    int               // there is room for
	places  int               // there is room for
	age     int               // events since it was empty
	full    bool
	strange member // the one at hand that is not remembered
}

// forget empties the memory.
func (k *memory) forget() {
	k.keys, k.places, k.age, k.full = mostKeys, mostPlaces, 0, false
	k.nobody.head, k.nobody.next = 1, &k.nobody
	k.names = make(map[string]string)
	k.request, k.outcome = k.newPlace(inRequest, ""), k.newPlace(inOutcome, "")
}

func (k *memory) newPlace(in shape, prefix string) *place {
	at := &place{in: in, prefix: prefix}
	at.before.next = &k.nobody
	if k.places == 0 {
		k.full, at.passes = true, true
		return at
	}
	k.places--
	for f := range schema {
		if name := []byte(schema[f].name); f > 0 && in.lookup(name) == field(f) {
			k.add(at, name)
		}
	}
	return at
}

// lookup finds a member by its name.
func (k *memory) lookup(at *place, key []byte) *member {
	if at.count == 0 {
		return nil
	}
	return *k.slot(at, key)
}

// slot is where a name is in a table, or belongs.
func (k *memory) slot(at *place, key []byte) **member {
	mask := uint64(len(at.table) - 1)
	for i := maphash.Bytes(k.seed, key) & mask; ; i = (i + 1) & mask {
		if m := at.table[i]; m == nil || m.key == string(key) {
			return &at.table[i]
		}
	}
}

// learn remembers a name that a place has not had yet. It is nil if there is no
// room, or the name is none for the memory. Once it is nil for a name it stays
// so until the event ends: the search for duplicates relies on it.
func (k *memory) learn(at *place, key []byte) *member {
	if len(key) > longestKey || at.in == inFeatures && len(at.prefix)+len(key) > MaxName || !isWritten(key) {
		return nil
	}
	if k.keys == 0 || at.passes {
		k.full = true
		return nil
	}
	k.keys--
	return k.add(at, key)
}

// isWritten reports whether a name is written in JSON as it is, so that its
// bytes can be compared with an event's.
func isWritten(key []byte) bool {
	for _, c := range key {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (k *memory) add(at *place, key []byte) *member {
	if 2*(at.count+1) > len(at.table) {
		k.grow(at)
	}
	m := &member{key: string(key), field: at.in.lookup(key), next: &k.nobody}
	if at.in == inFeatures {
		m.field, m.name = fieldFeature, k.intern(at.prefix+m.key)
	}
	text := `"` + m.key + `":`
	m.size = len(text)
	var head [8]byte
	copy(head[1:], text)
	m.head = binary.LittleEndian.Uint64(head[:])
	m.mask = 1<<(8*min(m.size+1, 8)) - 1 - 0xFF
	if m.size > 7 {
		m.tail = binary.LittleEndian.Uint64([]byte(text[m.size-8:]))
	}
	*k.slot(at, key) = m
	at.count++
	return m
}

func (k *memory) grow(at *place) {
	old := at.table
	at.table = make([]*member, max(16, 2*len(old)))
	for _, m := range old {
		if m != nil {
			*k.slot(at, []byte(m.key)) = m
		}
	}
}

// intern is the one copy of a name.
func (k *memory) intern(name string) string {
	if known, ok := k.names[name]; ok {
		return known
	}
	name = strings.Clone(name)
	k.names[name] = name
	return name
}

// is reports whether a member's text follows the separator at i.
func (b *page) is(m *member, i int) bool {
	return b.word(i)&m.mask == m.head && b.goesOn(m, i)
}

// goesOn is the rest of is, after the head.
func (b *page) goesOn(m *member, i int) bool {
	n := m.size
	return n <= 7 || b.word(i+n-7) == m.tail && (n <= 15 || string(b[i+8:i+n-7]) == m.key[6:n-9])
}

// followers is how many members may be left out before what comes next is
// looked up.
const followers = 3

// find finds the member whose key is after the separator at i, and returns
// where its value begins. It is what is not as it was the last time: the member
// after m is another, is new, or is written in another way.
func (p *Parser) find(at *place, m *member, names *keySet, i int) (*member, int) {
	b := p.page
	next := m.next
	for range followers {
		next = next.next
		if b.is(next, i) {
			return next, i + 1 + next.size
		}
	}
	if b.at(i+1) != '"' {
		return nil, -1
	}
	end, escaped := p.str(i + 1)
	if end < 0 {
		return nil, -1
	}
	key := b[i+2 : end-1]
	start := i + 2
	if escaped {
		key, start = unescaped(key), 0
	}
	if i = b.space(end); b.at(i) != ':' {
		return nil, -1
	}
	if next = p.lookup(at, key); next == nil {
		next = p.learn(at, key)
	}
	if next == nil {
		return p.stranger(at, names, key, start, i+1), i + 1
	}
	if next.next == &p.nobody {
		next.next = m.next
	}
	m.next = next
	return next, i + 1
}

// stranger is a member that is not remembered; nil if it cannot be one. Its key,
// if it is written as it is, is at start in the text.
func (p *Parser) stranger(at *place, names *keySet, key []byte, start, i int) *member {
	if names.base < 0 {
		*names = p.slow.keys.open()
	}
	if !p.slow.keys.add(names, key) {
		return nil
	}
	m := &p.strange
	*m = member{}
	if at.in == inFeatures {
		m.field = fieldFeature
		switch {
		case len(at.prefix)+len(key) > MaxName:
			return nil
		case p.building && at.prefix == "" && start > 0:
			m.name = p.text[start : start+len(key)]
		case p.building || p.page.at(p.page.space(i)) == '{':
			m.name = at.prefix + string(key)
		}
	}
	return m
}
