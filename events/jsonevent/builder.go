package jsonevent

import (
	"github.com/labeljoin/labeljoin/events"
)

// builder makes features, items and attributes of an event that a scanner has
// found valid, so nothing here can go wrong. Its methods take the index in text
// where something begins and return the one after it. Strings without escapes
// are parts of text.
type builder struct {
	text      string
	separator string
	fields    []events.Field // of the whole event; the scanner has counted them
	odd       bool           // something in it cannot be held
	exact     bool           // whole numbers of records stay whole, see Decoder.Record
}

// features flattens the object at i.
func (b *builder) features(i int) ([]events.Field, int) {
	first := len(b.fields)
	end := b.flatten(i, "")
	return b.fields[first:len(b.fields):len(b.fields)], end
}

// flatten adds the features of the object at i. Null features are left out.
func (b *builder) flatten(i int, prefix string) int {
	for i = b.next(i + 1); b.text[i] != '}'; {
		name, fits := "", true
		name, fits, i = b.textAt(i)
		if prefix != "" {
			name = prefix + name
		}
		i = b.next(b.next(i) + 1)
		if !fits {
			i = b.comma(b.skip(i))
			continue
		}
		if b.text[i] == '{' {
			i = b.flatten(i, name+b.separator)
		} else {
			var v events.Value
			if v, i = b.value(i); v.Kind != events.ValueNull {
				b.fields = append(b.fields, events.Field{Name: name, Value: v})
			}
		}
		i = b.comma(i)
	}
	return i + 1
}

// value is the feature value at i, which is no object.
func (b *builder) value(i int) (events.Value, int) {
	switch b.text[i] {
	case '"':
		text, fits, end := b.textAt(i)
		if !fits {
			return events.Value{}, end
		}
		return events.Value{Kind: events.ValueString, Str: text}, end
	case '[':
		return b.list(i)
	case 't':
		return events.Value{Kind: events.ValueBool, Int: 1}, i + len("true")
	case 'f':
		return events.Value{Kind: events.ValueBool}, i + len("false")
	case 'n':
		return events.Value{}, i + len("null")
	}
	if b.odd {
		if n := nonFinite(b.text[i:]); n > 0 {
			return events.Value{}, i + n
		}
	}
	end := b.numberEnd(i)
	v := number(b.text[i:end])
	if b.odd && v.Kind == events.ValueDouble && !isFinite(v.Float) {
		v = events.Value{}
	}
	return v, end
}

// list is the list at i: a List of its scalars, or its text as it stands if it
// holds anything else.
func (b *builder) list(i int) (events.Value, int) {
	count, end, flat := b.measure(i)
	if !flat {
		if b.odd && !holdsAll(b.text[i:end]) {
			return events.Value{}, end
		}
		return events.Value{Kind: events.ValueJSON, Str: b.text[i:end]}, end
	}
	values := make([]events.Value, 0, count)
	for i = b.next(i + 1); b.text[i] != ']'; i = b.comma(i) {
		var v events.Value
		v, i = b.value(i)
		values = append(values, v)
	}
	return events.Value{Kind: events.ValueList, List: values}, end
}

// measure counts the elements of the list at i, and says whether all of them
// are scalars. The count is right only if they are.
func (b *builder) measure(i int) (count, end int, flat bool) {
	first := b.next(i + 1)
	if b.text[first] == ']' {
		return 0, first + 1, true
	}
	count, flat = 1, true
	for j := first; ; j++ {
		switch b.text[j] {
		case '"':
			j, _ = b.strEnd(j)
			j--
		case ',':
			count++
		case '[', '{':
			return 0, b.skip(i), false
		case ']':
			return count, j + 1, flat
		}
	}
}

// items is the list of items at i, of which there are at most count. An item
// listed twice keeps its first place.
func (b *builder) items(i, count int) []events.Item {
	list := make([]events.Item, 0, count)
	var seen map[string]struct{}
	for i = b.next(i + 1); b.text[i] != ']'; i = b.comma(i) {
		var item events.Item
		item, i = b.item(i)
		if seen == nil && len(list) == smallObject {
			seen = make(map[string]struct{}, count)
			for j := range list {
				seen[list[j].ID] = struct{}{}
			}
		}
		if isListed(list, seen, item.ID) {
			continue
		}
		if seen != nil {
			seen[item.ID] = struct{}{}
		}
		list = append(list, item)
	}
	return list
}

// isListed looks an id up in a short list, or in the set that a long one has.
func isListed(list []events.Item, seen map[string]struct{}, id string) bool {
	if seen != nil {
		_, ok := seen[id]
		return ok
	}
	for i := range list {
		if list[i].ID == id {
			return true
		}
	}
	return false
}

// item is the item at i.
func (b *builder) item(i int) (events.Item, int) {
	var item events.Item
	for i = b.next(i + 1); b.text[i] != '}'; i = b.comma(i) {
		var name string
		name, _, i = b.textAt(i)
		i = b.next(b.next(i) + 1)
		if b.text[i] == 'n' {
			i += len("null")
			continue
		}
		var text string
		switch itemField(name) {
		case fieldItemID:
			item.ID, i = b.plain(i)
		case fieldItemPosition:
			text, i = b.plain(i)
			if f := float(text); text != "" && isFinite(f) {
				item.Position, item.HasPosition = integral(text)
			}
		case fieldItemScore:
			text, i = b.plain(i)
			item.Score, item.HasScore = finite(text)
		case fieldItemFeatures:
			item.Features, i = b.features(i)
		default:
			i = b.skip(i)
		}
	}
	return item, i + 1
}

// string is the text at p, nothing if p is not given.
func (b *builder) string(p span) string {
	if !p.given() {
		return ""
	}
	text, _ := b.plain(p.start)
	return text
}

// float is the number at p, if p is given.
func (b *builder) float(p span) (float64, bool) {
	if !p.given() {
		return 0, false
	}
	return finite(b.text[p.start:p.end])
}

// finite is a JSON number, if there is one and float64 holds it.
func finite(text string) (float64, bool) {
	if text == "" {
		return 0, false
	}
	f := float(text)
	if !isFinite(f) {
		return 0, false
	}
	return f, true
}

// plain is what the string or the number at i says; nothing for a string that is no
// text, and for a word that is no number.
func (b *builder) plain(i int) (string, int) {
	if b.text[i] == '"' {
		text, _, end := b.textAt(i)
		return text, end
	}
	if b.odd {
		if n := nonFinite(b.text[i:]); n > 0 {
			return "", i + n
		}
	}
	end := b.numberEnd(i)
	return b.text[i:end], end
}

// textAt is the string at i, and whether it is a text.
func (b *builder) textAt(i int) (text string, fits bool, end int) {
	if b.odd {
		if end, _ := b.strEnd(i); !holdsText(b.text[i+1 : end-1]) {
			return "", false, end
		}
	}
	text, end = b.str(i)
	return text, true, end
}

// next skips white space.
func (b *builder) next(i int) int {
	for isSpace(b.text[i]) {
		i++
	}
	return i
}

// comma skips a comma, if one is next, and the white space around it.
func (b *builder) comma(i int) int {
	if i = b.next(i); b.text[i] == ',' {
		return b.next(i + 1)
	}
	return i
}

// str is the string at i.
func (b *builder) str(i int) (string, int) {
	end, escaped := b.strEnd(i)
	inner := b.text[i+1 : end-1]
	if escaped {
		inner = string(appendUnescaped(make([]byte, 0, len(inner)), inner))
	}
	return inner, end
}

func (b *builder) strEnd(i int) (end int, escaped bool) {
	text := b.text
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			escaped = true
			i++
		}
	}
	return i + 1, escaped
}

// numberEnd is where the number at i ends, which in a list or an object is
// always before the end of text.
func (b *builder) numberEnd(i int) int {
	for c := b.text[i]; isDigit(c) || c == '.' || c == '-' || c == '+' || c|0x20 == 'e'; c = b.text[i] {
		i++
	}
	return i
}

// skip is where the value at i ends.
func (b *builder) skip(i int) int {
	for depth := 0; ; {
		switch b.text[i] {
		case '"':
			i, _ = b.strEnd(i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case 't', 'n':
			i += len("true")
		case 'f':
			i += len("false")
		case 'N':
			i += len("NaN")
		case 'I':
			i += len("Infinity")
		case '-':
			if i++; b.text[i] == 'I' {
				continue // the word is a part of the same value
			}
			i = b.numberEnd(i)
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
		default:
			i = b.numberEnd(i)
		}
		if depth == 0 {
			return i
		}
	}
}
