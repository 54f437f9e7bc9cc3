package events

// followers is how many members may be left out before the next is looked up.
const followers = 4

// find finds the member that stands after the separator at i, if it is not the
// one that came after m the last time, or not written as most are. It returns
// where the value begins.
func (p *Parser) find(at *place, m *member, names *keySet, i int) (*member, int) {
	b := p.page
	i = b.space(i+1) - 1
	next := m.next
	for range followers {
		if b.is(next, i) {
			return next, b.space(i + next.size)
		}
		next = next.next
	}
	if b.at(i+1) != '"' {
		return nil, -1
	}
	end, escaped := p.str(i + 1)
	if end < 0 {
		return nil, -1
	}
	start, key := i+2, b[i+2:end-1]
	if escaped {
		start, key = -1, unescaped(key)
	}
	if i = b.space(end); b.at(i) != ':' {
		return nil, -1
	}
	i = b.space(i + 1)
	if next = p.lookup(at, key); next == nil {
		next = p.learn(at, key)
	}
	if next == nil {
		return p.stranger(at, names, key, start, i), i
	}
	if next.next == &p.nobody {
		next.next = m.next
	}
	m.next = next
	return next, i
}

// stranger is a member that is not remembered, until the next one; nil if its
// object has it already, or it cannot be one. Its key is at start of the text,
// or -1, its value at i.
func (p *Parser) stranger(at *place, names *keySet, key []byte, start, i int) *member {
	if names.base < 0 {
		*names = p.rare.keys.open()
	}
	if !p.rare.keys.add(names, key) {
		return nil
	}
	m := &p.strange
	*m = member{field: fieldUnknown, unknown: 1}
	if at.in != inFeatures {
		return m
	}
	m.field, m.unknown = fieldFeature, 0
	switch {
	case len(at.prefix)+len(key) > MaxName:
		return nil
	case p.building && at.prefix == "" && start >= 0:
		m.name = p.text[start : start+len(key)]
	case p.building || p.page.at(i) == '{':
		m.name = at.prefix + string(key)
	}
	return m
}
