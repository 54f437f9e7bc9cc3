package stats

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Numbers of which there are many are found by rank in two passes: the first
// counts them by the leading 16 bits of their order key; the second looks into
// the few buckets that hold a rank that is wanted. A bucket that is too large
// to be held is divided by its next 16 bits first, in a pass of its own.
const (
	denseBits = 16
	// heldKeys is how many numbers of a wanted bucket are held at a time.
	heldKeys = 4 << 20
)

// dense counts numbers by their leading bits.
type dense struct {
	counts  []uint64
	weights []int64 // nil without weights
}

func newDense(weighted bool) *dense {
	d := &dense{counts: make([]uint64, 1<<denseBits)}
	if weighted {
		d.weights = make([]int64, 1<<denseBits)
	}
	return d
}

func (d *dense) add(key, count uint64, weight int64) {
	i := key >> (64 - denseBits)
	d.counts[i] += count
	if d.weights != nil {
		d.weights[i] += weight
	}
}

// bucket is a range of order keys, those with one prefix.
type bucket struct {
	prefix uint64
	bits   uint   // of the prefix
	count  uint64 // of its numbers
	// What is before it.
	countBefore  uint64
	weightBefore int64

	split *dense   // counts by the next bits, where it is divided
	keys  []uint64 // its numbers, where it is held and all weigh the same
	pairs []pair   // the same with weights
	done  bool     // it is resolved
	// whole: its numbers weigh the same, are all with these leading bits, and are held and not counted. Minus zero
	// has them not, but is zero.
	whole bool
	found []known // its numbers that hold a quantile, in order, once it is resolved
}

// pair is the order key of a number with its weight.
type pair struct {
	key    uint64
	weight int64
}

// spread is what further passes over the numbers of a slice find.
type spread struct {
	// at says by the leading bits whether a number has to be looked at: 1 + index of the first bucket
	// with them, edgesOnly where there is no such bucket, or 0.
	at      [1 << denseBits]uint8
	buckets []*bucket // in order
	// crossed are the leading bits of numbers between which there is an edge of the histogram or a
	// pin. All others are counted together.
	crossed  [1 << denseBits / 64]uint64
	edges    []float64 // of the histogram of equal width
	scale    float64   // buckets per unit
	counts   []uint64
	weights  []int64
	counted  bool // the histogram is done
	weighted bool
	pins     *pins
}

const edgesOnly = math.MaxUint8

// prepare says what the next pass has to find: the numbers at the ranks and at
// the weights of the quantiles, and the counts between the edges.
func (a *numbers) prepare(quantiles int, edges []float64) {
	s := &spread{weighted: a.weighted, edges: edges, counts: make([]uint64, max(len(edges)-1, 0)),
		weights: make([]int64, max(len(edges)-1, 0))}
	if len(edges) > 1 {
		s.scale = float64(len(edges)-1) / (edges[len(edges)-1] - edges[0])
	}
	s.buckets = a.dense.wanted(bucket{}, quantiles, a.n, a.weight)
	s.pins = a.pins
	s.countWhole(a.dense)
	s.index()
	a.spread = s
}

// countWhole counts the numbers with the same leading bits together, unless an edge or a pin is
// between them.
func (s *spread) countWhole(d *dense) {
	for i, n := range d.counts {
		if n == 0 {
			continue
		}
		low, high := fromKey(uint64(i)<<(64-denseBits)), fromKey(uint64(i+1)<<(64-denseBits)-1)
		if math.IsInf(low, 0) || math.IsInf(high, 0) {
			s.cross(i) // the other ones with the bits of infinity are no numbers
			continue
		}
		weight := int64(n) * weightScale
		if d.weights != nil {
			weight = d.weights[i]
		}
		cell, otherCell := -1, -1
		if len(s.counts) > 0 {
			low, high := max(low, s.edges[0]), min(high, s.edges[len(s.edges)-1])
			cell, otherCell = s.cell(low), s.cell(high)
		}
		place, otherPlace := 0, 0
		if s.pins != nil {
			place, otherPlace = s.pins.place(low), s.pins.place(high)
		}
		if cell != otherCell || place != otherPlace {
			s.cross(i)
			continue
		}
		if cell >= 0 {
			s.counts[cell] += n
			s.weights[cell] += weight
		}
		if s.pins != nil {
			s.pins.counts[place] += n
		}
	}
}

func (s *spread) cross(leading int) { s.crossed[leading/64] |= 1 << (leading % 64) }

// wanted are the parts of a range, as counted by d, that hold a quantile.
func (d *dense) wanted(of bucket, quantiles int, n uint64, weight int64) []*bucket {
	var out []*bucket
	count, w := of.countBefore, of.weightBefore
	for i, c := range d.counts {
		if c == 0 {
			continue
		}
		var wHere int64
		if d.weights != nil {
			wHere = d.weights[i]
		}
		hit := false
		for k := range quantiles + 1 {
			rank := rankOf(uint64(k), uint64(quantiles), n)
			hit = hit || rank >= count && rank < count+c
			if d.weights != nil && wHere > 0 {
				at := int64(rankOf(uint64(k), uint64(quantiles), uint64(weight)))
				hit = hit || at >= w && at < w+wHere
			}
		}
		if hit {
			out = append(out, &bucket{
				prefix: of.prefix<<denseBits | uint64(i), bits: of.bits + denseBits, count: c, countBefore: count, weightBefore: w,
			})
		}
		count, w = count+c, w+wHere
	}
	return out
}

// rankOf is the rank, from 0, of the k-th of the boundaries between q parts of n
// things: numbers, or units of weight.
func rankOf(k, q, n uint64) uint64 {
	high, low := bits.Mul64(k, n)
	rank, _ := bits.Div64(high, low, q)
	return min(rank, n-1)
}

// index lets again find what is to be done with a number.
func (s *spread) index() {
	const zero, minusZero = 1 << (denseBits - 1), 1<<(denseBits-1) - 1 // the leading bits of both
	s.at = [1 << denseBits]uint8{}
	if !s.counted {
		for i := range s.at {
			if s.crossed[i/64]>>(i%64)&1 == 1 {
				s.at[i] = edgesOnly
			}
		}
	}
	for i, b := range s.buckets {
		if b.done {
			continue
		}
		if top := b.prefix >> (b.bits - denseBits); s.at[top] == 0 || s.at[top] == edgesOnly {
			s.at[top] = uint8(i + 1)
		}
		switch {
		case b.count > heldKeys && b.bits < 64:
			b.split = newDense(true)
		case s.weighted:
			b.pairs = make([]pair, 0, min(b.count, heldKeys))
		case b.bits < 64:
			b.keys = make([]uint64, 0, b.count)
			b.whole = b.bits == denseBits && s.crossed[b.prefix/64]>>(b.prefix%64)&1 == 0 && b.prefix != minusZero
		}
	}
	if s.at[zero] != 0 && s.at[minusZero] == 0 {
		s.at[minusZero] = edgesOnly // minus zero is zero
	}
}

// againAll takes in numbers of weight 1 that were taken in before. times says how often each is there; nil: once.
func (s *spread) againAll(xs []float64, times []uint64) {
	count := uint64(1)
	for i, x := range xs {
		key := orderKey(x)
		at := s.at[key>>(64-denseBits)]
		if at == 0 {
			continue
		}
		if times != nil {
			count = times[i]
		}
		if at != edgesOnly && s.buckets[at-1].whole {
			s.buckets[at-1].hold(key, count, 0, false)
			continue
		}
		s.again(x, count, int64(count)*weightScale)
	}
}

// again takes in a number that was taken in before, with all its weight.
func (s *spread) again(x float64, count uint64, weight int64) {
	if math.IsNaN(x) {
		return
	}
	if x == 0 {
		x = 0
	}
	key := orderKey(x)
	top := key >> (64 - denseBits)
	if s.at[top] == 0 {
		return
	}
	if !s.counted && s.crossed[top/64]>>(top%64)&1 == 1 {
		s.count(x, count, weight)
	}
	for i := int(s.at[top]) - 1; i < len(s.buckets); i++ {
		b := s.buckets[i]
		if key>>(64-b.bits) != b.prefix {
			if top != b.prefix>>(b.bits-denseBits) {
				return
			}
			continue
		}
		if b.split != nil {
			j := key << b.bits >> (64 - denseBits)
			b.split.counts[j] += count
			b.split.weights[j] += weight
		} else if !b.done {
			b.hold(key, count, weight, s.weighted)
		}
		return
	}
}

// count counts a number between the pins and between the edges.
func (s *spread) count(x float64, count uint64, weight int64) {
	if s.pins != nil {
		s.pins.add(x, count)
	}
	if len(s.counts) > 0 && x >= s.edges[0] && x <= s.edges[len(s.edges)-1] {
		i := s.cell(x)
		s.counts[i] += count
		s.weights[i] += weight
	}
}

// cell is the bucket of equal width that x is in: each has its upper edge, and
// the first one its lower edge too.
func (s *spread) cell(x float64) int {
	i := min(max(int((x-s.edges[0])*s.scale), 0), len(s.counts)-1)
	for i > 0 && x <= s.edges[i] {
		i--
	}
	for i < len(s.counts)-1 && x > s.edges[i+1] {
		i++
	}
	return i
}

// hold keeps a number: with weights, one that is there once. The numbers of a bucket of 64 bits are equal, so that
// there is nothing to keep but weights, and those in one place when there are too many.
func (b *bucket) hold(key, count uint64, weight int64, weighted bool) {
	switch {
	case weighted && len(b.pairs) == cap(b.pairs) && b.bits == 64 && len(b.pairs) > 0:
		b.pairs[0].weight += weight
	case weighted:
		b.pairs = append(b.pairs, pair{key, weight})
	case b.bits < 64:
		for range count {
			b.keys = append(b.keys, key)
		}
	}
}

// settle ends a pass, and reports whether another one is needed.
func (a *numbers) settle(quantiles int) (more bool) {
	s := a.spread
	s.counted = true
	var next []*bucket
	for _, b := range s.buckets {
		switch {
		case b.done:
			next = append(next, b)
		case b.split != nil:
			parts := b.split.wanted(*b, quantiles, a.n, a.weight)
			next, more = append(next, parts...), true
		default:
			b.resolve(a, quantiles)
			next = append(next, b)
		}
	}
	s.buckets = next
	if more {
		s.index()
	}
	return more
}

// resolve finds the numbers of a bucket that hold a quantile among those that are held.
func (b *bucket) resolve(a *numbers, quantiles int) {
	b.done = true
	r := resolving{bucket: b, ranks: ranksFrom(b.countBefore, b.count, quantiles, a.n)}
	r.at.countBefore, r.at.weightBefore = b.countBefore, b.weightBefore
	switch {
	case b.bits == 64:
		weight := int64(b.count) * weightScale
		if a.weighted {
			weight = 0
		}
		for _, p := range b.pairs {
			weight += p.weight
		}
		r.add(b.prefix, b.count, weight)
	case a.weighted:
		slices.SortFunc(b.pairs, func(x, y pair) int { return cmp.Compare(x.key, y.key) })
		total := int64(0)
		for _, p := range b.pairs {
			total += p.weight
		}
		r.weights = ranksFrom(uint64(b.weightBefore), uint64(total), quantiles, uint64(a.weight))
		for i := 0; i < len(b.pairs); {
			from, weight := i, int64(0)
			for ; i < len(b.pairs) && b.pairs[i].key == b.pairs[from].key; i++ {
				weight += b.pairs[i].weight
			}
			r.add(b.pairs[from].key, uint64(i-from), weight)
		}
	default:
		r.sortKeys()
	}
	b.keys, b.pairs = nil, nil
}

// resolving goes over the different numbers of a bucket in order.
type resolving struct {
	*bucket
	at             known
	ranks, weights []uint64 // that are wanted, in order
}

// add keeps a number if it has a wanted rank, by count or by weight.
func (r *resolving) add(key, count uint64, weight int64) {
	r.at.entry = entry{fromKey(key), count, weight}
	hit := r.bits == 64
	for ; len(r.ranks) > 0 && r.ranks[0] < r.at.countBefore+count; r.ranks = r.ranks[1:] {
		hit = true
	}
	for ; len(r.weights) > 0 && int64(r.weights[0]) < r.at.weightBefore+weight; r.weights = r.weights[1:] {
		hit = true
	}
	if hit {
		r.found = append(r.found, r.at)
	}
	r.at.countBefore, r.at.weightBefore = r.at.countBefore+count, r.at.weightBefore+weight
}

// ranksFrom are the ranks of the quantiles of n things that are among the count from before on.
func ranksFrom(before, count uint64, quantiles int, n uint64) (out []uint64) {
	for k := range quantiles + 1 {
		if rank := rankOf(uint64(k), uint64(quantiles), n); rank >= before && rank < before+count {
			out = append(out, rank)
		}
	}
	return out
}

const (
	// fewKeys is how many numbers are sorted at once. Of more, those are sorted that share the first digit in
	// which numbers differ with a wanted rank.
	fewKeys = 1 << 10
	// digit is how many bits a digit has.
	digit = 11
)

// sortKeys adds the numbers that are held and may have a wanted rank, in order.
func (r *resolving) sortKeys() {
	if len(r.keys) <= fewKeys {
		slices.Sort(r.keys)
		r.addRuns(r.keys)
		return
	}
	differ := uint64(0)
	for _, k := range r.keys {
		differ |= k ^ r.keys[0]
	}
	shift := max(bits.Len64(differ)-digit, 0)
	digitOf := func(key uint64) uint64 { return key >> shift & (1<<digit - 1) }
	var counts [1 << digit]uint64
	for _, k := range r.keys {
		counts[digitOf(k)]++
	}
	var wanted [1 << digit]bool
	start, ranks := r.at.countBefore, r.ranks
	for i, n := range counts {
		start += n
		for ; len(ranks) > 0 && ranks[0] < start; ranks = ranks[1:] {
			wanted[i] = true
		}
	}
	kept := r.keys[:0]
	for _, k := range r.keys {
		if wanted[digitOf(k)] {
			kept = append(kept, k)
		}
	}
	slices.Sort(kept)
	for i, n := range counts {
		if !wanted[i] {
			r.skip(n)
			continue
		}
		r.addRuns(kept[:n])
		kept = kept[n:]
	}
}

// skip passes numbers over that have no wanted rank.
func (r *resolving) skip(n uint64) {
	r.at.countBefore, r.at.weightBefore = r.at.countBefore+n, r.at.weightBefore+int64(n)*weightScale
}

// addRuns adds sorted numbers of weight 1.
func (r *resolving) addRuns(keys []uint64) {
	for i := 0; i < len(keys); {
		from := i
		for i++; i < len(keys) && keys[i] == keys[from]; i++ {
		}
		r.add(keys[from], uint64(i-from), int64(i-from)*weightScale)
	}
}
