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
	found []entry  // its different numbers in order, once it is resolved
}

// pair is the order key of a number with its weight.
type pair struct {
	key    uint64
	weight int64
}

// spread is what further passes over the numbers of a slice find.
type spread struct {
	at       [1 << denseBits]uint8 // 1 + index of the first bucket with the leading bits
	buckets  []*bucket             // in order
	edges    []float64             // of the histogram of equal width
	scale    float64               // buckets per unit
	counts   []uint64
	weights  []int64
	counted  bool // the histogram is done
	weighted bool
	pins     *pins
}

// prepare says what the next pass has to find: the numbers at the ranks and at
// the weights of the quantiles, and the counts between the edges.
func (a *numbers) prepare(quantiles int, edges []float64) {
	s := &spread{weighted: a.weighted, edges: edges, counts: make([]uint64, max(len(edges)-1, 0)),
		weights: make([]int64, max(len(edges)-1, 0))}
	if len(edges) > 1 {
		s.scale = float64(len(edges)-1) / (edges[len(edges)-1] - edges[0])
	}
	s.buckets = a.dense.wanted(bucket{}, quantiles, a.n, a.weight)
	s.index()
	s.pins = a.pins
	a.spread = s
}

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

// index lets add find a number's bucket.
func (s *spread) index() {
	s.at = [1 << denseBits]uint8{}
	for i, b := range s.buckets {
		if top := b.prefix >> (b.bits - denseBits); s.at[top] == 0 {
			s.at[top] = uint8(i + 1)
		}
		switch {
		case b.found != nil:
		case b.count > heldKeys && b.bits < 64:
			b.split = newDense(true)
		case s.weighted:
			b.pairs = make([]pair, 0, min(b.count, heldKeys))
		case b.bits < 64:
			b.keys = make([]uint64, 0, b.count)
		}
	}
}

// again takes in a number that was taken in before.
func (s *spread) again(x float64, weight int64) {
	if math.IsNaN(x) {
		return
	}
	if x == 0 {
		x = 0
	}
	if !s.counted && s.pins != nil {
		s.pins.add(x, 1)
	}
	if !s.counted && len(s.counts) > 0 && x >= s.edges[0] && x <= s.edges[len(s.edges)-1] {
		i := s.cell(x)
		s.counts[i]++
		s.weights[i] += weight
	}
	key := orderKey(x)
	for i := int(s.at[key>>(64-denseBits)]) - 1; i >= 0 && i < len(s.buckets); i++ {
		b := s.buckets[i]
		if key>>(64-b.bits) != b.prefix {
			if key>>(64-denseBits) != b.prefix>>(b.bits-denseBits) {
				return
			}
			continue
		}
		if b.split != nil {
			j := key << b.bits >> (64 - denseBits)
			b.split.counts[j]++
			b.split.weights[j] += weight
		} else if b.found == nil {
			b.hold(key, weight, s.weighted)
		}
		return
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

// hold keeps a number. The numbers of a bucket of 64 bits are equal, so that there is nothing to keep
// but weights, and those in one place when there are too many.
func (b *bucket) hold(key uint64, weight int64, weighted bool) {
	switch {
	case weighted && len(b.pairs) == cap(b.pairs) && b.bits == 64 && len(b.pairs) > 0:
		b.pairs[0].weight += weight
	case weighted:
		b.pairs = append(b.pairs, pair{key, weight})
	case b.bits < 64:
		b.keys = append(b.keys, key)
	}
}

// settle ends a pass, and reports whether another one is needed.
func (a *numbers) settle(quantiles int) (more bool) {
	s := a.spread
	s.counted = true
	var next []*bucket
	for _, b := range s.buckets {
		switch {
		case b.found != nil:
			next = append(next, b)
		case b.split != nil:
			parts := b.split.wanted(*b, quantiles, a.n, a.weight)
			next, more = append(next, parts...), true
		default:
			b.resolve(s.weighted)
			next = append(next, b)
		}
	}
	s.buckets = next
	if more {
		s.index()
	}
	return more
}

// resolve makes the different numbers of a bucket out of those that are held.
func (b *bucket) resolve(weighted bool) {
	if b.bits == 64 {
		w := int64(b.count) * weightScale
		if weighted {
			w = 0
		}
		for _, p := range b.pairs {
			w += p.weight
		}
		b.found, b.pairs = []entry{{fromKey(b.prefix), b.count, w}}, nil
		return
	}
	add := func(key uint64, weight int64) {
		if n := len(b.found); n > 0 && orderKey(b.found[n-1].value) == key {
			b.found[n-1].count++
			b.found[n-1].weight += weight
			return
		}
		b.found = append(b.found, entry{fromKey(key), 1, weight})
	}
	slices.Sort(b.keys)
	for _, key := range b.keys {
		add(key, weightScale)
	}
	slices.SortFunc(b.pairs, func(x, y pair) int { return cmp.Compare(x.key, y.key) })
	for _, p := range b.pairs {
		add(p.key, p.weight)
	}
	b.keys, b.pairs = nil, nil
}
