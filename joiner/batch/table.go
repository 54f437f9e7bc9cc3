package batch

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
)

// table holds the outcomes of a pass as they were written, by the hashes of their ids.
type table struct {
	added   [][]entry    // in the order of arrival, until they are sorted
	count   int          // of entries
	entries []entry      // in order of hash and arrival, once sorted
	pages   [][]byte     // nil: nothing of it is left
	left    []int32      // of each page, the entries that are not gone
	shapes  shapes       // of what is in the pages
	used    atomic.Int64 // bytes, asked for from beside
	starts  []uint32     // of the entries whose hashes begin with a number
	shift   uint
	// filter has bits for each hash: most requests have no outcome, and the filter is small enough for the processor's
	// cache. The first bits of a hash say in which word they are, and those after them which two.
	filter []uint64
	narrow uint
}

// filterBits is how many bits of a filter there are for each outcome, at least.
const filterBits = 8

// filterBitsOf are the bits that a hash has in its word of a filter.
func (t *table) filterBitsOf(hash uint64) (word, bits uint64) {
	rest := hash >> (t.narrow - 12)
	return hash >> t.narrow, 1<<(rest%64) | 1<<(rest/64%64)
}

// mayHave reports whether there may be entries of a hash.
func (t *table) mayHave(hash uint64) bool {
	if len(t.filter) == 0 {
		return false
	}
	word, bits := t.filterBitsOf(hash)
	return t.filter[word]&bits == bits
}

// sift makes the filter.
func (t *table) sift() {
	words := bits.Len(uint(len(t.entries) * filterBits / 64))
	t.filter, t.narrow = make([]uint64, 1<<words), uint(64-words)
	for i := range t.entries {
		word, bits := t.filterBitsOf(t.entries[i].hash)
		t.filter[word] |= bits
	}
}

// entry is an outcome in a table.
type entry struct {
	hash uint64
	at   uint64 // page and offset, larger for what arrived later, and what follows
}

// What is known of an entry.
const (
	entryGone   = 1 << 63 // it was rejected, or has been counted; see leave
	entryBooked = 1 << 62 // it is counted with another request
	entryAt     = entryBooked - 1
)

func (e *entry) gone() bool   { return e.at&entryGone != 0 }
func (e *entry) booked() bool { return e.at&entryBooked != 0 }
func (e *entry) page() int    { return int(e.at & entryAt >> 32) }
func (e *entry) offset() int  { return int(uint32(e.at)) }

// pageSize is how much of a table is allocated at once. A page goes with the last outcome in it, and those that no
// request takes stay: they should not keep many others.
const pageSize = 128 << 10

// entriesAtOnce is for how many entries memory is allocated at once.
const entriesAtOnce = 4 << 10

// entrySize is about how many bytes an entry takes.
const entrySize = 16 + 10

func (t *table) size() int64 { return t.used.Load() }

// add copies an outcome into the table. The entry is good until the table is sorted.
func (t *table) add(hash uint64, at events.Origin, data []byte) *entry {
	need := len(data) + shapedMore + 2*binary.MaxVarintLen64
	if len(t.pages) == 0 || len(t.pages[len(t.pages)-1])+need > cap(t.pages[len(t.pages)-1]) {
		t.pages, t.left = append(t.pages, make([]byte, 0, max(pageSize, need))), append(t.left, 0)
		t.shapes.newPage()
	}
	t.left[len(t.left)-1]++
	page := &t.pages[len(t.pages)-1]
	if t.count%entriesAtOnce == 0 {
		t.added = append(t.added, make([]entry, 0, entriesAtOnce))
	}
	t.count++
	last := &t.added[len(t.added)-1]
	begin := len(*page)
	*last = append(*last, entry{hash: hash, at: uint64(len(t.pages)-1)<<32 | uint64(begin)})
	*page = binary.AppendUvarint(*page, at.Seq)
	*page = binary.AppendUvarint(*page, uint64(at.Index))
	*page = t.shapes.append(*page, data)
	t.used.Add(int64(len(*page)-begin) + entrySize)
	return &(*last)[len(*last)-1]
}

// leave makes an entry one that is not asked for any more. Outcomes mostly come in the order of their requests: their
// memory is free for rows long before the last request is read.
func (t *table) leave(e *entry) {
	if e.gone() {
		return
	}
	e.at |= entryGone
	if page := e.page(); atomic.AddInt32(&t.left[page], -1) == 0 {
		t.pages[page] = nil
	}
}

// data appends to memory the outcome of an entry that is not gone, and says where it was read.
func (t *table) data(e *entry, memory []byte) ([]byte, events.Origin) {
	page, from := t.pages[e.page()], e.offset()
	seq, n := binary.Uvarint(page[from:])
	index, m := binary.Uvarint(page[from+n:])
	at := events.Origin{Input: uint8(events.KindOutcome), Seq: seq, Index: uint32(index)}
	return t.shapes.text(memory, page, from+n+m), at
}

// sort brings the entries into the order in which they are looked up, by so many goroutines.
func (t *table) sort(jobs int) {
	var group errgroup.Group
	group.SetLimit(jobs)
	for part := range t.parts() {
		group.Go(func() error {
			slices.SortFunc(part, func(a, b entry) int {
				if a.hash != b.hash {
					return cmp.Compare(a.hash, b.hash)
				}
				return cmp.Compare(a.at&entryAt, b.at&entryAt)
			})
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	prefix := uint(0)
	for 1<<prefix < len(t.entries) && prefix < 28 {
		prefix++
	}
	t.shift = 64 - prefix
	t.starts = make([]uint32, 1<<prefix+1)
	at := 0
	for i := range t.starts {
		for at < len(t.entries) && i > 0 && int(t.entries[at].hash>>t.shift) < i {
			at++
		}
		t.starts[i] = uint32(at)
	}
	t.sift()
}

// parts brings the entries that were added together whose hashes begin alike, and gives those
// parts in their order.
func (t *table) parts() iter.Seq[[]entry] {
	var ends [1 << hashPartBits]int // first how many there are, then where the next one goes
	first := func(e *entry) uint64 { return e.hash >> (64 - hashPartBits) }
	for _, some := range t.added {
		for i := range some {
			ends[first(&some[i])]++
		}
	}
	from := 0
	for p, n := range ends {
		ends[p] = from
		from += n
	}
	t.entries = make([]entry, t.count)
	for k, some := range t.added {
		for i := range some {
			to := &ends[first(&some[i])]
			t.entries[*to] = some[i]
			*to++
		}
		t.added[k] = nil
	}
	t.added = nil
	return func(yield func([]entry) bool) {
		from := 0
		for _, to := range ends {
			if from < to && !yield(t.entries[from:to]) {
				return
			}
			from = to
		}
	}
}

// of gives the entries of a hash.
func (t *table) of(hash uint64) []entry {
	if !t.mayHave(hash) {
		return nil
	}
	return t.from(hash, t.starts[hash>>t.shift])
}

// from gives the entries of a hash, which are not before one.
func (t *table) from(hash uint64, first uint32) []entry {
	some := t.entries[first:t.starts[hash>>t.shift+1]]
	from := 0
	for from < len(some) && some[from].hash < hash {
		from++
	}
	to := from
	for to < len(some) && some[to].hash == hash {
		to++
	}
	return some[from:to]
}
