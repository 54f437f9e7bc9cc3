package mapping

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// Canonical bytes. An event that is made here is written in one way only: its fields in
// the order of requestFields and outcomeFields, the names in objects sorted, no white
// space, numbers as short as they can be, times in RFC 3339. So the same event by another
// road is the same bytes, and a copy.

// field is one field of an event: its name, and how its value is written.
type field struct {
	name     string
	required bool
	append   func(c *canon, dst []byte, v any) ([]byte, error)
}

func requestFields() []field {
	return []field{
		{"request_id", true, (*canon).id}, {"ts", true, (*canon).time}, {"model", false, (*canon).text},
		{"model_version", false, (*canon).text}, {"user_id", false, (*canon).text}, {"score", false, (*canon).number},
		{"features", false, (*canon).object}, {"items", false, (*canon).items},
	}
}

func outcomeFields() []field {
	return []field{
		{"request_id", true, (*canon).id}, {"ts", true, (*canon).time}, {"type", true, (*canon).id},
		{"outcome_id", false, (*canon).id}, {"item_id", false, (*canon).id}, {"value", false, (*canon).number},
		{"attrs", false, (*canon).object},
	}
}

// fieldsOf are the fields of the events of a kind.
func fieldsOf(kind events.Kind) []field {
	if kind == events.KindRequest {
		return requestFields()
	}
	return outcomeFields()
}

// canon writes values.
type canon struct {
	unit  events.Unit // of timestamps that are numbers
	own   jsonevent.Decoder
	zones *zones
	most  int // bytes of an event
}

// errTooLarge says that an event is larger than events may be.
var errTooLarge = errors.New("the event is larger than events may be")

// room reports that an event has become too large. It is asked for every value, so that
// what is written many times, because an expression names it many times, comes to an end.
func (c *canon) room(dst []byte) error {
	if len(dst) > c.most {
		return errTooLarge
	}
	return nil
}

// id writes a text by which something is joined.
func (c *canon) id(dst []byte, v any) ([]byte, error) {
	text, err := textOf(v)
	if err != nil {
		return nil, err
	}
	return appendText(dst, text), nil
}

// text writes a text by which nothing is joined.
func (c *canon) text(dst []byte, v any) ([]byte, error) {
	if f, ok := v.(float64); ok {
		return appendText(dst, string(appendFloat(nil, f))), nil
	}
	return c.id(dst, v)
}

func (c *canon) time(dst []byte, v any) ([]byte, error) {
	if _, known := v.(events.Time); !known {
		var err error
		switch x := v.(type) {
		case int, jsonevent.Digits:
			unit := c.unit
			if unit == events.UnitAuto {
				unit = events.UnitMS
			}
			v, err = epoch(x, unit)
		default:
			v, err = timeOf(c.zones, x)
		}
		if err != nil {
			return nil, err
		}
	}
	return appendText(dst, v.(events.Time).String()), nil
}

// number writes a number, which a text may say.
func (c *canon) number(dst []byte, v any) ([]byte, error) {
	if text, ok := v.(string); ok {
		n, reject := c.own.Record([]byte(text))
		if reject != nil {
			return nil, fmt.Errorf("%q is no number", clip(text))
		}
		v = n
	}
	switch v := v.(type) {
	case float64:
		// A whole number is one, so that a column of doubles says the same as JSON.
		if whole := int64(v); math.Abs(v) < 1<<53 && float64(whole) == v && (whole != 0 || !math.Signbit(v)) {
			return strconv.AppendInt(dst, whole, 10), nil
		}
		return c.any(dst, v)
	case int, jsonevent.Digits:
		return c.any(dst, v)
	}
	return nil, fmt.Errorf("%s is no number", kindOf(v))
}

func (c *canon) object(dst []byte, v any) ([]byte, error) {
	if _, ok := v.(map[string]any); !ok {
		return nil, fmt.Errorf("%s is no object", kindOf(v))
	}
	return c.any(dst, v)
}

// items writes a list of items, each an object or its id alone.
func (c *canon) items(dst []byte, v any) ([]byte, error) {
	list, ok := listOf(v)
	if !ok {
		return nil, fmt.Errorf("%s is no list", kindOf(v))
	}
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if err := c.room(dst); err != nil {
			return nil, err
		}
		object, ok := item.(map[string]any)
		if !ok {
			object = map[string]any{"item_id": item}
		}
		var err error
		if dst, err = c.item(dst, object); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

func (c *canon) item(dst []byte, object map[string]any) ([]byte, error) {
	first, known := true, 0
	dst = append(dst, '{')
	for _, f := range [...]field{
		{"item_id", true, (*canon).id}, {"position", false, (*canon).number}, {"score", false, (*canon).number},
		{"features", false, (*canon).object},
	} {
		v, given := object[f.name]
		if given {
			known++
		}
		if v == nil && f.required {
			return nil, fmt.Errorf("%s is not given", f.name)
		}
		if v == nil {
			continue
		}
		var err error
		if dst, err = c.member(dst, f.name, &first); err != nil {
			return nil, err
		}
		if dst, err = f.append(c, dst, v); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if known < len(object) {
		return nil, unknownOfItem(object)
	}
	return append(dst, '}'), nil
}

// unknownOfItem names the first member of an item that no item has.
func unknownOfItem(object map[string]any) error {
	known := []string{"item_id", "position", "score", "features"}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("an item has no %s: it has %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// member begins a member of an object.
func (c *canon) member(dst []byte, name string, first *bool) ([]byte, error) {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	return append(appendText(dst, name), ':'), nil
}

// any writes a value as it is.
func (c *canon) any(dst []byte, v any) ([]byte, error) {
	if err := c.room(dst); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case string:
		return appendText(dst, v), nil
	case jsonevent.Digits:
		return append(dst, v...), nil
	case events.Time:
		return appendText(dst, v.String()), nil
	case map[string]any:
		first := true
		dst = append(dst, '{')
		names := slices.AppendSeq(make([]string, 0, len(v)), maps.Keys(v))
		slices.Sort(names)
		for _, name := range names {
			var err error
			if dst, err = c.member(dst, name, &first); err != nil {
				return nil, err
			}
			if dst, err = c.any(dst, v[name]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	list, ok := listOf(v)
	if !ok {
		return nil, fmt.Errorf("%s cannot be written", kindOf(v))
	}
	dst = append(dst, '[')
	for i, element := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = c.any(dst, element); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// listOf is a list of whatever kind an expression gave.
func listOf(v any) ([]any, bool) {
	if list, ok := v.([]any); ok {
		return list, true
	}
	r := reflect.ValueOf(v)
	if v == nil || r.Kind() != reflect.Slice {
		return nil, false
	}
	list := make([]any, r.Len())
	for i := range list {
		list[i] = r.Index(i).Interface()
	}
	return list, true
}

// appendFloat writes a number that has a fraction or an exponent, so that it is one when
// it is read again.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	from := len(dst)
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if !slices.ContainsFunc(dst[from:], func(c byte) bool { return c == '.' || c == 'e' }) {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendText writes a text, with as few escapes as JSON allows.
func appendText(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, text[from:]...), '"')
}
