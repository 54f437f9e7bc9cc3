package stats

import (
	"math"
	"slices"
)

// weightScale is what a weight of 1 is counted as: whole numbers are the same
// in every order of addition.
const weightScale = 1 << 24

// entry is a value, how often it occurs, and the sum of its weights.
type entry struct {
	value  float64
	count  uint64
	weight int64
}

// numbers takes in the numbers of one column in one slice. As long as few
// different ones have come it counts each; then it counts by the leading bits
// and looks at the values a second time.
type numbers struct {
	weighted            bool
	n, nan, zeros       uint64
	weight              int64 // of all that are not NaN
	below, above        uint64
	belowW, aboveW      int64   // of the infinite ones
	min, max            float64 // of all but NaN
	finiteMin           float64
	finiteMax           float64
	sum, squares        sum
	weightSum, weightSq sum
	few                 *table
	small               *[smallNumbers]uint64 // whole numbers that are not in few yet; nil: none are
	dense               *dense
	powers              *powers // what sum and squares do not have yet; nil: they have all
	spread              *spread // counts of the second pass
	pins                *pins   // nil: none were given
}

func newNumbers(weighted bool) *numbers {
	return &numbers{
		weighted: weighted, few: newTable(), min: math.Inf(1), max: math.Inf(-1), finiteMin: math.Inf(1), finiteMax: math.Inf(-1),
	}
}

// add takes in a value that occurs count times. All its weight is in units of 1/weightScale.
func (a *numbers) add(x float64, count uint64, weight int64) {
	if a.few != nil {
		if x == 0 {
			x = 0 // minus zero is zero
		}
		if math.IsNaN(x) {
			a.nan += count
			return
		}
		if a.few.add(x, count, weight) {
			return
		}
		a.spill()
	}
	a.addDense(x, count, weight)
}

// spill moves the counted values to the other way of counting.
func (a *numbers) spill() {
	entries, small := a.few.entries, a.small
	a.few, a.small, a.dense = nil, nil, newDense(a.weighted)
	for _, e := range entries {
		if e.count > 0 {
			a.addDense(e.value, e.count, e.weight)
		}
	}
	if small == nil {
		return
	}
	for x, n := range small {
		if n > 0 {
			a.addDense(float64(x), n, int64(n)*weightScale)
		}
	}
}

// addDense takes in a value that occurs count times.
func (a *numbers) addDense(x float64, count uint64, weight int64) {
	if math.IsNaN(x) {
		a.nan += count
		return
	}
	if x == 0 {
		x = 0
	}
	a.note(x, count, weight)
	a.dense.add(orderKey(x), count, weight)
}

// smallNumbers are the whole numbers from 0 on that are counted by their value at first.
const smallNumbers = 4096

// addAll takes in values of weight 1. times says how often each is there; nil: once.
func (a *numbers) addAll(xs []float64, times []uint64) {
	if a.few != nil {
		taken := a.addFew(xs, times)
		if xs = xs[taken:]; times != nil {
			times = times[taken:]
		}
	}
	if len(xs) == 0 {
		return
	}
	if a.powers == nil {
		a.powers = new(powers)
	}
	least, most, n, zeros, p, counts := a.finiteMin, a.finiteMax, uint64(0), uint64(0), a.powers, a.dense.counts
	count := uint64(1)
	for i, x := range xs {
		if times != nil {
			count = times[i]
		}
		b := math.Float64bits(x)
		if x == 0 {
			zeros += count // minus zero too
			continue
		}
		if !plain(b) || count > powerTimes {
			a.addDense(x, count, int64(count)*weightScale)
			continue
		}
		n += count
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
		if p.added += count; p.added > powerAdds {
			p.fold(&a.sum, &a.squares)
			p.added = count
		}
		p.add(b, count)
		counts[orderKey(x)>>(64-denseBits)] += count
	}
	a.n, a.weight = a.n+n, a.weight+int64(n)*weightScale
	a.finiteMin, a.finiteMax = min(a.finiteMin, least), max(a.finiteMax, most)
	a.min, a.max = min(a.min, least), max(a.max, most)
	if zeros > 0 {
		a.addDense(0, zeros, int64(zeros)*weightScale)
	}
}

// addFew counts each of the values, as long as there are few different ones, and returns how many it has taken in.
func (a *numbers) addFew(xs []float64, times []uint64) (taken int) {
	if a.small == nil {
		a.small = new([smallNumbers]uint64)
	}
	count := uint64(1)
	for i, x := range xs {
		if times != nil {
			count = times[i]
		}
		if whole := int64(x); uint64(whole) < smallNumbers && float64(whole) == x {
			a.small[whole] += count
			continue
		}
		if a.add(x, count, int64(count)*weightScale); a.few == nil {
			return i + 1
		}
	}
	return len(xs)
}

// settleSmall counts what addFew has counted apart with the other values.
func (a *numbers) settleSmall() {
	if a.few == nil || a.small == nil {
		return
	}
	for x, n := range a.small {
		if n > 0 && !a.few.add(float64(x), n, int64(n)*weightScale) {
			clear(a.small[:x]) // they are counted
			a.spill()
			break
		}
	}
	a.small = nil
}

// note updates everything but the counts by value.
func (a *numbers) note(x float64, count uint64, weight int64) {
	a.n += count
	a.weight += weight
	a.min, a.max = min(a.min, x), max(a.max, x)
	switch {
	case x == 0:
		a.zeros += count
	case x > math.MaxFloat64:
		a.above, a.aboveW = a.above+count, a.aboveW+weight
		return
	case x < -math.MaxFloat64:
		a.below, a.belowW = a.below+count, a.belowW+weight
		return
	}
	a.finiteMin, a.finiteMax = min(a.finiteMin, x), max(a.finiteMax, x)
	if count == 1 {
		a.sum.add(x)
		a.squares.addProduct(x, x)
	} else {
		addTimes(&a.sum, &a.squares, x, float64(count))
	}
	if a.weighted {
		addTimes(&a.weightSum, &a.weightSq, x, float64(weight))
	}
}

// addTimes adds n*x to one sum and n*x*x to another.
func addTimes(s, q *sum, x, n float64) {
	s.addProduct(n, x)
	high := x * x
	if math.IsInf(high, 0) {
		return
	}
	q.addProduct(n, high)
	q.addProduct(n, math.FMA(x, x, -high))
}

// orderKey maps numbers to integers in the same order.
func orderKey(x float64) uint64 {
	bits := math.Float64bits(x)
	return bits ^ (uint64(int64(bits)>>63) | 1<<63) // all bits of a negative number, else the first
}

// fromKey is the number of an order key.
func fromKey(key uint64) float64 {
	if key>>63 != 0 {
		return math.Float64frombits(key &^ (1 << 63))
	}
	return math.Float64frombits(^key)
}

// tableValues is how many different numbers are counted one by one.
const tableValues = 1024

// table counts few different numbers, by open addressing.
type table struct {
	entries []entry
	used    int
}

func newTable() *table { return &table{entries: make([]entry, 64)} }

// add counts a number, unless it is one too many.
func (t *table) add(x float64, count uint64, weight int64) bool {
	mask := uint64(len(t.entries) - 1)
	for i := mix(math.Float64bits(x)) & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.count == 0 {
			return t.insert(e, entry{x, count, weight})
		}
		if e.value == x {
			e.count += count
			e.weight += weight
			return true
		}
	}
}

func (t *table) insert(at *entry, e entry) bool {
	if t.used == tableValues {
		return false
	}
	*at = e
	if t.used++; 2*t.used > len(t.entries) {
		old := t.entries
		t.entries, t.used = make([]entry, 2*len(old)), 0
		for _, o := range old {
			if o.count > 0 {
				t.add(o.value, o.count, o.weight)
			}
		}
	}
	return true
}

// sorted are the entries by value.
func (t *table) sorted() []entry {
	var out []entry
	for _, e := range t.entries {
		if e.count > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return compareFloats(a.value, b.value) })
	return out
}

func compareFloats(a, b float64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// mix spreads the bits of a number (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
