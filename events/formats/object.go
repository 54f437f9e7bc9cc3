package formats

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
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

// Set is AddPlain, but that of two values for one name the last counts.
func (o *Object) Set(name string, value []byte) {
	if m, known := o.named[name]; known {
		*m = member{value: value}
		return
	}
	o.AddPlain(name, value)
}

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
func AppendText[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		if from = i + 1; c < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// AppendTextOr64 appends a text, as base64 if it is no UTF-8.
func AppendTextOr64(dst, text []byte) []byte {
	if !utf8.Valid(text) {
		return AppendText(dst, base64.StdEncoding.EncodeToString(text))
	}
	return AppendText(dst, text)
}

// AppendTime appends a time as RFC 3339 to the nanosecond.
func AppendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	return append(t.AppendFormat(dst, time.RFC3339Nano), '"')
}

// AppendFloat appends the shortest number that reads as f again and that has a fraction or
// an exponent: 7.0 is no 7, which could be an id, and -0.0 keeps its sign. What JSON has no
// number for is a null.
func AppendFloat(dst []byte, f float64) []byte {
	if f-f != 0 {
		return append(dst, "null"...)
	}
	if dst, ok := appendShort(dst, f); ok {
		return dst
	}
	if dst = strconv.AppendFloat(dst, f, 'g', -1, 64); f == 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// AppendFloatOf is AppendFloat of a field. In a field by which events are joined, what is no
// number stays one that no id can be: as a null the id would count as not given.
func AppendFloatOf(dst []byte, name string, f float64) []byte {
	if events.IsJoiningID(name) {
		return AppendFloatOrNaN(dst, f)
	}
	return AppendFloat(dst, f)
}

// AppendFloatOrNaN is AppendFloat, but that what JSON has no number for stays NaN, as some programs write it: then the
// decoder knows of it.
func AppendFloatOrNaN(dst []byte, f float64) []byte {
	if f-f != 0 {
		return append(dst, "NaN"...)
	}
	return AppendFloat(dst, f)
}

// shortDigits is how many digits appendShort writes behind the point.
const shortDigits = 6

// appendShort appends a number of few digits several times as fast as strconv does. If
// f is n / 10^6, and both are exact as float64, then their quotient is rounded once, as
// that of the number's text is. With at most 15 digits no other text of as few reads as
// f: so it is the shortest.
func appendShort(dst []byte, f float64) ([]byte, bool) {
	const scale = 1e6
	a := math.Abs(f)
	if !(a >= 1e-4 && a < 1e6) {
		return dst, false // strconv writes these with an exponent, but for 0
	}
	n := uint64(a*scale + 0.5)
	if float64(n)/scale != a {
		return dst, false
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, n/scale, 10)
	if n %= scale; n == 0 {
		return append(dst, ".0"...), true
	}
	var digits [1 + shortDigits]byte
	digits[0] = '.'
	for i := shortDigits; i > 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, bytes.TrimRight(digits[:], "0")...), true
}

// IsNested reports whether a text column of this name may hold JSON that is meant as
// such: a table has no other way to write a list.
func IsNested(name string) bool { return name == "features" || name == "items" || name == "attrs" }

// AppendNested appends the value of such a column: JSON as it is, and anything else as
// text. What JSON cannot hold, and the decoder counts as null, is a part of it: a text that is no UTF-8, and a word for
// a number that is none.
func AppendNested(dst []byte, text string) []byte {
	t := strings.TrimSpace(text)
	if len(t) > 0 && (t[0] == '{' || t[0] == '[') && (json.Valid([]byte(t)) || json.Valid(withoutWords(t))) {
		return append(dst, strings.ReplaceAll(strings.ReplaceAll(t, "\n", " "), "\r", " ")...)
	}
	return AppendText(dst, text)
}

// withoutWords is JSON with null in the place of each word for a number that is none. A word in a text is left.
func withoutWords(text string) []byte {
	var out []byte
	inText := false
	for i := 0; i < len(text); i++ {
		if word := wordAt(text[i:]); word > 0 && !inText {
			out = append(out, "null"...)
			i += word - 1
			continue
		}
		if out = append(out, text[i]); text[i] == '"' {
			inText = !inText
		} else if text[i] == '\\' && i+1 < len(text) {
			i++
			out = append(out, text[i])
		}
	}
	return out
}

// wordAt is the length of the word for a number that is none, with which text begins; 0 if it begins with no such word.
func wordAt(text string) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(text, word) {
			return len(word)
		}
	}
	return 0
}
