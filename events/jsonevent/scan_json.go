package jsonevent

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
)

// space skips white space, of which compact JSON has none.
func (s *scanner) space(i int) int {
	if i < len(s.data) && s.data[i] > ' ' {
		return i
	}
	return s.skipSpace(i)
}

func (s *scanner) skipSpace(i int) int {
	for i < len(s.data) && isSpace(s.data[i]) {
		i++
	}
	return i
}

// isSpace reports whether c is white space to JSON, which knows no other.
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// value scans the value that begins at i, inside depth objects and lists.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.data) {
		return s.fail(events.ReasonNotJSON, i, "it ends where a value should begin")
	}
	switch c := s.data[i]; c {
	case '"':
		if i = s.str(i); s.broken && i >= 0 {
			s.unheld++
		}
		return i
	case '{':
		return s.object(i, depth+1, inAnything, 0)
	case '[':
		return s.elements(i, depth+1, false)
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(i)
	case '-', 'N', 'I':
		switch n := nonFinite(s.data[i:]); {
		case n > 0 && !s.strict:
			s.unheld++
			return i + n
		case c == '-':
			return s.number(i)
		}
		return s.noValue(i)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	default:
		return s.noValue(i)
	}
}

func (s *scanner) noValue(i int) int {
	return s.fail(events.ReasonNotJSON, i, fmt.Sprintf("no value begins with %q", s.data[i])+hintOfValue(s.data[i:]))
}

func (s *scanner) literal(i int, word string) int {
	end := i + len(word)
	if end > len(s.data) || string(s.data[i:end]) != word {
		return s.fail(events.ReasonNotJSON, i, excerpt(wordAt(s.data[i:]))+" is no value: a text stands in double quotes")
	}
	return end
}

// elements scans the list that opens at i and is the depth-th of the objects
// and lists around and including it.
func (s *scanner) elements(i, depth int, items bool) int {
	if depth > s.maxDepth {
		return s.tooDeep(i)
	}
	if i = s.space(i + 1); i < len(s.data) && s.data[i] == ']' {
		return i + 1
	}
	for {
		if items {
			i = s.item(i, depth)
		} else {
			i = s.value(i, depth)
		}
		if i < 0 {
			return -1
		}
		i = s.space(i)
		switch {
		case i >= len(s.data):
			return s.fail(events.ReasonNotJSON, i, "it ends inside a list")
		case s.data[i] == ',':
			i = s.space(i + 1)
		case s.data[i] == ']':
			return i + 1
		default:
			return s.fail(events.ReasonNotJSON, i, "want a comma or ] in a list")
		}
	}
}

// object scans the object that opens at i and is the depth-th of the objects
// and lists around and including it. For features, prefix is the length of the
// names around it.
func (s *scanner) object(i, depth int, in shape, prefix int) int {
	if depth > s.maxDepth {
		return s.tooDeep(i)
	}
	if i = s.space(i + 1); i < len(s.data) && s.data[i] == '}' {
		return i + 1
	}
	names := s.keys.open()
	for {
		start := i
		if i >= len(s.data) || s.data[i] != '"' {
			return s.fail(events.ReasonNotJSON, i, "want a member's name in double quotes")
		}
		if i = s.str(i); i < 0 {
			return -1
		}
		key, broken := s.data[start+1:i-1], s.broken
		switch {
		case broken:
			key = append([]byte{0xFF}, key...) // as it is written, and like no text
		case s.escaped:
			key = unescaped(key)
		}
		if i = s.space(i); i >= len(s.data) || s.data[i] != ':' {
			return s.fail(events.ReasonNotJSON, i, "want a colon after a member's name")
		}
		i = s.space(i + 1)
		if broken && (in == inFeatures || in == inAnything) {
			i = s.nameless(&names, key, i, depth)
		} else {
			i = s.member(&names, key, i, depth, in, prefix)
		}
		if i < 0 {
			return -1
		}
		i = s.space(i)
		switch {
		case i >= len(s.data):
			return s.fail(events.ReasonNotJSON, i, "it ends inside an object")
		case s.data[i] == ',':
			i = s.space(i + 1)
		case s.data[i] == '}':
			s.keys.close(&names)
			return i + 1
		default:
			return s.fail(events.ReasonNotJSON, i, "want a comma or } in an object")
		}
	}
}

// member scans the value, at i, of one member of an object.
func (s *scanner) member(names *keySet, key []byte, i, depth int, in shape, prefix int) int {
	if in >= inRequest {
		if f := in.lookup(key); f != fieldUnknown {
			if !names.addField(f) {
				return s.duplicate(i, key)
			}
			return s.known(f, in, i, depth)
		}
		s.unknown++
		s.names.note(in, key)
	}
	if !s.keys.add(names, key) {
		return s.duplicate(i, key)
	}
	if in == inFeatures {
		return s.feature(len(key)+prefix, i, depth)
	}
	return s.value(i, depth)
}

// nameless scans a member, at i, whose name is no text, so it cannot be held.
func (s *scanner) nameless(names *keySet, key []byte, i, depth int) int {
	if !s.keys.add(names, key) {
		return s.duplicate(i, key)
	}
	before := s.unheld
	i = s.value(i, depth)
	s.unheld = before + 1
	return i
}

// feature scans a feature's value, at i. Its flattened name has length bytes.
func (s *scanner) feature(length, i, depth int) int {
	if length > events.MaxName {
		s.note(events.ReasonLongName, fmt.Sprintf("a feature's flattened name has %d bytes, at most %d are allowed", length,
			events.MaxName))
	}
	if i < len(s.data) && s.data[i] == '{' {
		return s.object(i, depth+1, inFeatures, length+s.separator)
	}
	s.leaves++
	return s.value(i, depth)
}

func (s *scanner) duplicate(i int, key []byte) int {
	return s.fail(events.ReasonDuplicateKey, i, "the object has another member "+excerpt(key))
}

func (s *scanner) tooDeep(i int) int {
	return s.fail(events.ReasonTooDeep, i, fmt.Sprintf("more than %d objects and lists in each other", s.maxDepth))
}
