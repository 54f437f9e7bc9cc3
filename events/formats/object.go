package formats

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Object writes the JSON object of a record, member by member. A name with a dot is a
// member of a member: features.age is age of features. The zero value is ready.
type Object struct {
	order []string
	named map[string]*member
}

type member struct {
	value []byte  // JSON; nil if there are members below
	below *Object // nil if there is a value
}

// Add gives a member a value, which is JSON. Of two values for one name the first
// counts.
func (o *Object) Add(name string, value []byte) {
	outer, inner, nested := strings.Cut(name, ".")
	if !nested || outer == "" || inner == "" {
		o.put(name, &member{value: value})
		return
	}
	m := o.named[outer]
	if m == nil {
		m = &member{below: &Object{}}
		o.put(outer, m)
	}
	if m.below == nil { // it has a value of its own
		o.put(name, &member{value: value})
		return
	}
	m.below.Add(inner, value)
}

// AddPlain is Add for a name in which a dot is a sign like others.
func (o *Object) AddPlain(name string, value []byte) { o.put(name, &member{value: value}) }

func (o *Object) put(name string, m *member) {
	if _, known := o.named[name]; known {
		return
	}
	if o.named == nil {
		o.named = map[string]*member{}
	}
	o.named[name] = m
	o.order = append(o.order, name)
}

// Append appends the object to dst.
func (o *Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, name := range o.order {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendText(dst, name), ':')
		if m := o.named[name]; m.below != nil {
			dst = m.below.Append(dst)
		} else {
			dst = append(dst, m.value...)
		}
	}
	return append(dst, '}')
}

// AppendText appends a JSON string. Bytes that are not UTF-8 stay as they are: an event
// that has them is for the decoder to judge.
func AppendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendFloat appends the shortest number that reads as f again. What JSON has no
// number for is a null.
func AppendFloat(dst []byte, f float64) []byte {
	if f-f != 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// IsNested reports whether a text column of this name may hold JSON that is meant as
// such: a table has no other way to write a list.
func IsNested(name string) bool { return name == "features" || name == "items" || name == "attrs" }

// AppendNested appends the value of such a column: JSON as it is, and anything else as
// text.
func AppendNested(dst []byte, text string) []byte {
	t := strings.TrimSpace(text)
	if len(t) > 0 && (t[0] == '{' || t[0] == '[') && utf8.ValidString(t) && json.Valid([]byte(t)) {
		return append(dst, strings.ReplaceAll(strings.ReplaceAll(t, "\n", " "), "\r", " ")...)
	}
	return AppendText(dst, text)
}
