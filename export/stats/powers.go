package stats

import (
	"math"
	"math/bits"
)

// powers add numbers and their squares without rounding, much faster than a sum does: numbers of one
// sign and exponent are whole multiples of one power of two, so that their mantissas add up as
// integers.
type powers struct {
	// by sign and exponent, the upper 12 bits of a double
	at    [1 << 12]power
	added uint64 // since fold
}

// power are the sums of the mantissas of numbers with one sign and exponent: of their lower and upper
// 32 bits, and of their squares as integers of 128 bits.
type power struct {
	low, high           uint64
	squareLow, squareHi uint64
}

const (
	// Numbers with exponents in between have squares that sum.addProduct adds exactly too.
	leastPower, mostPower = 600, 1400
	// powerAdds is how often can be added before the sums have to be folded: a square has 106 bits.
	powerAdds = 1 << 21
	// powerTimes is how often a number can be added at once, so that no fold comes too late.
	powerTimes = 1 << 20
	// mantissaBits is how many bits of the mantissa a double has.
	mantissaBits = 52
	// expBias is what the exponent of a double of unit 1 has in its bits.
	expBias = 1075
)

// plain reports whether a number with these bits may be added.
func plain(b uint64) bool { return b>>mantissaBits&0x7ff-leastPower <= mostPower-leastPower }

// add adds a number for which plain is true, by its bits, so many times.
func (p *powers) add(b, count uint64) {
	at := &p.at[b>>mantissaBits]
	m := b&(1<<mantissaBits-1) | 1<<mantissaBits
	at.low += m & math.MaxUint32 * count
	at.high += m >> 32 * count
	hi, lo := bits.Mul64(m, m)
	over, lo := bits.Mul64(lo, count)
	var carry uint64
	at.squareLow, carry = bits.Add64(at.squareLow, lo, 0)
	at.squareHi += hi*count + over + carry
}

// fold moves what was added to a sum of numbers and one of squares.
func (p *powers) fold(s, squares *sum) {
	p.added = 0
	for i := range p.at {
		at := &p.at[i]
		if *at == (power{}) {
			continue
		}
		exponent, negative := i&0x7ff, i>>11 == 1
		s.addInteger(at.low, exponent, negative)
		s.addInteger(at.high, exponent+32, negative)
		// The unit of a square is 2^(2*(exponent-expBias)), and that of a sum 2^sumScale.
		unit := 2*(exponent-expBias) - sumScale
		squares.addInteger(at.squareLow, unit, false)
		squares.addInteger(at.squareHi, unit+64, false)
		*at = power{}
	}
}

// addInteger adds v times 2^(at+sumScale).
func (s *sum) addInteger(v uint64, at int, negative bool) {
	for i := at >> 5; v > 0; i, v = i+1, v>>32 {
		part := v & math.MaxUint32 << (at & 31)
		low, high := int64(part&math.MaxUint32), int64(part>>32)
		if negative {
			low, high = -low, -high
		}
		s.chunks[i] += low
		s.chunks[i+1] += high
		if s.adds++; s.adds == sumAdds {
			s.carry()
		}
	}
}
