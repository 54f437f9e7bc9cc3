package events

// object reads the object that opens at i and is the depth-th of the objects
// and lists around and including it. It returns where it ends.
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
	fill := p.building && at.in == inFeatures
	names := keySet{base: -1}
	m, separator := &at.before, byte('{')
	for {
		last := m
		if fill {
			m, i = p.fill(m, i, separator, serial)
		} else {
			m, i = p.plain(m, i, separator, serial)
		}
		if m != last {
			separator = ','
		}
		i = b.space(i)
		if b.at(i) != separator {
			if b.at(i) != '}' || separator == '{' {
				return -1
			}
			if names.base >= 0 {
				p.slow.keys.close(&names)
			}
			return i + 1
		}
		next, j := p.find(at, m, &names, i)
		if next == nil || next.mark == serial {
			return -1
		}
		next.mark = serial
		if next != &p.strange {
			m = next
		}
		switch {
		case next.field != fieldFeature:
			i = p.known(next, j, depth)
		case b.at(j) == '{':
			i = p.nested(next, j, depth+1)
		case fill:
			i = p.feature(next, j, depth)
		default:
			i = p.pass(j, depth)
		}
		if i < 0 {
			return -1
		}
		separator = ','
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
		if m != &p.strange && !inner.shut {
			m.inner = inner
		}
	}
	return p.object(inner, i, depth)
}

// known reads the value of a member that is no feature.
func (p *Parser) known(m *member, i, depth int) int {
	f, c := m.field, p.page.at(i)
	switch {
	case f == fieldUnknown:
		p.unknown += m.unknown
		return p.pass(i, depth)
	case c == 'n':
		return p.pass(i, depth) // not given
	case f == fieldFeatures && c == '{':
		return p.features(m, i, depth+1, &p.req.Features)
	case f == fieldItemFeatures && c == '{':
		return p.features(m, i, depth+1, &p.item.Features)
	case f == fieldItems && c == '[':
		return p.items(m, i, depth+1)
	}
	end := -1
	switch {
	case c == '"' && m.strings:
		var escaped bool
		if end, escaped = p.str(i); escaped {
			p.escaped |= 1 << f
		}
	case c == '{' && f == fieldAttrs:
		end = p.slow.value(i, depth)
	case m.numbers:
		end = p.number(i)
	}
	p.given |= 1 << f
	p.spans[f] = span{i, end}
	return end
}
