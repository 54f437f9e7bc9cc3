package jsonevent

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
)

// Digits is a whole number that int64 does not hold, as it is written. It is an id, as a
// rule, and no digit of it may be lost.
type Digits string

// Record decodes one record of another format than labeljoin's own: JSON of any shape, as
// strict as an event has to be, and understood like one: what cannot be held is nil.
// Objects are map[string]any, lists []any, whole numbers int or Digits, other numbers
// float64.
func (d *Decoder) Record(raw []byte) (any, *events.RejectError) {
	if len(raw) > d.maxBytes() {
		return nil, reject(events.ReasonTooLarge, fmt.Sprintf("%d bytes, at most %d are read", len(raw), d.maxBytes()))
	}
	s := scanner{data: raw, maxDepth: d.maxDepth()}
	start := s.space(0)
	if start == len(raw) {
		return nil, reject(events.ReasonEmpty, nothingInIt)
	}
	if hint := hintOfFormat(raw[start:]); hint != "" {
		return nil, reject(events.ReasonNotJSON, hint)
	}
	if end := s.value(start, 0); end >= 0 && s.space(end) < len(raw) {
		s.fail(events.ReasonNotJSON, end, "more follows the end of the record")
	}
	switch {
	case s.syntax != nil:
		return nil, s.syntax
	case s.content != nil:
		return nil, s.content
	}
	// Behind a number there is always something, so that its end needs no look at the end
	// of the text.
	b := builder{text: string(raw) + " ", odd: s.unheld > 0, exact: true}
	v, _ := b.any(start)
	return v, nil
}

// NumberOf is the number that a text is, as Decoder.Record gives it; ok is false for a text
// that is no number of JSON, or one that float64 does not hold.
func NumberOf[T string | []byte](text T) (v any, ok bool) {
	if len(text) == 0 || text[0] != '-' && !isDigit(text[0]) {
		return nil, false
	}
	s := scanner{data: []byte(text), strict: true}
	if s.number(0) != len(text) {
		return nil, false
	}
	return exactly(string(text)), true
}

// exactly is the number that a JSON number stands for.
func exactly(text string) any {
	d := parseDecimal(text)
	if n, ok := d.int(); ok && text != "-0" {
		return int(n)
	}
	if d.fraction == 0 && d.exponent == 0 {
		return Digits(text)
	}
	if f, fits := finite(text); fits {
		return f
	}
	return nil
}
