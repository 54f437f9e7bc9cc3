package jsonevent

// object is the object at i as encoding/json would decode it into a map.
func (b *builder) object(i int) (map[string]any, int) {
	members := make(map[string]any)
	for i = b.next(i + 1); b.text[i] != '}'; i = b.comma(i) {
		name, fits := "", true
		name, fits, i = b.textAt(i)
		var v any
		v, i = b.any(b.next(b.next(i) + 1))
		if fits {
			members[name] = v
		}
	}
	return members, i + 1
}

// any is the value at i as encoding/json would decode it into an interface.
func (b *builder) any(i int) (any, int) {
	switch b.text[i] {
	case '{':
		return b.object(i)
	case '[':
		list := []any{}
		for i = b.next(i + 1); b.text[i] != ']'; i = b.comma(i) {
			var v any
			v, i = b.any(i)
			list = append(list, v)
		}
		return list, i + 1
	case '"':
		text, fits, end := b.textAt(i)
		if !fits {
			return nil, end
		}
		return text, end
	case 't':
		return true, i + len("true")
	case 'f':
		return false, i + len("false")
	case 'n':
		return nil, i + len("null")
	}
	if b.odd {
		if n := nonFinite(b.text[i:]); n > 0 {
			return nil, i + n
		}
	}
	end := b.numberEnd(i)
	if b.exact {
		return exactly(b.text[i:end]), end
	}
	if f, fits := finite(b.text[i:end]); fits {
		return f, end
	}
	return nil, end
}
