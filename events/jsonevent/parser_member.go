package jsonevent

import "encoding/binary"

// member is a key that a knownObject has, and what it means.
//
// Its text is the separator before it, which may be one or another, and `"key":`.
// An event is compared with its first sixteen bytes at once, and with the rest
// if there is any.
type member struct {
	head, headMask uint64 // the first eight bytes; zero where the separator is
	tail, tailMask uint64 // the next eight
	rest           string
	size           int          // of the text
	next           *member      // what came after it the last time
	canonical      *member      // entry of this name without escapes; itself, unless the key is written with escapes
	seenIn         uint64       // the serial number of the object that had it last; only that of canonical counts
	field          field        // fieldFeature for a feature
	strings        bool         // its value may be a string
	numbers        bool         // its value may be a number
	unknown        int          // 1 if nothing here knows it, else 0
	key            string       // as it is written
	escaped        bool         // the key has escapes
	name           string       // of a feature, flattened; of what is not known, as unknownName says
	nameSize       int          // of the name, which is not made where it is not wanted
	inner          *knownObject // the object that it holds, once it has held one
}

// fieldFeature is a feature, which is no field of the schema.
const fieldFeature field = fields

// write makes the text. A key that is never written so, since it would need
// escapes, has none that is found.
func (m *member) write() {
	if !m.escaped && !standsForItself(m.key) {
		m.head = 1 // and no mask that would let it be seen
		return
	}
	text := append([]byte("\x00\""), m.key+`":`...)
	m.size = len(text)
	if m.size > 16 {
		m.rest = string(text[16:])
	}
	text = append(text, make([]byte, 16)...)
	m.head, m.headMask = binary.LittleEndian.Uint64(text), maskOf(m.size)&^0xFF
	m.tail, m.tailMask = binary.LittleEndian.Uint64(text[8:]), maskOf(m.size-8)
}

// standsForItself reports whether a name is written in JSON as it is.
func standsForItself(key string) bool {
	for i := range len(key) {
		if c := key[i]; c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// maskOf covers the first n bytes of a word.
func maskOf(n int) uint64 {
	switch {
	case n <= 0:
		return 0
	case n >= 8:
		return 1<<64 - 1
	}
	return 1<<(8*n) - 1
}

// is reports whether a member's text stands at i, after whatever separator.
func (b *page) is(m *member, i int) bool {
	return (b.word(i)&m.headMask^m.head)|(b.word(i+8)&m.tailMask^m.tail) == 0 && (m.rest == "" || b.ends(m, i))
}

// ends compares the rest of a member's text.
func (b *page) ends(m *member, i int) bool { return string(b[i+16:i+m.size]) == m.rest }
