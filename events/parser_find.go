package events

// followers is how many members may be left out before the next is looked up.
const followers = 8

// follow finds the member whose text stands at i, where another one than the
// last time comes after m. It is nil if the member is new, or written in
// another way than most.
func (p *Parser) follow(at *place, m *member, i int) *member {
	b := p.page
	next := m.next
	for range followers {
		if next = next.next; b.is(next, i) {
			return next // those between are optional, and may be there the next time
		}
	}
	if b.at(i+1) != '"' {
		return nil
	}
	end, escaped := p.str(i + 1)
	if end < 0 || escaped || b.at(end) != ':' {
		return nil
	}
	if next = p.lookup(at, b[i+2:end-1]); next != nil {
		m.precedes(next, &p.nobody)
	}
	return next
}

// precedes notes that next came after m.
func (m *member) precedes(next, nobody *member) {
	if next.next == nobody {
		next.next = m.next
	}
	m.next = next
}

// find finds the member that stands after the separator at i, in whatever way it
// is written, and returns where the value begins. It learns what is new.
func (p *Parser) find(at *place, m *member, names **keySet, i int) (*member, int) {
	b := p.page
	i = b.space(i+1) - 1
	if b.is(m.next, i) {
		return m.next, b.space(i + m.next.size)
	}
	if next := p.follow(at, m, i); next != nil {
		return next, b.space(i + next.size)
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
	next := p.lookup(at, key)
	if next == nil {
		next = p.learn(at, key)
	}
	if next == nil {
		return p.stranger(at, names, key, start, i), i
	}
	m.precedes(next, &p.nobody)
	return next, i
}

// stranger is a member that is not remembered, until the next one; nil if its
// object has it already, or it cannot be one. Its key is at start of the text,
// or -1, its value at i.
func (p *Parser) stranger(at *place, names **keySet, key []byte, start, i int) *member {
	if *names == nil {
		*names = p.openNames()
	}
	if !p.rare.keys.add(*names, key) {
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

// openNames makes room for the strange names of an object. What is open is
// closed in reverse.
func (p *Parser) openNames() *keySet {
	if p.open == len(p.sets) {
		p.sets = append(p.sets, new(keySet))
	}
	set := p.sets[p.open]
	p.open++
	*set = p.rare.keys.open()
	return set
}

func (p *Parser) closeNames(set *keySet) {
	p.rare.keys.close(set)
	p.open--
}
