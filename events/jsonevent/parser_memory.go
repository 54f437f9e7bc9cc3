package jsonevent

import (
	"hash/maphash"
	"strings"

	"github.com/labeljoin/labeljoin/events"
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
	sentinel  member // the sentinel at the end of the predicted chain of keys: it matches no key
	request   *place
	outcome   *place
	names     map[string]string // of features, flattened, one copy of each
	keys      int               // how many more there is room for
	places    int               // how many more there is room for
	age       int               // events since it was empty
	full      bool              // it has turned something away
	events    uint32            // how many there were, to tell them apart
	seen      [1024]sight
}

// sight is that a name was seen in an event.
type sight struct{ name, event uint32 }

// place is where events have an object, and what is known of its members.
type place struct {
	in         shape
	prefix     string // of the flattened names of its features
	prefixSize int    // of the prefix, which is not made where it is not wanted
	before     member // stands before the first member
	table      []entry
	count      int  // of members in the table
	luck       int  // grows where members are left out, shrinks where their order is another
	shut       bool // nothing is learned about it
}

type entry struct {
	hash   uint64
	member *member
}

// forget empties the memory.
func (k *memory) forget() {
	k.keys, k.places, k.age, k.full = mostKeys, mostPlaces, 0, false
	k.sentinel = member{head: 1, next: &k.sentinel}
	k.names = make(map[string]string)
	k.request, k.outcome = k.newPlace(inRequest, ""), k.newPlace(inOutcome, "")
}

// newPlace makes a place, which knows the fields of the schema from the start.
// It is nil if there is no room.
func (k *memory) newPlace(in shape, prefix string) *place {
	if k.places == 0 {
		k.full = true
		return nil
	}
	k.places--
	at := &place{in: in, prefix: prefix, prefixSize: len(prefix)}
	at.before.next = &k.sentinel
	for f := range schema {
		if name := []byte(schema[f].name); f > 0 && in.lookup(name) == field(f) {
			k.add(at, k.hash(name), name, nil)
		}
	}
	return at
}

func (k *memory) hash(key []byte) uint64 { return maphash.Bytes(k.seed, key) }

// lookup finds a member by its key, as it is written, and the key's hash.
func (at *place) lookup(hash uint64, key []byte, escaped bool) *member {
	if at.count == 0 {
		return nil
	}
	mask := uint64(len(at.table) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		m := at.table[i].member
		if m == nil || at.table[i].hash == hash && m.escaped == escaped && m.key == string(key) {
			return m
		}
	}
}

// learn remembers a name that the place has not had yet. It is nil if there is
// no room, or if the name has not been seen before: one that is made of an id
// may never be again.
//
// Once it is nil for a name it stays so until the event ends. The search for
// duplicates relies on it.
func (k *memory) learn(at *place, hash uint64, name []byte) *member {
	if len(name) > longestKey || at.in == inFeatures && at.prefixSize+len(name) > events.MaxName || at.shut {
		return nil
	}
	before := &k.seen[hash%uint64(len(k.seen))]
	if now := (sight{uint32(hash >> 32), k.events}); before.name != now.name || before.event == now.event {
		*before = now
		return nil
	}
	if k.keys == 0 {
		k.full = true
		return nil
	}
	return k.add(at, hash, name, nil)
}

// learnWriting remembers another way in which a member's name is written, with
// escapes. If there is no room it is the member itself.
func (k *memory) learnWriting(at *place, hash uint64, key []byte, one *member) *member {
	if k.keys == 0 || at.shut || len(key) > longestKey {
		return one
	}
	return k.add(at, hash, key, one)
}

// add adds a member: a name, or another way to write that of one.
func (k *memory) add(at *place, hash uint64, key []byte, one *member) *member {
	k.keys--
	m := &member{key: string(key)}
	if one != nil {
		*m = *one
		m.key, m.escaped, m.one = string(key), true, one
	} else {
		m.one = m
		k.explain(m, at)
	}
	m.next = &k.sentinel
	m.write()
	if 2*(at.count+1) > len(at.table) {
		at.grow()
	}
	at.put(entry{hash, m})
	at.count++
	return m
}

// explain says what a member of a name means.
func (k *memory) explain(m *member, at *place) {
	m.field = at.in.lookup([]byte(m.key))
	switch m.field {
	case fieldUnknown:
		m.strings, m.numbers = true, true
		if at.in == inFeatures {
			m.field = fieldFeature
			m.name = k.intern(at.prefix + m.key)
			m.nameSize = len(m.name)
		} else {
			m.unknown, m.name = 1, unknownName(at.in, []byte(m.key))
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
}

func (at *place) grow() {
	old := at.table
	at.table = make([]entry, max(16, 2*len(old)))
	for _, e := range old {
		if e.member != nil {
			at.put(e)
		}
	}
}

func (at *place) put(e entry) {
	mask := uint64(len(at.table) - 1)
	i := e.hash & mask
	for at.table[i].member != nil {
		i = (i + 1) & mask
	}
	at.table[i] = e
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
