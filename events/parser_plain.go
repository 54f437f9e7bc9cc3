package events

// plain goes over members, the first after the separator at i, as long as each
// is the one that came after the one before, m, the last time, and is written as
// most are. It returns the last of them and where it ends.
//
// Where a member ends depends on where it begins, byte by byte, and the
// processor would wait. It need not if it may assume that a member is as long
// as the last time: that is what length is for.
func (p *Parser) plain(at *place, m *member, i int, separator byte, serial uint64) (*member, int) {
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
		if next.mark == serial {
			return m, i
		}
		j += next.size
		w = b.word(j)
		if byte(w) == ' ' {
			j++
			w = b.word(j)
		}
		start := j
		if byte(w) == '"' {
			if !next.strings {
				return m, i
			}
			j++
			w = b.word(j)
			marks := stops(w) | w&tops
			for marks == 0 {
				j += 8
				w = b.word(j)
				marks = stops(w) | w&tops
			}
			j += lowest(marks)
			if b.at(j) != '"' {
				return m, i
			}
			j++
		} else {
			if !next.numbers {
				return m, i
			}
			if byte(w) == '-' {
				j++
				w = b.word(j)
			}
			x := w ^ ones*'0'
			n := lowest(nonDigits(x))
			if n == 0 || n > 1 && byte(x) == 0 {
				return m, i
			}
			j += n
			if n == 8 {
				j = b.skipDigits(j)
			}
			c := b.at(j)
			if c == '.' {
				n = lowest(nonDigits(b.word(j+1) ^ ones*'0'))
				if n == 0 {
					return m, i
				}
				j += n + 1
				if n == 8 {
					j = b.skipDigits(j)
				}
				c = b.at(j)
			}
			if c|0x20 == 'e' || j-start > 300 {
				return m, i
			}
		}
		if next.field != fieldFeature {
			p.unknown += next.unknown
			p.given |= 1 << next.field
			p.spans[next.field] = span{start, j}
		}
		next.mark = serial
		m, separator = next, ','
		if expected := i + next.length; expected == j {
			i = expected
		} else {
			next.length = j - i
			i = j
		}
	}
}

// fill is plain for features, of which it makes fields.
func (p *Parser) fill(at *place, m *member, i int, separator byte, serial uint64) (*member, int) {
	b, used, text := p.page, p.used, p.text
	for used < len(p.fields) {
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
		if next.mark == serial {
			break
		}
		j += next.size
		w = b.word(j)
		if byte(w) == ' ' {
			j++
			w = b.word(j)
		}
		f := &p.fields[used]
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
			f.Value.become(String)
			f.Value.Str = text[start:j]
			j++
		} else {
			n, end := b.numeral(w, j)
			if end < 0 {
				break
			}
			n.into(&f.Value)
			j = end
		}
		f.Name = next.name
		used++
		next.mark = serial
		m, separator = next, ','
		if expected := i + next.length; expected == j {
			i = expected
		} else {
			next.length = j - i
			i = j
		}
	}
	p.used = used
	return m, i
}
