package jsonevent

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// keyStack holds the member names of the objects that are open, innermost
// last, to find names that are given twice. The first few live in the struct
// itself, so that an ordinary event costs no allocation.
type keyStack struct {
	used  int
	near  [32]key
	far   []key
	spare []uint32 // a table that was used before
}

// key is a member's name, unescaped, and a hash of it.
type key struct {
	name []byte
	hash uint64
}

// keySet is the names of one open object: the part of the stack above base.
// A small object is searched in order, after a filter of 64 bits that settles
// most names at once. A large one is indexed by a table, whose hash is seeded
// so that an attacker cannot prepare names that collide.
type keySet struct {
	base   int
	filter uint64
	known  uint32   // fields of the schema, as bits; they are not on the stack
	table  []uint32 // open addressing: index of a name, from 1; 0 is free
	seed   maphash.Seed
}

// mostSpare is how large a table may be to be kept for the next object. Clearing
// one that is far too large would take longer than making one.
const mostSpare = 1 << 12

// smallObject is up to how many names an object is searched without a table.
const smallObject = 24

// reset closes all objects, for the next event. Memory that few need is let go.
func (k *keyStack) reset() {
	k.used = 0
	if cap(k.far) > 1<<12 {
		k.far = nil
	}
}

func (k *keyStack) open() keySet { return keySet{base: k.used} }

func (k *keyStack) close(set *keySet) {
	k.used = set.base
	if set.table != nil && len(set.table) <= mostSpare {
		k.spare = set.table
	}
}

func (k *keyStack) at(i int) *key {
	if i < len(k.near) {
		return &k.near[i]
	}
	return &k.far[i-len(k.near)]
}

func (k *keyStack) push(name []byte, hash uint64) {
	if k.used < len(k.near) {
		k.near[k.used] = key{name, hash}
	} else {
		k.far = append(k.far[:k.used-len(k.near)], key{name, hash})
	}
	k.used++
}

// addField adds a field of the schema. It is false if the object has it.
func (set *keySet) addField(f field) bool {
	bit := uint32(1) << f
	first := set.known&bit == 0
	set.known |= bit
	return first
}

// add adds any other name. It is false if the object has it.
func (k *keyStack) add(set *keySet, name []byte) bool {
	if k.used-set.base >= smallObject {
		return k.addLarge(set, name)
	}
	hash := hashOf(name)
	bit := uint64(1) << (hash >> 58)
	if set.filter&bit != 0 {
		for i := set.base; i < k.used; i++ {
			if other := k.at(i); other.hash == hash && bytes.Equal(other.name, name) {
				return false
			}
		}
	}
	set.filter |= bit
	k.push(name, hash)
	return true
}

// hashOf mixes the two ends and the length of a name.
func hashOf(name []byte) uint64 {
	const odd = 0x9E3779B97F4A7C15 // 2^64 / golden ratio
	var head, tail uint64
	switch n := len(name); {
	case n >= 8:
		head, tail = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		head, tail = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		head, tail = uint64(name[0])|uint64(name[n/2])<<8, uint64(name[n-1])
	}
	hash := (head ^ uint64(len(name))<<56) * odd
	return (hash ^ hash>>32 ^ tail) * odd
}

// addLarge is add for an object that has many names.
func (k *keyStack) addLarge(set *keySet, name []byte) bool {
	count := k.used - set.base
	if 2*(count+1) > len(set.table) {
		k.index(set, count)
	}
	slot, found := k.find(set, name)
	if found {
		return false
	}
	k.push(name, 0)
	set.table[slot] = uint32(count + 1)
	return true
}

// index builds the table anew, with room to grow.
func (k *keyStack) index(set *keySet, count int) {
	if set.table == nil {
		set.seed = maphash.MakeSeed()
	}
	size := 256
	for size < 8*count {
		size *= 2
	}
	if len(k.spare) >= size {
		set.table, k.spare = k.spare, nil
		clear(set.table)
	} else {
		set.table = make([]uint32, size)
	}
	for i := range count {
		slot, _ := k.find(set, k.at(set.base+i).name)
		set.table[slot] = uint32(i + 1)
	}
}

// find returns the slot of a name, or the free one where it belongs.
func (k *keyStack) find(set *keySet, name []byte) (slot uint64, found bool) {
	mask := uint64(len(set.table) - 1)
	for slot = maphash.Bytes(set.seed, name) & mask; set.table[slot] != 0; slot = (slot + 1) & mask {
		if bytes.Equal(k.at(set.base+int(set.table[slot])-1).name, name) {
			return slot, true
		}
	}
	return slot, false
}
