package events

import (
	"math"
	"strconv"
)

// decimal is a valid JSON number, taken apart.
type decimal struct {
	mantissa uint64 // its digits without the point; valid if there are at most 19
	digits   int    // of the mantissa, leading zeros included
	fraction int    // digits after the point
	negative bool
	exponent int // index of what follows the e, 0 if there is none
	point    bool
}

func takeApart[T string | []byte](text T) decimal {
	var d decimal
	end := len(text)
	for i := range len(text) {
		c := text[i]
		if isDigit(c) {
			d.mantissa = d.mantissa*10 + uint64(c-'0')
			continue
		}
		switch c {
		case '-':
			d.negative = true
		case '.':
			d.point, d.fraction = true, i
		default:
			d.exponent, end = i+1, i
		}
		if d.exponent > 0 {
			break
		}
	}
	d.digits = end
	if d.negative {
		d.digits--
	}
	if d.point {
		d.digits--
		d.fraction = end - d.fraction - 1
	}
	return d
}

// int is the number's value if it has neither fraction nor exponent and fits.
func (d *decimal) int() (int64, bool) {
	if d.point || d.exponent > 0 || d.digits > 19 {
		return 0, false
	}
	if d.negative {
		return -int64(d.mantissa), d.mantissa <= 1<<63
	}
	return int64(d.mantissa), d.mantissa <= math.MaxInt64
}

// number is a JSON number as a value: Int if it is written as an integer and
// fits, which makes an Int of -0 too, else Double.
func number(text string) Value {
	d := takeApart(text)
	if n, ok := d.int(); ok {
		return Value{Kind: Int, Int: n}
	}
	return Value{Kind: Double, Float: d.float(text)}
}

// float is a JSON number as a float64, correctly rounded.
func float(text string) float64 {
	d := takeApart(text)
	return d.float(text)
}

// float rounds correctly. Digits and a power of ten that both are exact as
// float64 need one division, which rounds once (Clinger 1990, "How to Read
// Floating Point Numbers Accurately"); everything else is strconv's business.
func (d *decimal) float(text string) float64 {
	if d.exponent == 0 && d.digits <= 19 && d.mantissa <= 1<<53 && d.fraction < len(powersOfTen) {
		f := float64(d.mantissa) / powersOfTen[d.fraction]
		if d.negative {
			return -f
		}
		return f
	}
	f, _ := strconv.ParseFloat(text, 64) // the scanner has refused what does not fit
	return f
}

// powersOfTen are those that float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// integral is the value of a JSON number if it is a whole one that fits int64,
// however it is written: 2, 2.0 and 20e-1 are the same number.
func integral[T string | []byte](text T) (int64, bool) {
	d := takeApart(text)
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
