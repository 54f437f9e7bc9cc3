package jsonevent_test

import (
	"bytes"
	"regexp"
	"strconv"
	"unicode/utf8"
)

var (
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`)
	wordForm   = regexp.MustCompile(`^(NaN|-?Infinity)`)
	escapeForm = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|["\\/bfnrt])`)
)

// mended is an event with null in the place of every value that cannot be held, and
// in the place of every name that is no text another one, of which there are named.
// It knows no more of JSON than where strings and numbers are.
func mended(raw []byte) (out []byte, named int) {
	for i := 0; i < len(raw); {
		if raw[i] == '"' {
			end, closed := stringEnd(raw, i)
			switch text := raw[i:end]; {
			case !closed || isText(text):
				out = append(out, text...)
			case bytes.HasPrefix(bytes.TrimLeft(raw[end:], " \t\r\n"), []byte(":")):
				named++
				out = strconv.AppendQuote(out, "no text "+strconv.Itoa(named))
			default:
				out = append(out, "null"...)
			}
			i = end
			continue
		}
		begins := i == 0 || bytes.IndexByte([]byte(" \t\r\n,:[{"), raw[i-1]) >= 0
		if word := wordForm.Find(raw[i:]); begins && word != nil {
			out = append(out, "null"...)
			i += len(word)
			continue
		}
		if number := numberForm.Find(raw[i:]); begins && number != nil {
			if _, err := strconv.ParseFloat(string(number), 64); err != nil {
				number, i = []byte("null"), i+len(number)-4
			}
			out = append(out, number...)
			i += len(number)
			continue
		}
		out = append(out, raw[i])
		i++
	}
	return out, named
}

// stringEnd is where the string at i ends. One that is not closed, or has what no
// string may have, is none.
func stringEnd(raw []byte, i int) (end int, closed bool) {
	for i++; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			if at := escapeForm.FindIndex(raw[i:min(i+6, len(raw))]); at == nil || at[0] > 0 {
				return len(raw), false
			}
			i++
		case c == '"':
			return i + 1, true
		case c < ' ':
			return len(raw), false
		}
	}
	return len(raw), false
}

// isText reports whether a string is UTF-8 and every escaped half of a surrogate pair
// has its other half.
func isText(quoted []byte) bool {
	half := false // the escape before was a first half
	end := 0
	for _, at := range escapeForm.FindAllIndex(quoted, -1) {
		escape := quoted[at[0]:at[1]]
		r := uint64(0)
		if len(escape) == 6 {
			r, _ = strconv.ParseUint(string(escape[2:]), 16, 32)
		}
		first, second := r >= 0xD800 && r < 0xDC00, r >= 0xDC00 && r < 0xE000
		if second != half || half && at[0] != end {
			return false
		}
		half, end = first, at[1]
	}
	return !half && utf8.Valid(quoted)
}
