package jsonevent

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/labeljoin/labeljoin/events"
)

// A number is read in two ways, byte by byte (parseDecimal) or eight bytes at once
// (page.numeral), into one form, which has one arithmetic.

// numeral is a number without exponent, of at most 19 digits.
type numeral struct {
	digits   uint64 // without the point
	fraction int    // how many of them follow the point; 0: there is no point
	negative bool
}

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

// float is the number as a float64, correctly rounded. Digits and a power of ten that both
// are exact as float64 need one division, which rounds once (Clinger 1990, "How to Read
// Floating Point Numbers Accurately").
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

// tens are the powers of ten.
var tens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
	1e18}

// powersOfTen are those that float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is a valid JSON number, taken apart. Its digits are valid if there are at most 19.
type decimal struct {
	numeral
	count    int // of the digits, leading zeros included
	exponent int // index of what follows the e, 0 if there is none
}

// parseDecimal reads a valid JSON number byte by byte.
func parseDecimal[T string | []byte](text T) decimal {
	var d decimal
	end := len(text)
	for i := range len(text) {
		c := text[i]
		if isDigit(c) {
			d.digits = d.digits*10 + uint64(c-'0')
			continue
		}
		switch c {
		case '-':
			d.negative = true
		case '.':
			d.fraction = i
		default:
			d.exponent, end = i+1, i
		}
		if d.exponent > 0 {
			break
		}
	}
	d.count = end
	if d.negative {
		d.count--
	}
	if d.fraction > 0 {
		d.count--
		d.fraction = end - d.fraction - 1
	}
	return d
}

// int is the number's value if it has neither fraction nor exponent and fits.
func (d *decimal) int() (int64, bool) {
	if d.exponent > 0 || d.count > 19 {
		return 0, false
	}
	return d.numeral.int()
}

// number is a JSON number as a value: Int if it is written as an integer and
// fits, which makes an Int of -0 too, else Double.
func number(text string) events.Value {
	d := parseDecimal(text)
	if n, ok := d.int(); ok {
		return events.Value{Kind: events.ValueInt, Int: n}
	}
	return events.Value{Kind: events.ValueDouble, Float: d.float(text)}
}

// float is a JSON number as a float64, correctly rounded.
func float(text string) float64 {
	d := parseDecimal(text)
	return d.float(text)
}

// float is the number as a float64, correctly rounded. What a numeral does not hold is
// strconv's business.
func (d *decimal) float(text string) float64 {
	if d.exponent == 0 && d.count <= 19 {
		return d.numeral.float()
	}
	f, _ := strconv.ParseFloat(text, 64) // the scanner has refused what does not fit
	return f
}

// integral is the value of a JSON number if it is a whole one that fits int64,
// however it is written: 2, 2.0 and 20e-1 are the same number.
func integral[T string | []byte](text T) (int64, bool) {
	d := parseDecimal(text)
	if n, ok := d.int(); ok {
		return n, true
	}
	scale, end := -d.fraction, len(text)
	if d.exponent > 0 {
		scale, end = scale+exponentOf(text[d.exponent:]), d.exponent-1
	}
	for scale < 0 && end > 0 && (text[end-1] == '0' || text[end-1] == '.') {
		if end--; text[end] == '0' {
			scale++
		}
	}
	return compose(text[:end], scale, d.negative)
}

// compose is the digits of text times ten to the scale.
func compose[T string | []byte](text T, scale int, negative bool) (int64, bool) {
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var n uint64
	for i := range len(text) {
		if !isDigit(text[i]) {
			continue
		}
		c := uint64(text[i] - '0')
		if n > (limit-c)/10 {
			return 0, false
		}
		n = n*10 + c
	}
	if n == 0 {
		return 0, true
	}
	for ; scale > 0; scale-- {
		if n > limit/10 {
			return 0, false
		}
		n *= 10
	}
	if negative {
		return -int64(n), scale == 0
	}
	return int64(n), scale == 0
}

// exponentOf reads an exponent. What is beyond a million is beyond any number
// that has a value here, zero excepted.
func exponentOf[T string | []byte](text T) int {
	n, negative := 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '-':
			negative = true
		case isDigit(c):
			n = min(n*10+int(c-'0'), 1_000_000)
		}
	}
	if negative {
		return -n
	}
	return n
}
