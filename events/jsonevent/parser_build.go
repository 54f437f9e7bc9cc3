package jsonevent

import (
	"github.com/labeljoin/labeljoin/events"
)

// emptied is a slice without its elements and what they hold.
func emptied[T any](list []T) []T {
	clear(list)
	return list[:0]
}

// features reads an object of features and makes fields of them, in the place
// of others. It is the depth-th of the objects and lists around it.
func (p *Parser) features(at *knownObject, i, depth int, into *[]events.Field) int {
	p.fields, p.used = (*into)[:cap(*into)], 0
	i = p.object(at, i, depth)
	if n := len(*into); n > p.used {
		clear(p.fields[p.used:n])
	}
	*into = p.fields[:p.used]
	return i
}

// feature makes a field of a feature that is no object, unless it is null.
func (p *Parser) feature(m *member, i, depth int) int {
	if p.used == len(p.fields) {
		more := make([]events.Field, max(16, 2*len(p.fields)))
		copy(more, p.fields)
		p.fields = more
	}
	f := &p.fields[p.used]
	if p.page.at(i) == '[' {
		i = p.elements(i, depth+1, &f.Value)
	} else {
		i = p.scalar(i, &f.Value)
	}
	if f.Value.Kind != events.ValueNull {
		f.Name = m.name
		p.used++
	}
	return i
}

// become makes v a value of a kind, whose content is still to be set. It relies
// on the rule that only the content of a value's kind is set.
func become(v *events.Value, kind events.ValueKind) {
	if v.Kind != kind {
		*v = events.Value{Kind: kind}
	}
}

// scalar makes a value of what is neither list nor object.
func (p *Parser) scalar(i int, v *events.Value) int {
	w := p.page.word(i)
	switch c := byte(w); c {
	case '"':
		end, escaped := p.str(i)
		if end < 0 {
			return -1
		}
		become(v, events.ValueString)
		if v.Str = p.text[i+1 : end-1]; escaped {
			v.Str = p.unescaped(i+1, end-1)
		}
		return end
	case 'n':
		become(v, events.ValueNull)
		return literal(w, i)
	case 't', 'f':
		become(v, events.ValueBool)
		if v.Int = 0; c == 't' {
			v.Int = 1
		}
		return literal(w, i)
	}
	n, end := p.page.numeral(w, i)
	if end < 0 {
		if end = p.number(i); end >= 0 {
			*v = number(string(p.page[i:end]))
		}
		return end
	}
	n.into(v)
	return end
}

// unescaped is what the inside of a string stands for.
func (p *Parser) unescaped(start, end int) string {
	text := appendUnescaped(p.scratch[:0], p.page[start:end])
	if cap(text) <= 1<<16 {
		p.scratch = text
	}
	return string(text)
}

// into makes a value of a number.
func (n numeral) into(v *events.Value) {
	if whole, ok := n.int(); ok {
		become(v, events.ValueInt)
		v.Int = whole
	} else {
		become(v, events.ValueDouble)
		v.Float = n.float()
	}
}

// elements makes a value of the list that opens at i and is the depth-th of the
// objects and lists around it: a List of its scalars, or its text if it holds
// anything else.
func (p *Parser) elements(i, depth int, v *events.Value) int {
	start, b := i, p.page
	if depth > p.maxDepth {
		return -1
	}
	if v.Kind != events.ValueList {
		*v = events.Value{Kind: events.ValueList, List: []events.Value{}}
	}
	before := len(v.List)
	list := v.List[:0]
	for i = b.space(i + 1); b.at(i) != ']' || len(list) > 0; {
		if c := b.at(i); c == '[' || c == '{' {
			end := p.list(start, depth)
			if end >= 0 {
				*v = events.Value{Kind: events.ValueJSON, Str: p.text[start:end]}
			}
			return end
		}
		if len(list) < cap(list) {
			list = list[:len(list)+1]
		} else {
			list = append(list, events.Value{})
		}
		if i = p.scalar(i, &list[len(list)-1]); i < 0 {
			return -1
		}
		i = b.space(i)
		if b.at(i) != ',' {
			break
		}
		i = b.space(i + 1)
	}
	if b.at(i) != ']' {
		return -1
	}
	if before > len(list) {
		clear(list[len(list):before])
	}
	v.List = list
	return i + 1
}
