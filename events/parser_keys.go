package events

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
)

// What a Parser remembers is bounded, whatever it is sent: names that are made
// of ids would fill any memory.
const (
	mostKeys   = 4096 // of all places together
	mostPlaces = 256
	longestKey = 128 // in bytes; a longer one is not remembered
	// memoryAge is after how many events a memory that became full is emptied,
	// to make room for what came later.
	memoryAge = 1 << 16
)

// memory is what a Parser has learned of events.
type memory struct {
	seed      maphash.Seed
	separator string // between the names of nested features
	nobody    member // follows where nothing is known to follow
	request   *place
	outcome   *place
	names     map[string]string // of features, flattened, one copy of each
	keys      int               // how many more there is room for
	places    int               // how many more there is room for
	age       int               // events since it was empty
	full      bool              // it has turned something away
	strange   member            // the member at hand, if it is not remembered
}

// place is where events have an object, and what is known of its members.
type place struct {
	in     shape
	prefix string // of the flattened names of its features
	before member // stands before the first member
	table  []*member
	count  int  // of members
	shut   bool // nothing is learned about it
}

// member is a key that a place has, and what it means.
//
// Its text is the separator before it, which may be one or another, and `"key":`.
// An event is compared with its first sixteen bytes at once, and with the rest
// if there is any.
type member struct {
	head, headMask uint64 // the first eight bytes; zero where the separator is
	tail, tailMask uint64 // the next eight
	rest           string
	size           int // of the text
	next           *member
	mark           uint64 // the serial number of the object that had it last
	field          field  // fieldFeature for a feature
	strings        bool   // its value may be a string
	numbers        bool   // its value may be a number
	unknown        int    // 1 if nothing here knows it, else 0
	name           string // of a feature, flattened
	key            string
	inner          *place // the object that it holds, once it has held one
}

// fieldFeature is a feature, which is no field of the schema.
const fieldFeature field = fields

// forget empties the memory.
func (k *memory) forget() {
	k.keys, k.places, k.age, k.full = mostKeys, mostPlaces, 0, false
	k.nobody = member{head: 1, next: &k.nobody}
	k.names = make(map[string]string)
	k.request, k.outcome = k.newPlace(inRequest, ""), k.newPlace(inOutcome, "")
}

// newPlace makes a place, which knows the fields of the schema from the start.
// If there is no room it is one for once.
func (k *memory) newPlace(in shape, prefix string) *place {
	at := &place{in: in, prefix: prefix, shut: k.places == 0}
	at.before.next = &k.nobody
	if at.shut {
		k.full = true
	} else {
		k.places--
	}
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

// slot is where a name stands in the table, or belongs.
func (k *memory) slot(at *place, key []byte) **member {
	mask := uint64(len(at.table) - 1)
	for i := maphash.Bytes(k.seed, key) & mask; ; i = (i + 1) & mask {
		if m := at.table[i]; m == nil || m.key == string(key) {
			return &at.table[i]
		}
	}
}

// learn remembers a name that the place has not had yet. It is nil if there is
// no room, or if the name is none to remember. Once it is nil for a name it
// stays so until the event ends, which the search for duplicates relies on.
func (k *memory) learn(at *place, key []byte) *member {
	if len(key) > longestKey || !standsForItself(key) || at.in == inFeatures && len(at.prefix)+len(key) > MaxName {
		return nil
	}
	if k.keys == 0 || at.shut {
		k.full = true
		return nil
	}
	k.keys--
	return k.add(at, key)
}

// standsForItself reports whether a name is written in JSON as it is, so that
// its bytes can be compared with those of an event.
func standsForItself(key []byte) bool {
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
	m := &member{key: string(key), next: &k.nobody, field: at.in.lookup(key)}
	switch m.field {
	case fieldUnknown:
		m.strings, m.numbers, m.unknown = true, true, 1
		if at.in == inFeatures {
			m.unknown = 0
			m.field, m.name = fieldFeature, k.intern(at.prefix+m.key)
		}
	case fieldHeartbeat:
		// Whatever it is, the event is not like most.
	case fieldFeatures, fieldItemFeatures:
		m.inner = k.newPlace(inFeatures, "")
	case fieldItems:
		m.inner = k.newPlace(inItem, "")
	default:
		m.strings, m.numbers = fits(m.field, jsonString), fits(m.field, jsonNumber)
	}
	text := append([]byte("\x00\""), m.key+`":`...)
	m.size = len(text)
	if m.size > 16 {
		m.rest = string(text[16:])
	}
	text = append(text, make([]byte, 16)...)
	m.head, m.headMask = binary.LittleEndian.Uint64(text), maskOf(m.size)&^0xFF
	m.tail, m.tailMask = binary.LittleEndian.Uint64(text[8:]), maskOf(m.size-8)
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

// maskOf covers the first n bytes of a word.
func maskOf(n int) uint64 {
	switch {
	case n <= 0:
		return 0
	case n >= 8:
		return 1<<64 - 1
	}
	return 1<<(8*n) - 1
}

// is reports whether a member's text stands at i, after whatever separator.
func (b *page) is(m *member, i int) bool {
	return (b.word(i)&m.headMask^m.head)|(b.word(i+8)&m.tailMask^m.tail) == 0 && (m.rest == "" || b.ends(m, i))
}

// ends compares the rest of a member's text.
func (b *page) ends(m *member, i int) bool { return string(b[i+16:i+m.size]) == m.rest }
