package jsonevent

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
)

// str scans the string whose quote is at i, and tells whether it has escapes
// (s.escaped). Eight bytes are looked at together:
// the arithmetic sets the top bit of each byte that is a quote, a backslash, a
// control character or no ASCII. A borrow can only disturb bytes above one that
// is truly marked, so the lowest mark is always right.
func (s *scanner) str(i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	data := s.data
	s.escaped, s.broken = false, false
	j := i + 1
	for {
		if j+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[j:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			marks := ((w - ones*' ') | (quote - ones) | (slash - ones) | w) & tops
			if marks == 0 {
				j += 8
				continue
			}
			j += bits.TrailingZeros64(marks) >> 3
		} else {
			for j < len(data) && isPlain(data[j]) {
				j++
			}
			if j >= len(data) {
				return s.fail(events.ReasonNotJSON, i, "a string has no end")
			}
		}
		if data[j] == '"' {
			return j + 1
		}
		if j = s.special(j); j < 0 {
			return -1
		}
	}
}

// isPlain reports whether c stands for itself in a string, and is ASCII.
func isPlain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

// special scans what is not plain in a string: an escape, a character beyond
// ASCII, or something that must not be there.
func (s *scanner) special(i int) int {
	switch c := s.data[i]; {
	case c == '\\':
		s.escaped = true
		return s.escape(i)
	case c < ' ':
		return s.fail(events.ReasonNotJSON, i, "a control character in a string is not escaped")
	}
	r, size := utf8.DecodeRune(s.data[i:])
	if r == utf8.RuneError && size <= 1 {
		return s.noText(i, 1, "not UTF-8")
	}
	return i + size
}

// escape scans the escape sequence, or the pair of surrogates, at i.
func (s *scanner) escape(i int) int {
	if i+1 >= len(s.data) {
		return s.fail(events.ReasonNotJSON, i, "a string has no end")
	}
	switch s.data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		r := hex4(s.data[i+2:])
		if r < 0 {
			return s.fail(events.ReasonNotJSON, i, `want four hexadecimal digits after \u`)
		}
		if !utf16.IsSurrogate(r) {
			return i + 6
		}
		if pairAfter(s.data[i+6:], r) == utf8.RuneError {
			return s.noText(i, 6, "a surrogate is escaped without its other half")
		}
		return i + 12
	}
	return s.fail(events.ReasonNotJSON, i, "no such escape in a string")
}

// noText goes over size bytes of a string that stand for no character.
func (s *scanner) noText(i, size int, detail string) int {
	if s.strict {
		return s.fail(events.ReasonInvalidUTF8, i, detail)
	}
	s.broken = true
	return i + size
}

// pairAfter is the character that the surrogate first and the escape that
// follows it make, or RuneError.
func pairAfter[T string | []byte](rest T, first rune) rune {
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return utf8.RuneError
	}
	return utf16.DecodeRune(first, hex4(rest[2:]))
}

// hex4 is the number that the first four characters spell, or -1.
func hex4[T string | []byte](text T) rune {
	if len(text) < 4 {
		return -1
	}
	var r rune
	for i := range 4 {
		c := text[i]
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendUnescaped appends what the inside of a valid string stands for.
func appendUnescaped[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		plain := i
		for i < len(text) && text[i] != '\\' {
			i++
		}
		if dst = append(dst, text[plain:i]...); i == len(text) {
			break
		}
		c := text[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(text[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = pairAfter(text[i:], r)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// number scans the number at i, which begins with a minus sign or a digit.
func (s *scanner) number(i int) int {
	start := i
	if s.data[i] == '-' {
		i++
	}
	whole := i
	i = s.digits(i)
	switch {
	case i == whole:
		return s.fail(events.ReasonNotJSON, i, "want a digit")
	case s.data[whole] == '0' && i > whole+1:
		return s.fail(events.ReasonNotJSON, whole, "a number begins with a needless 0")
	}
	wholeDigits := i - whole
	if i < len(s.data) && s.data[i] == '.' {
		fraction := i + 1
		if i = s.digits(fraction); i == fraction {
			return s.fail(events.ReasonNotJSON, i, "want a digit after the point")
		}
	}
	exponent := i < len(s.data) && s.data[i]|0x20 == 'e'
	if exponent {
		i++
		if i < len(s.data) && (s.data[i] == '+' || s.data[i] == '-') {
			i++
		}
		first := i
		if i = s.digits(i); i == first {
			return s.fail(events.ReasonNotJSON, i, "want a digit in the exponent")
		}
	}
	// Without an exponent, 300 digits always fit: float64 goes to 1.8e308.
	if exponent || wholeDigits > 300 {
		if _, err := strconv.ParseFloat(string(s.data[start:i]), 64); err != nil {
			if s.strict {
				return s.fail(events.ReasonNotJSON, start, "a number is beyond what float64 holds")
			}
			s.unheld++
		}
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func (s *scanner) digits(i int) int {
	data := s.data
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}
