package jsonevent

import (
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// What an event says and nothing here can hold counts as null where it stands: NaN
// and the infinities, as Python and JavaScript's libraries write them; a number that
// float64 cannot hold; a text that is not UTF-8, or has half of an escaped surrogate
// pair. So one odd feature costs that feature, and not its request.

// nonFinite is the length of the word for a number that is none, with which text
// begins; 0 if it begins with no such word.
func nonFinite[T string | []byte](text T) int {
	if len(text) == 0 {
		return 0
	}
	switch c := text[0]; {
	case c == 'N' && len(text) >= 3 && string(text[:3]) == "NaN":
		return len("NaN")
	case c == 'I' && len(text) >= 8 && string(text[:8]) == "Infinity":
		return len("Infinity")
	case c == '-' && len(text) >= 9 && string(text[:9]) == "-Infinity":
		return len("-Infinity")
	}
	return 0
}

// isFinite reports whether float64 holds a number that was read.
func isFinite(f float64) bool { return !math.IsInf(f, 0) }

// holdsText reports whether the inside of a JSON string stands for a text.
func holdsText(inner string) bool {
	if !utf8.ValidString(inner) {
		return false
	}
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			continue
		}
		if i++; inner[i] != 'u' {
			continue
		}
		r := hex4(inner[i+1:])
		if i += 4; !utf16.IsSurrogate(r) {
			continue
		}
		if pairAfter(inner[i+1:], r) == utf8.RuneError {
			return false
		}
		i += 6
	}
	return true
}

// holdsAll reports whether everything in a value can be held.
func holdsAll(text string) bool {
	s := scanner{data: []byte(text), maxDepth: math.MaxInt}
	s.value(0, 0)
	return s.unheld == 0
}
