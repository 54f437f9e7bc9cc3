package jsonevent

// object reads the object that opens at i and is the depth-th of the objects
// and lists around and including it. It returns where it ends.
func (p *Parser) object(at *knownObject, i, depth int) int {
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
	var names *keySet // strangers
	m, separator := &at.before, byte('{')
	for {
		last := m
		if fill {
			m, i = p.fill(at, m, i, separator, serial)
		} else {
			m, i = p.plain(at, m, i, separator, serial)
		}
		if m != last {
			separator = ','
		}
		i = b.space(i)
		if b.at(i) != separator {
			if b.at(i) != '}' || separator == '{' {
				return -1
			}
			if names != nil {
				p.closeNames(names)
			}
			return i + 1
		}
		next, j := p.find(at, m, &names, i)
		if next == nil || next.canonical.seenIn == serial {
			return -1
		}
		next.canonical.seenIn = serial
		if next != &p.transient {
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

// nested reads the features of an object in features.
func (p *Parser) nested(m *member, i, depth int) int {
	if m.inner == nil && m != &p.transient {
		m.inner = p.newObject(inFeatures, m.name+p.separator)
	}
	if m.inner == nil {
		return p.transientObject(m, i, depth)
	}
	return p.object(m.inner, i, depth)
}

// meet counts a field that nothing here knows.
func (p *Parser) meet(m *member) {
	p.unknown++
	p.names.add(m.name)
}

// known reads the value of a member that is no feature.
func (p *Parser) known(m *member, i, depth int) int {
	f, c := m.field, p.page.at(i)
	if m.unknown != 0 {
		p.meet(m)
	}
	if f == fieldUnknown || c == 'n' {
		return p.pass(i, depth) // a field that is null is not given
	}
	end := -1
	switch {
	case c == '"' && m.strings:
		var escaped bool
		if end, escaped = p.str(i); escaped {
			p.escaped |= 1 << f
		}
	case c == '{' && f == fieldFeatures && p.building:
		end = p.features(m.inner, i, depth+1, &p.req.Features)
	case c == '{' && f == fieldItemFeatures && p.building:
		end = p.features(m.inner, i, depth+1, &p.item.Features)
	case c == '{' && (f == fieldFeatures || f == fieldItemFeatures):
		end = p.object(m.inner, i, depth+1)
	case c == '{' && f == fieldAttrs:
		end = p.fallback.value(i, depth)
	case c == '[' && f == fieldItems:
		end = p.items(m.inner, i, depth+1)
	case m.numbers:
		end = p.number(i)
	}
	p.given |= 1 << f
	p.spans[f] = span{i, end}
	return end
}
