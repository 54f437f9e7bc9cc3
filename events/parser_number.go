package events

import (
	"math"
	"math/bits"
)

// numeral is a number without exponent, of at most 19 digits.
type numeral struct {
	digits   uint64 // without the point
	fraction int    // how many of them follow the point; 0: there is no point
	negative bool
}

// numeral reads the number at i, of which w is the beginning. It is -1 if it has
// another form, or none.
func (b *page) numeral(w uint64, i int) (n numeral, end int) {
	if byte(w) == '-' {
		n.negative = true
		i++
		w = b.word(i)
	}
	x := w ^ ones*'0'
	start := i
	if byte(w>>8) == '.' && byte(x) <= 9 {
		n.digits = x & 0xFF
		i++
	} else {
		count := lowest(nonDigits(x))
		if count == 0 || count > 1 && byte(x) == 0 {
			return n, -1
		}
		n.digits = valueOf(x, count)
		if i += count; count == 8 {
			n.digits, i = b.moreDigits(n.digits, i)
		}
	}
	total := i - start
	c := b.at(i)
	if c == '.' {
		i++
		x = b.word(i) ^ ones*'0'
		count := lowest(nonDigits(x))
		if count == 0 {
			return n, -1
		}
		n.digits = n.digits*tens[count] + valueOf(x, count)
		n.fraction = count
		if i += count; count == 8 {
			from := i
			n.digits, i = b.moreDigits(n.digits, i)
			n.fraction += i - from
		}
		total += n.fraction
		c = b.at(i)
	}
	if total > 19 || c|0x20 == 'e' {
		return n, -1
	}
	return n, i
}

// moreDigits appends the digits at i to n, of which there must not be more than
// 19 together.
func (b *page) moreDigits(n uint64, i int) (uint64, int) {
	for {
		x := b.word(i) ^ ones*'0'
		count := lowest(nonDigits(x))
		if count == 0 {
			return n, i
		}
		n = n*tens[count] + valueOf(x, count)
		i += count
		if count < 8 {
			return n, i
		}
	}
}

// valueOf is the number that the lowest count bytes of x, each a digit, spell.
// Pairs become numbers to 99, pairs of these to 9999, and so on. With zeros in
// front it is always eight digits.
func valueOf(x uint64, count int) uint64 {
	x <<= uint(64-8*count) & 63
	x = x*10 + x>>8
	const pairs = 0x000000FF000000FF
	return ((x&pairs)*(100+1000000<<32) + (x>>16&pairs)*(1+10000<<32)) >> 32
}

// tens are the powers of ten.
var tens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
	1e18}

// int is the number as an integer, if it has no point and fits.
func (n numeral) int() (int64, bool) {
	if n.fraction > 0 {
		return 0, false
	}
	if n.negative {
		return -int64(n.digits), n.digits <= 1<<63
	}
	return int64(n.digits), n.digits <= math.MaxInt64
}

// float is the number as a float64, correctly rounded.
func (n numeral) float() float64 {
	var f float64
	if n.digits <= 1<<53 {
		f = float64(int64(n.digits)) / powersOfTen[n.fraction] // both exact, so it rounds once
	} else {
		f = quotient(n.digits, tens[n.fraction])
	}
	if n.negative {
		return -f
	}
	return f
}

// quotient is n/d as a float64, correctly rounded, of n > 0 and d > 0. It
// divides integers and gets at least 63 bits. The bit of whatever remains makes
// the one rounding, in the conversion, see on which side of a half it is.
func quotient(n, d uint64) float64 {
	up, down := bits.LeadingZeros64(n), bits.LeadingZeros64(d)
	n, d = n<<up, d<<down
	q, rest := bits.Div64(n>>1, n<<63, d)
	if rest > 0 {
		q |= 1
	}
	return float64(q) * math.Float64frombits(uint64(1023-63-up+down)<<52)
}
