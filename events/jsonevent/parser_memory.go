package jsonevent

import (
	"hash/maphash"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// What a Parser remembers is bounded, whatever it is sent: names that are made
// of ids would fill any memory.
const (
	mostKeys    = 4096 // of all objects together
	mostObjects = 256
	longestKey  = 128 // in bytes; a longer one is not remembered
	// memoryAge is after how many events a memory that became full is emptied,
	// to make room for what came later.
	memoryAge = 1 << 16
)

// memory is what a Parser has learned of events.
type memory struct {
	seed      maphash.Seed
	separator string // between the names of nested features
	sentinel  member // the sentinel at the end of the predicted chain of keys: it matches no key
	request   *knownObject
	outcome   *knownObject
	names     map[string]string // of features, flattened, one copy of each
	keys      int               // how many more there is room for
	objects   int               // how many more there is room for
	age       int               // events since it was empty
	full      bool              // it has turned something away
	events    uint32            // how many there were, to tell them apart
	seen      [1024]seenKey
}

// seenKey is that a name was seen in an event.
type seenKey struct{ name, event uint32 }

// knownObject is one position at which events have an object, and what is known of its members.
type knownObject struct {
	in         shape
	prefix     string // of the flattened names of its features
	prefixSize int    // of the prefix, which is not made where it is not wanted
	before     member // stands before the first member
	table      []entry
	count      int  // of members in the table
	skipScore  int  // how often skipping members has found the next key, less where it has not: above 0 it is tried
	sealed     bool // nothing is learned about it: it stands for objects that are not remembered
}

type entry struct {
	hash   uint64
	member *member
}

// forget empties the memory.
func (k *memory) forget() {
	k.keys, k.objects, k.age, k.full = mostKeys, mostObjects, 0, false
	k.sentinel = member{head: 1, next: &k.sentinel}
	k.names = make(map[string]string)
	k.request, k.outcome = k.newObject(inRequest, ""), k.newObject(inOutcome, "")
}

// newObject makes a knownObject, which knows the fields of the schema from the start.
// It is nil if there is no room.
func (k *memory) newObject(in shape, prefix string) *knownObject {
	if k.objects == 0 {
		k.full = true
		return nil
	}
	k.objects--
	at := &knownObject{in: in, prefix: prefix, prefixSize: len(prefix)}
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
func (at *knownObject) lookup(hash uint64, key []byte, escaped bool) *member {
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

// learn remembers a name that the object has not had yet. It is nil if there is
// no room, or if the name has not been seen before: one that is made of an id
// may never be again.
//
// Once it is nil for a name it stays so until the event ends. The search for
// duplicates relies on it.
func (k *memory) learn(at *knownObject, hash uint64, name []byte) *member {
	if len(name) > longestKey || at.in == inFeatures && at.prefixSize+len(name) > events.MaxName || at.sealed {
		return nil
	}
	before := &k.seen[hash%uint64(len(k.seen))]
	if now := (seenKey{uint32(hash >> 32), k.events}); before.name != now.name || before.event == now.event {
		// Of two names in one place the first is learned first, and the other after it. If each took the place of the
		// other, neither would be.
		if before.event != now.event {
			*before = now
		}
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
func (k *memory) learnWriting(at *knownObject, hash uint64, key []byte, one *member) *member {
	if k.keys == 0 || at.sealed || len(key) > longestKey {
		return one
	}
	return k.add(at, hash, key, one)
}

// add adds a member: a name, or another way to write that of one.
func (k *memory) add(at *knownObject, hash uint64, key []byte, one *member) *member {
	k.keys--
	m := &member{key: string(key)}
	if one != nil {
		*m = *one
		m.key, m.escaped, m.canonical = string(key), true, one
	} else {
		m.canonical = m
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
func (k *memory) explain(m *member, at *knownObject) {
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
		m.inner = k.newObject(inFeatures, "")
	case fieldItems:
		m.inner = k.newObject(inItem, "")
	default:
		m.strings, m.numbers = fits(m.field, jsonString), fits(m.field, jsonNumber)
	}
}

func (at *knownObject) grow() {
	old := at.table
	at.table = make([]entry, max(16, 2*len(old)))
	for _, e := range old {
		if e.member != nil {
			at.put(e)
		}
	}
}

func (at *knownObject) put(e entry) {
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
