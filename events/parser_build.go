package events

// features reads an object of features, and makes fields of them.
func (p *Parser) features(m *member, i, depth int, into *[]Field) int {
	if p.page.at(i) != '{' {
		return -1
	}
	if !p.building {
		return p.nested(m, i, depth)
	}
	p.fields, p.used = (*into)[:cap(*into)], 0
	i = p.nested(m, i, depth)
	if n := len(*into); n > p.used {
		clear(p.fields[p.used:n])
	}
	*into = p.fields[:p.used]
	return i
}

// feature makes a field of the feature at i.
func (p *Parser) feature(m *member, i, depth int) int {
	if p.used == len(p.fields) {
		p.moreFields()
	}
	f := &p.fields[p.used]
	b := p.page
	w := b.word(i)
	switch c := byte(w); c {
	case '"':
		end, escaped := p.str(i)
		if end < 0 {
			return -1
		}
		f.Value = Value{Kind: String, Str: p.text[i+1 : end-1]}
		if escaped {
			f.Value.Str = string(unescaped(b[i+1 : end-1]))
		}
		i = end
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		i = p.numberValue(i, &f.Value)
	case 'n':
		return literal(w, i) // not given
	case 't', 'f':
		f.Value = Value{Kind: Bool}
		if c == 't' {
			f.Value.Int = 1
		}
		i = literal(w, i)
	case '[':
		i = p.elements(i, depth+1, &f.Value)
	default:
		return -1
	}
	f.Name = m.name
	p.used++
	return i
}

func (p *Parser) moreFields() {
	more := make([]Field, max(16, 2*len(p.fields)))
	copy(more, p.fields)
	p.fields = more
}

// numberValue reads a number.
func (p *Parser) numberValue(i int, v *Value) int {
	n, end := p.page.numeral(p.page.word(i), i)
	if end < 0 {
		if end = p.number(i); end >= 0 {
			*v = number(string(p.page[i:end]))
		}
		return end
	}
	if k, ok := n.int(); ok {
		*v = Value{Kind: Int, Int: k}
	} else {
		*v = Value{Kind: Double, Float: n.float()}
	}
	return end
}

// elements reads the list that opens at i and is the depth-th: a List of
// scalars, or its text if it holds anything else.
func (p *Parser) elements(i, depth int, v *Value) int {
	end := p.list(i, depth)
	if end < 0 {
		return -1
	}
	b := builder{text: p.text}
	*v, _ = b.list(i)
	return end
}

// items reads a list of items.
func (p *Parser) items(m *member, i, depth int) int {
	return -1
}
