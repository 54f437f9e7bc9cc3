package jsonevent

import "unicode/utf8"

// pass goes over the value at i, inside depth objects and lists.
func (p *Parser) pass(i, depth int) int {
	w := p.page.word(i)
	switch c := byte(w); c {
	case '"':
		end, _ := p.str(i)
		return end
	case '[':
		return p.list(i, depth+1)
	case '{':
		return p.fallback.value(i, depth)
	case 't', 'f', 'n':
		return literal(w, i)
	}
	return p.number(i)
}

// literal goes over true, false or null, of which w is the beginning.
func literal(w uint64, i int) int {
	const (
		wordTrue  = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
		wordNull  = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
		wordFalse = 'f' | 'a'<<8 | 'l'<<16 | 's'<<24 | 'e'<<32
	)
	switch {
	case uint32(w) == wordTrue || uint32(w) == wordNull:
		return i + len("true")
	case w&(1<<40-1) == wordFalse:
		return i + len("false")
	}
	return -1
}

// number goes over the number at i.
func (p *Parser) number(i int) int {
	w := p.page.word(i)
	if end := p.page.digits(w, i); end >= 0 {
		return end
	}
	if c := byte(w); c != '-' && !isDigit(c) {
		return -1
	}
	return p.fallback.number(i)
}

// digits goes over the number at i, of which w is the beginning, if it has no
// exponent.
func (b *page) digits(w uint64, i int) int {
	if byte(w) == '-' {
		i++
		w = b.word(i)
	}
	start := i
	x := w ^ ones*'0'
	n := lowest(nonDigits(x))
	if n == 0 || n > 1 && byte(x) == 0 {
		return -1
	}
	i += n
	if n == 8 {
		i = b.skipDigits(i)
	}
	c := b.at(i)
	if c == '.' {
		n = lowest(nonDigits(b.word(i+1) ^ ones*'0'))
		if n == 0 {
			return -1
		}
		i += 1 + n
		if n == 8 {
			i = b.skipDigits(i)
		}
		c = b.at(i)
	}
	if c|0x20 == 'e' || i-start > 300 {
		return -1
	}
	return i
}

func (b *page) skipDigits(i int) int {
	for {
		n := lowest(nonDigits(b.word(i) ^ ones*'0'))
		i += n
		if n < 8 {
			return i
		}
	}
}

// list goes over the list that opens at i and is the depth-th.
func (p *Parser) list(i, depth int) int {
	if depth > p.maxDepth {
		return -1
	}
	b := p.page
	if i = b.space(i + 1); b.at(i) == ']' {
		return i + 1
	}
	for {
		// Lists are mostly of numbers, and without spaces.
		end := b.digits(b.word(i), i)
		if end < 0 {
			end = p.pass(i, depth)
		}
		if end < 0 {
			return -1
		}
		i = end
		if b.at(i) == ',' && b.at(i+1) > ' ' {
			i++
			continue
		}
		i = b.space(i)
		switch b.at(i) {
		case ']':
			return i + 1
		case ',':
			i = b.space(i + 1)
		default:
			return -1
		}
	}
}

// str goes over the string whose quote is at i.
func (p *Parser) str(i int) (end int, escaped bool) {
	b := p.page
	i++
	start, high := i, uint64(0)
	for {
		w := b.word(i)
		high |= w
		marks := stops(w)
		if marks == 0 {
			i += 8
			continue
		}
		i += lowest(marks)
		switch b.at(i) {
		case '"':
			if high&tops != 0 && !utf8.Valid(b[start:i]) {
				return -1, false
			}
			return i + 1, escaped
		case '\\':
			escaped = true
			if c := b.at(i + 1); c == 'n' || c == '"' || c == '\\' {
				i += 2
			} else if i = p.fallback.escape(i); i < 0 {
				return -1, false
			}
		default:
			return -1, false
		}
	}
}
