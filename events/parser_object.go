package events

// object reads the object that opens at i and is the depth-th of the objects
// around and including it.
func (p *Parser) object(at *place, i, depth int) int {
	if depth > p.maxDepth {
		return -1
	}
	b := p.page
	if j := b.space(i + 1); b.at(j) == '}' {
		return j + 1
	}
	p.serial++
	serial := p.serial
	names := keySet{base: -1}
	m := &at.before
	for {
		// At i is the separator before a member.
		w := b.word(i)
		if byte(w>>8) <= ' ' {
			i = b.space(i+1) - 1
			w = b.word(i)
		}
		next := m.next
		if w&next.mask == next.head && b.goesOn(next, i) {
			i += 1 + next.size
			m = next
		} else {
			if next, i = p.find(at, m, &names, i); next == nil {
				return -1
			}
			if next != &p.strange {
				m = next
			}
		}
		if next.mark == serial {
			return -1
		}
		next.mark = serial
		c := b.at(i)
		if c <= ' ' {
			i = b.space(i)
			c = b.at(i)
		}
		switch {
		case next.field != fieldFeature:
			i = p.known(next, i, depth)
		case c == '{':
			i = p.nested(next, i, depth+1)
		case p.building:
			i = p.feature(next, i, depth)
		default:
			i = p.pass(i, depth)
		}
		if i < 0 {
			return -1
		}
		if c = b.at(i); c <= ' ' {
			i = b.space(i)
			c = b.at(i)
		}
		if c != ',' {
			if c != '}' {
				return -1
			}
			if names.base >= 0 {
				p.slow.keys.close(&names)
			}
			return i + 1
		}
	}
}

// nested reads an object of features.
func (p *Parser) nested(m *member, i, depth int) int {
	inner := m.inner
	if inner == nil {
		prefix := ""
		if m.field == fieldFeature {
			prefix = m.name + p.separator
		}
		inner = p.newPlace(inFeatures, prefix)
		if m != &p.strange && !inner.passes {
			m.inner = inner
		}
	}
	return p.object(inner, i, depth)
}

// known reads a member that is no feature.
func (p *Parser) known(m *member, i, depth int) int {
	c := p.page.at(i)
	if m.field == fieldUnknown {
		p.unknown++
		return p.pass(i, depth)
	}
	if c == 'n' {
		return p.pass(i, depth) // not given
	}
	p.given |= 1 << m.field
	switch m.field {
	case fieldRequestID, fieldModel, fieldModelVersion, fieldUserID, fieldItemID, fieldOutcomeID, fieldType:
		if c != '"' {
			return -1
		}
		end, escaped := p.str(i)
		p.texts[m.field] = quoted{i + 1, end - 1, escaped}
		return end
	case fieldTS:
		return p.time(i)
	case fieldScore:
		return p.float(i, &p.score)
	case fieldItemScore:
		return p.float(i, &p.item.Score)
	case fieldItemPosition:
		return p.whole(i, &p.item.Position)
	case fieldValue:
		return p.float(i, &p.value)
	case fieldFeatures:
		return p.features(m, i, depth+1, &p.req.Features)
	case fieldItemFeatures:
		return p.features(m, i, depth+1, &p.item.Features)
	case fieldItems:
		return p.items(m, i, depth+1)
	case fieldAttrs:
		if c != '{' {
			return -1
		}
		end := p.slow.value(i, depth)
		p.attrs = span{i, end}
		return end
	}
	return -1 // a heartbeat, or one that is none
}

// time reads a timestamp.
func (p *Parser) time(i int) int {
	var ok bool
	if p.page.at(i) == '"' {
		end, escaped := p.str(i)
		if end >= 0 {
			p.ts, ok = parseRFC3339(p.bytes(quoted{i + 1, end - 1, escaped}))
		}
		if !ok {
			return -1
		}
		return end
	}
	var n int64
	end := p.whole(i, &n)
	if end >= 0 {
		p.ts, ok = fromEpoch(n, p.d.Unit)
	}
	if !ok {
		return -1
	}
	return end
}

// bytes is what a string says.
func (p *Parser) bytes(at quoted) []byte {
	inner := p.page[at.start:at.end]
	if at.escaped {
		return unescaped(inner)
	}
	return inner
}

// string is the same as a part of the text.
func (p *Parser) string(at quoted) string {
	if at.escaped {
		return string(unescaped(p.page[at.start:at.end]))
	}
	return p.text[at.start:at.end]
}

// textOf is the text of a field, empty if it is not given.
func (p *Parser) textOf(f field) string {
	if p.given>>f&1 == 0 {
		return ""
	}
	return p.string(p.texts[f])
}

// float reads a number.
func (p *Parser) float(i int, f *float64) int {
	n, end := p.page.numeral(i)
	if end >= 0 {
		*f = n.float()
		return end
	}
	if end = p.odd(i); end >= 0 {
		*f = float(string(p.page[i:end]))
	}
	return end
}

// whole reads a number that is whole, however it is written.
func (p *Parser) whole(i int, n *int64) int {
	v, end := p.page.numeral(i)
	if end >= 0 {
		if k, ok := v.int(); ok {
			*n = k
			return end
		}
	} else if end = p.odd(i); end < 0 {
		return -1
	}
	k, ok := integral(p.page[i:end])
	if !ok {
		return -1
	}
	*n = k
	return end
}

// odd goes over a number that is not written as most are.
func (p *Parser) odd(i int) int {
	if c := p.page.at(i); c != '-' && !isDigit(c) {
		return -1
	}
	return p.slow.number(i)
}
