package jsonevent

import (
	"bytes"
	"iter"
)

// Split tells the events of a message apart: their position in the message and
// their bytes, which are part of payload, without white space around them and without
// a byte order mark before them.
//
// A message holds one event, a JSON array of events, or events on a line each.
// What it holds is decided by brackets and quotes alone, in this order:
//
//  1. an array that closes at the very end: its elements;
//  2. one value of any other kind, on one line or many: itself;
//  3. several lines, at least one of which is an object that closes at the
//     line's end: the lines that are not blank, so that a bad line spoils no other;
//  4. anything else, such as a truncated array: the whole of it as one piece.
//
// There is always at least one piece. A payload or a part of it that is no
// event is a piece that decoding rejects; an empty array is one. It takes time
// linear in the payload and memory that does not depend on it.
func (d *Decoder) Split(payload []byte) iter.Seq2[uint32, []byte] {
	return func(yield func(uint32, []byte) bool) {
		whole := trim(payload)
		switch {
		case isArray(whole):
			splitArray(whole, yield)
		case hasLines(whole) && endOfValue(whole) != len(whole) && hasObjectLine(whole):
			splitLines(whole, yield)
		default:
			yield(0, whole)
		}
	}
}

func isArray(whole []byte) bool {
	return len(whole) > 0 && whole[0] == '[' && endOfValue(whole) == len(whole) &&
		len(trim(whole[1:len(whole)-1])) > 0
}

// splitArray yields what stands between the commas of an array that closes.
func splitArray(array []byte, yield func(uint32, []byte) bool) {
	index, start, depth := uint32(0), 1, 0
	for i := 1; i < len(array); i++ {
		switch array[i] {
		case '"':
			i = endOfString(array, i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth < 0 || depth == 0 && array[i] == ',' {
			if !yield(index, trim(array[start:i])) {
				return
			}
			index, start = index+1, i+1
		}
	}
}

// splitLines yields the lines that are not blank.
func splitLines(text []byte, yield func(uint32, []byte) bool) {
	index := uint32(0)
	for rest := text; len(rest) > 0; {
		var line []byte
		if line, rest = cutLine(rest); len(line) > 0 {
			if !yield(index, line) {
				return
			}
			index++
		}
	}
}

// hasLines reports whether there are several lines. What has one and is no
// array, as most messages, is one piece without a look at brackets and quotes.
func hasLines(text []byte) bool { return bytes.IndexByte(text, '\n') >= 0 }

// hasObjectLine reports whether some line is an object.
func hasObjectLine(text []byte) bool {
	for rest := text; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if len(line) > 0 && line[0] == '{' && endOfValue(line) == len(line) {
			return true
		}
	}
	return false
}

func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte{'\n'})
	return trim(line), rest
}

// endOfValue is where the object or list that text begins with ends, judged by
// brackets and quotes; -1 if it does not, or does not begin with one. That
// brackets are of one kind is checked 64 levels deep: deeper ones only count.
func endOfValue(text []byte) int {
	if len(text) == 0 || text[0] != '[' && text[0] != '{' {
		return -1
	}
	var lists uint64 // which of the first 64 levels are lists
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			end := endOfString(text, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '[', '{':
			if bit := uint64(1) << depth; c == '[' {
				lists |= bit
			} else {
				lists &^= bit
			}
			depth++
		case ']', '}':
			depth--
			if depth < 64 && (lists>>depth&1 == 1) != (c == ']') {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// endOfString is where the string at i ends, -1 if it does not on its line: a
// raw line feed is not allowed in a string, and without this rule one lost
// quote would swallow the lines that follow.
func endOfString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		case '\n':
			return -1
		}
	}
	return -1
}

// byteOrderMark is what tools of Windows write before text in UTF-8. RFC 8259 lets
// readers pass over it.
const byteOrderMark = "\xef\xbb\xbf"

// trim removes JSON's white space from both ends, and a byte order mark from the
// beginning.
func trim(b []byte) []byte {
	if len(b) >= len(byteOrderMark) && b[0] == byteOrderMark[0] && string(b[:len(byteOrderMark)]) == byteOrderMark {
		b = b[len(byteOrderMark):]
	}
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
