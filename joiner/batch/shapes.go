package batch

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// shapes are what texts have in common that are alike but for some values. A table keeps the values, and the number of
// the shape. What is made of a shape and values is the text that was taken apart, whatever it is: JSON is only what has
// values where they are looked for.
type shapes struct {
	all    []shape
	last   int // that fitted
	misses int // texts that none fitted
	// before are the values of the last text of the page that has a shape, and of.
	before []placed
	of     int
}

// shape is the parts of a text between which its values are, one more than those.
type shape struct {
	parts   [][]byte
	numbers []bool // of the values: they are whole numbers
}

// placed is a value, and where in the page it is kept.
type placed struct {
	at    int
	value []byte
}

const (
	// mostShapes is how many shapes are looked for. A log with more than these has texts that are kept as they are.
	mostShapes = 16
	// mostValues is how many values a shape has.
	mostValues = 24
	// mostMisses is how many texts are looked at of which none has a shape. After that none is looked at any more.
	mostMisses = 1000
	// shapedMore is by how many bytes a text can be longer when it is kept, at most.
	shapedMore = (mostValues + 4) * binary.MaxVarintLen32
	// leastRepeat is how long a value is of which only the place is kept if it comes again.
	leastRepeat = 8
)

// newPage says that what is kept from now on is in another page.
func (s *shapes) newPage() { s.of = -1 }

// append appends a text to a page, whose memory is large enough: it is not moved.
func (s *shapes) append(page, text []byte) []byte {
	for i := range s.all {
		number := (s.last + i) % len(s.all) // texts of one shape often follow each other
		if after, ok := s.fit(page, text, number); ok {
			s.last = number
			return after
		}
	}
	if s.misses < mostMisses && len(text) > 0 && text[0] == '{' {
		s.misses++
		if made, ok := shapeOf(text); ok && len(s.all) < mostShapes {
			s.all = append(s.all, made)
			if after, ok := s.fit(page, text, len(s.all)-1); ok {
				return after
			}
		}
	}
	page = append(page, 0)
	page = binary.AppendUvarint(page, uint64(len(text)))
	return append(page, text...)
}

// fit appends a text that has a shape.
func (s *shapes) fit(page, text []byte, number int) (after []byte, ok bool) {
	sh := &s.all[number]
	rest, ok := bytes.CutPrefix(text, sh.parts[0])
	if !ok {
		return page, false
	}
	if s.of != number {
		s.of, s.before = number, append(s.before[:0], make([]placed, len(sh.numbers))...)
	}
	after = append(page, byte(number+1))
	for i, isNumber := range sh.numbers {
		part := sh.parts[i+1]
		if isNumber {
			n, end := wholeNumber(rest)
			if rest, ok = bytes.CutPrefix(rest[end:], part); !ok || end == 0 {
				s.of = -1
				return page, false
			}
			after = binary.AppendUvarint(after, n)
			continue
		}
		end := bytes.IndexByte(rest, part[0])
		if end < 0 || !bytes.HasPrefix(rest[end:], part) {
			s.of = -1
			return page, false
		}
		after = s.before[i].append(after, rest[:end])
		rest = rest[end+len(part):]
	}
	if len(rest) > 0 {
		s.of = -1
	}
	return after, len(rest) == 0
}

// append appends a value: its length and what it is, or where it was before.
func (p *placed) append(page, value []byte) []byte {
	if len(value) >= leastRepeat && bytes.Equal(p.value, value) {
		return binary.AppendUvarint(page, uint64(p.at)<<1|1)
	}
	at := len(page)
	page = binary.AppendUvarint(page, uint64(len(value))<<1)
	begin := len(page)
	page = append(page, value...)
	p.at, p.value = at, page[begin:]
	return page
}

// wholeNumber is the number that a text begins with, and how long it is, if strconv writes it so; else 0.
func wholeNumber(text []byte) (n uint64, size int) {
	const most = 18 // digits: it is no larger than a number can be
	for size < len(text) && text[size]-'0' <= 9 {
		n = n*10 + uint64(text[size]-'0')
		size++
	}
	if size > most || size > 1 && text[0] == '0' {
		return 0, 0
	}
	return n, size
}

// text appends to memory the text that is kept in a page.
func (s *shapes) text(memory, page []byte, at int) []byte {
	number := page[at]
	at++
	if number == 0 {
		size, n := binary.Uvarint(page[at:])
		at += n
		return append(memory, page[at:at+int(size)]...)
	}
	sh := &s.all[number-1]
	memory = append(memory, sh.parts[0]...)
	for i, isNumber := range sh.numbers {
		head, n := binary.Uvarint(page[at:])
		at += n
		switch {
		case isNumber:
			memory = strconv.AppendUint(memory, head, 10)
		case head&1 == 0:
			memory = append(memory, page[at:at+int(head>>1)]...)
			at += int(head >> 1)
		default:
			before := int(head >> 1)
			size, n := binary.Uvarint(page[before:])
			memory = append(memory, page[before+n:before+n+int(size>>1)]...)
		}
		memory = append(memory, sh.parts[i+1]...)
	}
	return memory
}

// shapeOf is the shape of an object without spaces: its texts are values unless a colon follows, and so are its
// numbers.
func shapeOf(text []byte) (s shape, ok bool) {
	var part []byte
	cut := func(isNumber bool) {
		s.parts, s.numbers = append(s.parts, part), append(s.numbers, isNumber)
		part = nil
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := bytes.IndexByte(text[i+1:], '"')
			if end < 0 {
				return s, false
			}
			end += i + 1
			if end+1 < len(text) && text[end+1] == ':' {
				part = append(part, text[i:end+1]...)
			} else {
				part = append(part, '"')
				cut(false)
				part = append(part, '"')
			}
			i = end + 1
		case c == '-' || c >= '0' && c <= '9':
			end := i
			for end < len(text) && bytes.IndexByte([]byte("+-.eE0123456789"), text[end]) >= 0 {
				end++
			}
			_, size := wholeNumber(text[i:end])
			cut(size == end-i)
			i = end
		case c == '\\':
			return s, false
		default:
			part = append(part, c)
			i++
		}
	}
	s.parts = append(s.parts, part)
	for _, p := range s.parts[1:] {
		if len(p) == 0 {
			return s, false // nothing says where the value ends
		}
	}
	return s, len(s.numbers) > 0 && len(s.numbers) <= mostValues
}
