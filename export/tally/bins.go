package tally

import (
	"cmp"
	"math"
	"slices"
)

// Bin are the numbers between two neighbours among ..., 1, 1.25, 1.5, 1.75, 2, 2.5, ...: those with the
// same sign, exponent and first two bits of the mantissa.
type Bin struct {
	At    uint16 // the first 14 bits of the numbers
	Count uint64
	// Above is the sum of the next 12 bits of the numbers.
	Above uint64
}

const (
	binBits   = 14
	binShift  = 64 - binBits
	aboveBits = 12
)

// Edges are the two ends of a bin, the lower one first.
func (b *Bin) Edges() (low, high float64) {
	low = math.Float64frombits(uint64(b.At) << binShift)
	high = math.Float64frombits(uint64(b.At+1) << binShift)
	if low < 0 || math.Signbit(low) {
		return high, low
	}
	return low, high
}

// Sum is the sum of the numbers of a bin, each within 2^-15 of its size.
func (b *Bin) Sum() float64 {
	low := math.Float64frombits(uint64(b.At) << binShift)
	high := math.Float64frombits(uint64(b.At+1) << binShift)
	return float64(b.Count)*low + (high-low)*(float64(b.Above)+float64(b.Count)/2)/(1<<aboveBits)
}

// bins are all bins, in memory that is used again: each its count above countShift, and below it what Bin.Above is.
type bins [1 << binBits]uint64

// mostAtOnce is how many numbers are counted before the bins are emptied: so many never reach the bits of a count.
const (
	countShift = 32
	mostAtOnce = 1 << (countShift - aboveBits)
)

// count counts numbers.
func count[T float64 | int64 | int32](s *bins, c *Column, values []T) {
	for len(values) > 0 {
		some := values[:min(len(values), mostAtOnce)]
		values = values[len(some):]
		countSome(s, c, some)
	}
}

// countSome counts numbers, at most mostAtOnce.
func countSome[T float64 | int64 | int32](s *bins, c *Column, values []T) {
	least, most, zeros := c.Min, c.Max, uint64(0)
	first, last := uint64(1<<binBits-1), uint64(0)
	for _, v := range values {
		x := float64(v)
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
		if x == 0 {
			zeros++
			continue
		}
		b := math.Float64bits(x)
		at := b >> binShift
		s[at] += 1<<countShift | b>>(binShift-aboveBits)&(1<<aboveBits-1)
		first, last = min(first, at), max(last, at)
	}
	c.Min, c.Max, c.Zeros = least, most, c.Zeros+zeros
	var found []Bin
	for at := first; at <= last; at++ {
		if n := s[at]; n > 0 {
			found = append(found, Bin{uint16(at), n >> countShift, n & (1<<countShift - 1)})
			s[at] = 0
		}
	}
	c.Bins = joinBins(c.Bins, found)
}

// addEqual counts a number that there is n times.
func (c *Column) addEqual(x float64, n uint64) {
	if n == 0 {
		return
	}
	c.Min, c.Max = min(c.Min, x), max(c.Max, x)
	if x == 0 {
		c.Zeros += n
		return
	}
	b := math.Float64bits(x)
	c.Bins = joinBins(c.Bins, []Bin{{uint16(b >> binShift), n, n * (b >> (binShift - aboveBits) & (1<<aboveBits - 1))}})
}

// joinBins adds up bins. Both lists are in order.
func joinBins(a, b []Bin) []Bin {
	if len(a) == 0 {
		return slices.Clone(b)
	}
	out := make([]Bin, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0].At, b[0].At) {
		case -1:
			out, a = append(out, a[0]), a[1:]
		case 1:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Bin{a[0].At, a[0].Count + b[0].Count, a[0].Above + b[0].Above})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
