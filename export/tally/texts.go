package tally

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/colfile"
)

const (
	// MaxTexts is how many different texts of a column are counted one by one.
	MaxTexts = 64
	// maxText is the longest text that is named as it is, in bytes.
	maxText = 64
)

// Texts are the texts of a column with the smallest hashes.
type Texts struct {
	// Counts are at most MaxTexts texts, by hash.
	Counts []TextCount
	// More says that there are other ones.
	More bool
}

// TextCount is a text and how often it occurs. A long one is named by its beginning and its hash.
type TextCount struct {
	Text  string
	Count uint64
	hash  uint64
}

// take counts texts that follow each other.
func (t *Texts) take(text []byte, offsets []uint32) {
	k := t.keeper()
	var last []byte
	run, hash := uint64(0), uint64(0)
	for i := 1; i < len(offsets); i++ {
		one := text[offsets[i-1]:offsets[i]]
		if run > 0 && bytes.Equal(one, last) {
			run++
			continue
		}
		k.add(last, hash, run)
		last, run, hash = one, 1, hashOf(one)
	}
	k.add(last, hash, run)
	k.end()
}

// takeCodes counts texts that are named by their numbers.
func (t *Texts) takeCodes(book *colfile.Book, codes []uint32) {
	counts := make([]uint64, book.Len())
	for _, code := range codes {
		counts[code]++
	}
	k := t.keeper()
	for code, n := range counts {
		if n > 0 {
			text := book.TextAt(uint32(code))
			k.add(text, hashOf(text), n)
		}
	}
	k.end()
}

// hashOf is the hash of a text's name.
func hashOf(text []byte) uint64 {
	if len(text) <= maxText {
		return xxhash.Sum64(text)
	}
	return xxhash.Sum64String(nameOf(text))
}

// nameOf is what a text is called.
func nameOf(text []byte) string {
	if len(text) <= maxText {
		return string(text)
	}
	const shown = 40
	return fmt.Sprintf("%s... (%d bytes, %016x)", strings.ToValidUTF8(string(text[:shown]), ""), len(text),
		xxhash.Sum64(text))
}

// keeper adds texts to those that are kept.
type keeper struct {
	texts *Texts
	slots map[uint64]int // where a hash is
	// most is the largest hash that may be kept, where full says that there is a bound.
	most uint64
	full bool
	// recent are places, counted from 1, of texts that were counted, by the end of their hash: most texts are
	// there.
	recent [64]int
}

// add counts a text n times.
func (k *keeper) add(text []byte, hash, n uint64) {
	if n == 0 {
		return
	}
	if k.full && hash > k.most {
		k.texts.More = true
		return
	}
	t := k.texts
	recent := &k.recent[hash%uint64(len(k.recent))]
	if at := *recent - 1; at >= 0 && at < len(t.Counts) && t.Counts[at].hash == hash {
		t.Counts[at].Count += n
		return
	}
	if at, ok := k.slots[hash]; ok {
		t.Counts[at].Count += n
		*recent = at + 1
		return
	}
	k.slots[hash] = len(t.Counts)
	t.Counts = append(t.Counts, TextCount{nameOf(text), n, hash})
	if len(t.Counts) >= 4*MaxTexts {
		t.prune()
		clear(k.slots)
		for i := range t.Counts {
			k.slots[t.Counts[i].hash] = i
		}
		k.bound()
	}
}

// keeper is one of the texts, which adds to them.
func (t *Texts) keeper() *keeper {
	k := &keeper{texts: t, slots: map[uint64]int{}}
	for i := range t.Counts {
		k.slots[t.Counts[i].hash] = i
	}
	k.bound()
	return k
}

// end leaves those that are kept.
func (k *keeper) end() {
	t := k.texts
	t.prune()
	if cap(t.Counts) > 2*MaxTexts {
		t.Counts = slices.Clone(t.Counts) // the others, which had room for a while, are no longer held
	}
}

// bound sets the largest hash that may be kept.
func (k *keeper) bound() {
	if n := len(k.texts.Counts); n >= MaxTexts {
		k.full, k.most = true, k.texts.Counts[MaxTexts-1].hash
	}
}

// prune orders the texts and keeps those with the smallest hashes.
func (t *Texts) prune() {
	slices.SortFunc(t.Counts, func(a, b TextCount) int { return cmp.Compare(a.hash, b.hash) })
	if len(t.Counts) > MaxTexts {
		t.Counts, t.More = t.Counts[:MaxTexts], true
	}
}

// join adds the texts of other rows. Of two texts with one hash the smaller one gives the name.
func (t *Texts) join(o *Texts) {
	t.More = t.More || o.More
	out := make([]TextCount, 0, len(t.Counts)+len(o.Counts))
	a, b := t.Counts, o.Counts
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0].hash, b[0].hash) {
		case -1:
			out, a = append(out, a[0]), a[1:]
		case 1:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, TextCount{min(a[0].Text, b[0].Text), a[0].Count + b[0].Count, a[0].hash})
			a, b = a[1:], b[1:]
		}
	}
	t.Counts = append(append(out, a...), b...)
	t.prune()
}
