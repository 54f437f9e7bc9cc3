package jsonevent

import (
	"github.com/labeljoin/labeljoin/events"
)

// plain goes over members, the first after the separator at i, as long as each
// is remembered and it and its value are written as most are. It returns the
// last of them, m if there is none, and where it ends.
//
// It and fill are where the time goes. They are one loop each, without calls as
// long as members come as the last time, and hence are alike and long.
func (p *Parser) plain(at *knownObject, m *member, i int, separator byte, serial uint64) (*member, int) {
	b := p.page
	for {
		w := b.word(i)
		if byte(w) != separator {
			return m, i
		}
		j := i
		if byte(w>>8) == ' ' {
			j++
			w = b.word(j)
		}
		next := m.next
		if (w&next.headMask^next.head)|(b.word(j+8)&next.tailMask^next.tail) != 0 || next.rest != "" && !b.ends(next, j) {
			if next = p.follow(at, m, j); next == nil {
				return m, i
			}
		}
		if next.canonical.seenIn == serial {
			return m, i // it is a duplicate
		}
		j += next.size
		w = b.word(j)
		if byte(w) == ' ' {
			j++
			w = b.word(j)
		}
		start := j
		switch {
		case byte(w) == '"':
			j++
			w = b.word(j)
			marks := stops(w) | w&tops
			for marks == 0 {
				j += 8
				w = b.word(j)
				marks = stops(w) | w&tops
			}
			j += lowest(marks)
			if b.at(j) != '"' || !next.strings {
				return m, i
			}
			j++
		case byte(w) <= '9':
			if j = b.digits(w, j); j < 0 || !next.numbers {
				return m, i
			}
		default:
			if j = literal(w, j); j < 0 || next.field != fieldFeature {
				return m, i
			}
		}
		if next.field != fieldFeature {
			if next.unknown != 0 {
				p.meet(next)
			}
			p.given |= 1 << next.field
			p.spans[next.field] = span{start, j}
		}
		next.canonical.seenIn = serial
		m, separator, i = next, ',', j
	}
}

// fill is plain for features, of which it makes fields as far as there is room.
func (p *Parser) fill(at *knownObject, m *member, i int, separator byte, serial uint64) (*member, int) {
	b, fields, used, text := p.page, p.fields, p.used, p.text
	for used < len(fields) {
		w := b.word(i)
		if byte(w) != separator {
			break
		}
		j := i
		if byte(w>>8) == ' ' {
			j++
			w = b.word(j)
		}
		next := m.next
		if (w&next.headMask^next.head)|(b.word(j+8)&next.tailMask^next.tail) != 0 || next.rest != "" && !b.ends(next, j) {
			if next = p.follow(at, m, j); next == nil {
				break
			}
		}
		if next.canonical.seenIn == serial {
			break // it is a duplicate
		}
		j += next.size
		w = b.word(j)
		if byte(w) == ' ' {
			j++
			w = b.word(j)
		}
		f := &fields[used]
		if byte(w) == '"' {
			j++
			start := j
			w = b.word(j)
			marks := stops(w) | w&tops
			for marks == 0 {
				j += 8
				w = b.word(j)
				marks = stops(w) | w&tops
			}
			j += lowest(marks)
			if b.at(j) != '"' {
				break
			}
			become(&f.Value, events.ValueString)
			f.Value.Str = text[start:j]
			j++
		} else if n, end := b.numeral(w, j); end >= 0 {
			n.into(&f.Value)
			j = end
		} else if j = p.scalar(j, &f.Value); j < 0 {
			break
		}
		if f.Value.Kind != events.ValueNull {
			f.Name = next.name
			used++
		}
		next.canonical.seenIn = serial
		m, separator, i = next, ',', j
	}
	p.used = used
	return m, i
}
