package events

import (
	"math"
	"math/bits"
)

// WholeSum is a + b; ok is false if that has more than 64 bits.
func WholeSum(a, b int) (sum int, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}

// WholeDifference is a - b; ok is false if that has more than 64 bits.
func WholeDifference(a, b int) (difference int, ok bool) {
	difference = a - b
	return difference, (difference < a) == (b > 0)
}

// WholeProduct is a * b; ok is false if that has more than 64 bits.
func WholeProduct(a, b int) (product int, ok bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	if high != 0 || low > math.MaxInt64+1 || low == math.MaxInt64+1 && !negative {
		return 0, false
	}
	return a * b, true
}

// magnitude is a number without its sign.
func magnitude(a int) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}
