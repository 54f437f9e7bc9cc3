package stats

import (
	"math"
	"math/big"
)

// sum adds doubles without rounding, so that the order of addition changes
// nothing. It is the small superaccumulator of Radford M. Neal, "Fast exact
// summation using small and large superaccumulators" (2015): a fixed-point
// number of 2144 bits in chunks that overlap by 32 bits.
type sum struct {
	chunks [sumChunks]int64
	adds   int
}

const (
	sumChunks = 68
	// sumAdds is how often can be added before a chunk has to hand its carry
	// on: each addition brings at most 52 bits.
	sumAdds = 1 << 10
	// sumScale is the power of two that the lowest bit stands for.
	sumScale = -1075
)

// add adds a finite number.
func (s *sum) add(x float64) {
	bits := math.Float64bits(x)
	exponent, mantissa := bits>>52&0x7ff, bits&(1<<52-1)
	if exponent == 0 {
		exponent = 1
	} else {
		mantissa |= 1 << 52
	}
	i, shift := exponent>>5, exponent&31
	low, high := int64(mantissa<<shift&math.MaxUint32), int64(mantissa>>(32-shift))
	if bits>>63 != 0 {
		low, high = -low, -high
	}
	s.chunks[i] += low
	s.chunks[i+1] += high
	if s.adds++; s.adds == sumAdds {
		s.carry()
	}
}

// addProduct adds a*b, exactly unless it overflows or nearly vanishes.
func (s *sum) addProduct(a, b float64) {
	high := a * b
	if math.IsInf(high, 0) {
		return // beyond what a double holds: the callers say so
	}
	s.add(high)
	if low := math.FMA(a, b, -high); low != 0 {
		s.add(low)
	}
}

// carry hands on what chunks have beyond their 32 bits.
func (s *sum) carry() {
	for i := range sumChunks - 1 {
		s.chunks[i+1] += s.chunks[i] >> 32
		s.chunks[i] &= math.MaxUint32
	}
	s.adds = 0
}

// integer is the sum as a multiple of 2^sumScale.
func (s *sum) integer() *big.Int {
	s.carry()
	total, chunk := new(big.Int), new(big.Int)
	for i := sumChunks - 1; i >= 0; i-- {
		total.Lsh(total, 32).Add(total, chunk.SetInt64(s.chunks[i]))
	}
	return total
}

// moments are the mean and the standard deviation of values with the sum s, the
// sum of squares q and the total weight n, rounded once.
func moments(s, q *sum, n int64) (mean, deviation float64) {
	a, b, w := s.integer(), q.integer(), big.NewInt(n)
	mean = quotient(a, w, sumScale)
	// n*q - s*s over n*n, in units of 2^(2*sumScale).
	spread := new(big.Int).Mul(b, w)
	spread.Lsh(spread, -sumScale)
	spread.Sub(spread, new(big.Int).Mul(a, a))
	if spread.Sign() <= 0 {
		return mean, 0
	}
	return mean, math.Sqrt(quotient(spread, new(big.Int).Mul(w, w), 2*sumScale))
}

// quotient is a/b times a power of two, as a double.
func quotient(a, b *big.Int, exponent int) float64 {
	const precision = 128
	x := new(big.Float).SetPrec(precision).SetInt(a)
	x.Quo(x, new(big.Float).SetPrec(precision).SetInt(b))
	f, _ := x.SetMantExp(x, exponent).Float64()
	return f
}
