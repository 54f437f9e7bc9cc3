package stats

import (
	"bytes"
	"encoding/binary"
)

// textTable counts different texts. Its zero value has none. It is a hash table of small slots, beside records that
// follow each other: a column may have a million texts, and a look into memory that no cache has costs more than all
// else, so one slot and one record are all that is looked at.
type textTable struct {
	// slots are the upper half of a text's hash, and in the lower half 1 + the place of its record; 0: there is none.
	// Their number is a power of two, and at least twice that of the texts.
	slots  []uint64
	blocks [][]byte
	used   int // texts
	bytes  int // of the texts
	memory int // of the blocks
}

// record is a text with its count and its weight, and what follows it in its block.
type record []byte

const (
	// blockSize is the size of a block of records; a long one has its own.
	blockSize = 1 << 16
	// Records begin at multiples of recordUnit bytes. A place is the number of the block, and of the unit in it.
	recordUnit  = 8
	recordBits  = 13
	recordHead  = 20
	leastSlots  = 64
	manySlots   = 1 << 16
	slotTagBits = 32
)

func (r record) count() uint64 { return binary.LittleEndian.Uint64(r) }
func (r record) weight() int64 { return int64(binary.LittleEndian.Uint64(r[8:])) }
func (r record) text() []byte {
	return r[recordHead : recordHead+binary.LittleEndian.Uint32(r[16:])]
}

// add adds to the count and the weight.
func (r record) add(count uint64, weight int64) {
	binary.LittleEndian.PutUint64(r, r.count()+count)
	binary.LittleEndian.PutUint64(r[8:], uint64(r.weight()+weight))
}

// recordSize is how many bytes a record with a text of n bytes takes.
func recordSize(n int) int { return (recordHead + n + recordUnit - 1) / recordUnit * recordUnit }

// at is the record that a slot names.
func (t *textTable) at(slot uint64) record {
	place := uint32(slot) - 1
	return t.blocks[place>>recordBits][place&(1<<recordBits-1)*recordUnit:]
}

// count adds to a text, and reports whether it is there.
func (t *textTable) count(text []byte, hash, count uint64, weight int64) bool {
	if t.slots == nil {
		return false
	}
	tag, mask := hash>>slotTagBits, uint64(len(t.slots)-1)
	for i := tag & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i]>>slotTagBits != tag {
			continue
		}
		if r := t.at(t.slots[i]); bytes.Equal(r.text(), text) {
			r.add(count, weight)
			return true
		}
	}
	return false
}

// insert adds a text that is not there.
func (t *textTable) insert(text []byte, hash, count uint64, weight int64) {
	if 2*(t.used+1) > len(t.slots) {
		t.grow()
	}
	size, last := recordSize(len(text)), len(t.blocks)-1
	if last < 0 || len(t.blocks[last])+size > cap(t.blocks[last]) {
		t.blocks = append(t.blocks, make([]byte, 0, max(blockSize, size)))
		t.memory += max(blockSize, size)
		last++
	}
	from := len(t.blocks[last])
	t.blocks[last] = t.blocks[last][:from+size]
	r := t.blocks[last][from:]
	binary.LittleEndian.PutUint64(r, count)
	binary.LittleEndian.PutUint64(r[8:], uint64(weight))
	binary.LittleEndian.PutUint32(r[16:], uint32(len(text)))
	copy(r[recordHead:], text)
	t.put(hash&^(1<<slotTagBits-1) | uint64(last<<recordBits+from/recordUnit+1))
	t.used++
	t.bytes += len(text)
}

// put puts a slot where its text will be looked for.
func (t *textTable) put(slot uint64) {
	mask := uint64(len(t.slots) - 1)
	i := slot >> slotTagBits & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *textTable) grow() {
	old := t.slots
	n := 4 * len(old)
	if len(old) >= manySlots {
		n = 2 * len(old)
	}
	t.slots = make([]uint64, max(n, leastSlots))
	for _, slot := range old {
		if slot != 0 {
			t.put(slot)
		}
	}
}

// each visits the records, in the order in which their texts came.
func (t *textTable) each(visit func(record)) {
	for _, b := range t.blocks {
		for len(b) > 0 {
			visit(b)
			b = b[recordSize(len(record(b).text())):]
		}
	}
}

// size is how many bytes the table takes.
func (t *textTable) size() int { return 8*len(t.slots) + t.memory }

// waitingText is a text that is about to be counted.
type waitingText struct {
	text        []byte
	hash, count uint64
	slot        uint64
	first       byte // of the record
}

// touch looks at what counting the texts will look at: looks that do not wait for each other wait for memory side by
// side.
func (t *textTable) touch(waiting []waitingText) {
	if len(t.slots) < manySlots {
		return
	}
	mask := uint64(len(t.slots) - 1)
	for i := range waiting {
		w := &waiting[i]
		w.slot = t.slots[w.hash>>slotTagBits&mask]
	}
	for i := range waiting {
		if w := &waiting[i]; w.slot != 0 && w.slot>>slotTagBits == w.hash>>slotTagBits {
			w.first = t.at(w.slot)[0]
		}
	}
}
