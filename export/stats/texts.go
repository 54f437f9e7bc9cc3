package stats

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// invalidText is what TFDV calls every text that is not UTF-8.
const invalidText = "__BYTES_VALUE__"

// textEntry is a text and how often it occurs.
type textEntry struct {
	hash   uint64
	at     uint32 // in pool
	length uint32
	count  uint64
	weight int64
}

// textEntrySize is how many bytes an entry takes.
const textEntrySize = 32

// texts takes in the texts of one column in one slice.
type texts struct {
	weighted bool
	limit    int
	values   uint64
	bytes    uint64
	invalid  uint64

	pool    [][]byte // blocks of texts
	entries []textEntry
	used    int
	size    int // of the different texts
	// Beyond the limit only the smallest hashes are kept: their spacing says
	// how many different texts there are, and depends on the set alone.
	over     bool
	smallest []uint64
}

const (
	// poolBlock is the size of a block of texts; a longer text has its own.
	poolBlock = 1 << 16
	// poolLimit is how many bytes of different texts are held.
	poolLimit = 256 << 20
	// keptHashes is how many hashes the estimate goes by: its standard error is
	// 1/sqrt(keptHashes), 0.4 %.
	keptHashes = 1 << 16
)

func newTexts(weighted bool, limit int) *texts {
	return &texts{weighted: weighted, limit: limit, entries: make([]textEntry, 64)}
}

// add takes in a text that occurs count times. Of a text that is not UTF-8 the
// bytes count, and its name is common to all.
func (t *texts) add(text []byte, count uint64, weight int64) {
	t.values += count
	t.bytes += count * uint64(len(text))
	if !utf8.Valid(text) {
		t.invalid += count
		text = []byte(invalidText)
	}
	t.count(text, xxhash.Sum64(text), count, weight)
}

// count counts a text that is UTF-8, whose hash is given.
func (t *texts) count(text []byte, hash, count uint64, weight int64) {
	if t.over {
		t.keep(hash)
		return
	}
	mask := uint64(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.count == 0 {
			t.insert(e, textEntry{hash: hash, count: count, weight: weight}, text)
			return
		}
		if e.hash == hash && bytes.Equal(t.text(e), text) {
			e.count += count
			e.weight += weight
			return
		}
	}
}

// hashedTexts is how many texts are hashed before they are counted: look-ups that do not wait for a hash
// wait for memory side by side.
const hashedTexts = 64

// addAll takes in texts of weight 1 that follow each other: the i-th is from offsets[i] to offsets[i+1].
func (t *texts) addAll(text []byte, offsets []uint32) {
	var waiting [hashedTexts]struct {
		text        []byte
		hash, count uint64
	}
	n := 0
	flush := func() {
		for i := range waiting[:n] {
			w := &waiting[i]
			t.count(w.text, w.hash, w.count, int64(w.count)*weightScale)
		}
		n = 0
	}
	for i := 1; i < len(offsets); {
		one := text[offsets[i-1]:offsets[i]]
		count := uint64(1)
		// Neighbours are often the same: rows of one request.
		for i++; i < len(offsets) && bytes.Equal(text[offsets[i-1]:offsets[i]], one); i++ {
			count++
		}
		t.values += count
		t.bytes += count * uint64(len(one))
		if !utf8.Valid(one) {
			t.invalid += count
			one = []byte(invalidText)
		}
		waiting[n].text, waiting[n].hash, waiting[n].count = one, xxhash.Sum64(one), count
		if n++; n == hashedTexts {
			flush()
		}
	}
	flush()
}

// text is the text of an entry.
func (t *texts) text(e *textEntry) []byte {
	block := t.pool[e.at/poolBlock]
	at := e.at % poolBlock
	return block[at : at+e.length]
}

func (t *texts) insert(at *textEntry, e textEntry, text []byte) {
	if t.size += len(text); t.used == t.limit || t.size > poolLimit {
		t.overflow(e.hash)
		return
	}
	last := len(t.pool) - 1
	if last < 0 || len(t.pool[last])+len(text) > cap(t.pool[last]) {
		t.pool = append(t.pool, make([]byte, 0, max(poolBlock, len(text))))
		last++
	}
	e.at, e.length = uint32(last*poolBlock+len(t.pool[last])), uint32(len(text))
	t.pool[last] = append(t.pool[last], text...)
	*at = e
	if t.used++; 2*t.used > len(t.entries) {
		t.grow()
	}
}

func (t *texts) grow() {
	const many = 1 << 16
	old, times := t.entries, 4
	if len(old) >= many {
		times = 2
	}
	t.entries = make([]textEntry, times*len(old))
	mask := uint64(len(t.entries) - 1)
	for _, e := range old {
		if e.count == 0 {
			continue
		}
		i := e.hash & mask
		for t.entries[i].count != 0 {
			i = (i + 1) & mask
		}
		t.entries[i] = e
	}
}

// overflow goes on with hashes alone.
func (t *texts) overflow(hash uint64) {
	t.over = true
	for _, e := range t.entries {
		if e.count > 0 {
			t.keep(e.hash)
		}
	}
	t.entries, t.pool, t.size = nil, nil, 0
	t.keep(hash)
}

// keep remembers a hash if it is among the smallest.
func (t *texts) keep(hash uint64) {
	if len(t.smallest) >= keptHashes && hash >= t.smallest[keptHashes-1] {
		return
	}
	if t.smallest = append(t.smallest, hash); len(t.smallest) >= 2*keptHashes {
		t.prune()
	}
}

// prune orders the hashes and drops those that are too large.
func (t *texts) prune() {
	slices.Sort(t.smallest)
	t.smallest = slices.Compact(t.smallest)
	t.smallest = t.smallest[:min(len(t.smallest), keptHashes)]
}

// unique is how many different texts there are.
func (t *texts) unique() uint64 {
	if !t.over {
		return uint64(t.used)
	}
	t.prune()
	if len(t.smallest) < keptHashes {
		return uint64(len(t.smallest))
	}
	return uint64(math.Round(float64(keptHashes-1) / (float64(t.smallest[keptHashes-1]) / math.MaxUint64)))
}

// result are the statistics.
func (t *texts) result(common *tfmd.CommonStatistics, o Options) *tfmd.StringStatistics {
	out := &tfmd.StringStatistics{CommonStats: common, InvalidUtf8Count: t.invalid}
	if t.values == 0 {
		return out
	}
	out.Unique = t.unique()
	out.AvgLength = float32(float64(t.bytes) / float64(t.values))
	if t.over {
		return out
	}
	var found []*textEntry
	for i := range t.entries {
		if t.entries[i].count > 0 {
			found = append(found, &t.entries[i])
		}
	}
	// By count, and of equal ones the larger text first.
	order := func(measure func(*textEntry) float64) (top []*tfmd.StringStatistics_FreqAndValue,
		ranks *tfmd.RankHistogram) {
		ranks = &tfmd.RankHistogram{}
		for i, e := range first(found, max(o.TopValues, o.Ranks), func(a, b *textEntry) int {
			if c := cmp.Compare(measure(b), measure(a)); c != 0 {
				return c
			}
			return bytes.Compare(t.text(b), t.text(a))
		}) {
			text, n := string(t.text(e)), measure(e)
			if i < o.TopValues {
				top = append(top, &tfmd.StringStatistics_FreqAndValue{Value: text, Frequency: n})
			}
			if i < o.Ranks {
				ranks.Buckets = append(ranks.Buckets, &tfmd.RankHistogram_Bucket{LowRank: uint64(i), HighRank: uint64(i),
					Label: text, SampleCount: n})
			}
		}
		return top, ranks
	}
	out.TopValues, out.RankHistogram = order(func(e *textEntry) float64 { return float64(e.count) })
	if t.weighted {
		w := &tfmd.WeightedStringStatistics{}
		w.TopValues, w.RankHistogram = order(func(e *textEntry) float64 { return float64(e.weight) / weightScale })
		out.WeightedStringStats = w
	}
	return out
}

// first are the first n in an order, in order. Of many it sorts few: it keeps at most twice as many as
// are wanted, and leaves out what is behind the last of these.
func first[T any](all []T, n int, order func(a, b T) int) []T {
	if n <= 0 {
		return nil
	}
	kept := make([]T, 0, 2*n)
	full := false // kept[n-1] is the last of n that were sorted
	for _, one := range all {
		if full && order(one, kept[n-1]) >= 0 {
			continue
		}
		if kept = append(kept, one); len(kept) == 2*n {
			slices.SortFunc(kept, order)
			kept, full = kept[:n], true
		}
	}
	slices.SortFunc(kept, order)
	return kept[:min(len(kept), n)]
}
