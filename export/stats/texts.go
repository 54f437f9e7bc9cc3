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

// texts takes in the texts of one column in one slice.
type texts struct {
	weighted bool
	limit    int
	values   uint64
	bytes    uint64
	invalid  uint64

	known textTable
	// Beyond the limit only the smallest hashes are kept: their spacing says
	// how many different texts there are, and depends on the set alone.
	over     bool
	smallest []uint64
}

const (
	// textLimit is how many bytes of different texts are held.
	textLimit = 256 << 20
	// keptHashes is how many hashes the estimate goes by: its standard error is
	// 1/sqrt(keptHashes), 0.4 %.
	keptHashes = 1 << 16
)

func newTexts(weighted bool, limit int) *texts { return &texts{weighted: weighted, limit: limit} }

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
	if t.known.count(text, hash, count, weight) {
		return
	}
	if t.known.used == t.limit || t.known.bytes+len(text) > textLimit {
		t.overflow(hash)
		return
	}
	t.known.insert(text, hash, count, weight)
}

// hashedTexts is how many texts are hashed before they are counted: look-ups that do not wait for a hash
// wait for memory side by side.
const hashedTexts = 64

// addAll takes in texts of weight 1 that follow each other: the i-th is from offsets[i] to offsets[i+1].
func (t *texts) addAll(text []byte, offsets []uint32) {
	var waiting [hashedTexts]waitingText
	n := 0
	flush := func() {
		t.known.touch(waiting[:n])
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

// overflow goes on with hashes alone.
func (t *texts) overflow(hash uint64) {
	t.over = true
	t.known.each(func(r record) { t.keep(xxhash.Sum64(r.text())) })
	t.known = textTable{}
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
		return uint64(t.known.used)
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
	found := make([]record, 0, t.known.used)
	t.known.each(func(r record) { found = append(found, r) })
	// By count, and of equal ones the larger text first.
	order := func(measure func(record) float64) (top []*tfmd.StringStatistics_FreqAndValue,
		ranks *tfmd.RankHistogram) {
		ranks = &tfmd.RankHistogram{}
		for i, e := range first(found, max(o.TopValues, o.Ranks), func(a, b record) int {
			if c := cmp.Compare(measure(b), measure(a)); c != 0 {
				return c
			}
			return bytes.Compare(b.text(), a.text())
		}) {
			text, n := string(e.text()), measure(e)
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
	out.TopValues, out.RankHistogram = order(func(r record) float64 { return float64(r.count()) })
	if t.weighted {
		w := &tfmd.WeightedStringStatistics{}
		w.TopValues, w.RankHistogram = order(func(r record) float64 { return float64(r.weight()) / weightScale })
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
