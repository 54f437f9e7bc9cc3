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
	"time"

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
	head     string // the name as it is written, with its colon
	key      jsonevent.NodeName
}

func fieldOf(name string, required bool, write func(c *canon, dst []byte, v any) ([]byte, error)) field {
	return field{name, required, write, `"` + name + `":`, jsonevent.NodeNameOf(name)}
}

func requestFields() []field {
	return []field{
		fieldOf("request_id", true, (*canon).id), fieldOf("ts", true, (*canon).time), fieldOf("model", false, (*canon).text),
		fieldOf("model_version", false, (*canon).text), fieldOf("user_id", false, (*canon).text),
		fieldOf("score", false, (*canon).number), fieldOf("features", false, (*canon).object),
		fieldOf("items", false, (*canon).items),
	}
}

func outcomeFields() []field {
	return []field{
		fieldOf("request_id", true, (*canon).id), fieldOf("ts", true, (*canon).time), fieldOf("type", true, (*canon).id),
		fieldOf("outcome_id", false, (*canon).id), fieldOf("item_id", false, (*canon).id),
		fieldOf("value", false, (*canon).number), fieldOf("attrs", false, (*canon).object),
	}
}

func itemFields() []field {
	return []field{
		fieldOf("item_id", true, (*canon).id), fieldOf("position", false, (*canon).number),
		fieldOf("score", false, (*canon).number), fieldOf("features", false, (*canon).object),
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
	most  int     // bytes of an event
	item  []field // of items
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
	if n, ok := v.(*jsonevent.Node); ok {
		switch n.Kind() {
		case jsonevent.NodeText, jsonevent.NodeWhole:
			if !n.Escaped() {
				return append(append(append(dst, '"'), n.Raw()...), '"'), nil
			}
		}
		v = n.Plain()
	}
	text, err := textOf(v)
	if err != nil {
		return nil, err
	}
	return appendText(dst, text), nil
}

// text writes a text by which nothing is joined.
func (c *canon) text(dst []byte, v any) ([]byte, error) {
	if n, ok := v.(*jsonevent.Node); ok && n.Kind() == jsonevent.NodeNumber {
		v = n.Plain()
	}
	if f, ok := v.(float64); ok {
		return appendText(dst, string(appendFloat(nil, f))), nil
	}
	return c.id(dst, v)
}

func (c *canon) time(dst []byte, v any) ([]byte, error) {
	if _, known := v.(events.Time); !known {
		var err error
		switch x := simple(v).(type) {
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
	return appendTime(dst, v.(events.Time)), nil
}

func appendTime(dst []byte, t events.Time) []byte {
	if t == events.MinTime || t == events.MaxTime {
		return appendText(dst, t.String())
	}
	return append(t.Std().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

// number writes a number, which a text may say.
func (c *canon) number(dst []byte, v any) ([]byte, error) {
	if n, ok := v.(*jsonevent.Node); ok && (n.Kind() == jsonevent.NodeWhole || n.Shortest()) {
		return append(dst, n.Raw()...), nil
	}
	if n, ok := v.(*jsonevent.Node); ok && n.Kind() == jsonevent.NodeText && !n.Escaped() {
		if of, ok := jsonevent.NumberOf(n.Raw()); ok {
			v = of
		}
	}
	v = simple(v)
	if text, ok := v.(string); ok {
		if v, ok = jsonevent.NumberOf(text); !ok {
			n, reject := c.own.Record([]byte(text))
			if reject != nil {
				return nil, fmt.Errorf("%q is no number", clip(text))
			}
			v = n
		}
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
	n, isNode := v.(*jsonevent.Node)
	_, isMade := v.(*object)
	if _, ok := v.(map[string]any); !ok && !isMade && !(isNode && n.Kind() == jsonevent.NodeObject) {
		return nil, fmt.Errorf("%s is no object", kindOf(v))
	}
	return c.any(dst, v)
}

// items writes a list of items, each an object or its id alone.
func (c *canon) items(dst []byte, v any) ([]byte, error) {
	next, n := elementsOf(v)
	if next == nil {
		list, ok := listOf(v)
		if !ok {
			return nil, fmt.Errorf("%s is no list", kindOf(v))
		}
		next, n = elementsOf(list)
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if err := c.room(dst); err != nil {
			return nil, err
		}
		var err error
		if dst, err = c.oneItem(dst, next(i)); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

func (c *canon) oneItem(dst []byte, v any) ([]byte, error) {
	first, known, members := true, 0, membersOf(v)
	dst = append(dst, '{')
	for i := range c.item {
		f := &c.item[i]
		member, given := v, i == 0 // the id alone
		if members >= 0 {
			member, given = memberOf(v, f)
		}
		if given {
			known++
		}
		if member == nil && f.required {
			return nil, fmt.Errorf("%s is not given", f.name)
		}
		if member == nil || !given {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var err error
		if dst, err = f.append(c, append(dst, f.head...), member); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if known < members {
		object, _ := plain(v).(map[string]any)
		return nil, unknownOfItem(object)
	}
	return append(dst, '}'), nil
}

// membersOf is how many members an object has; -1 for what is none.
func membersOf(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return len(v)
	case *object:
		return len(v.names)
	case *jsonevent.Node:
		if v.Kind() == jsonevent.NodeObject {
			return v.Len()
		}
	}
	return -1
}

// memberOf looks the member of an object up that is a field.
func memberOf(v any, f *field) (member any, given bool) {
	switch v := v.(type) {
	case map[string]any:
		member, given = v[f.name]
	case *object:
		return v.member(f.name)
	case *jsonevent.Node:
		if m := v.Member(f.key); m != nil {
			return valueOf(m), true
		}
	}
	return member, given
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
		return appendTime(dst, v), nil
	case *jsonevent.Node:
		return c.node(dst, v)
	case *object:
		dst = append(dst, '{')
		for i, at := range v.order {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = c.any(append(dst, v.heads[at]...), v.values[at]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case map[string]any:
		return c.members(dst, v)
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

func (c *canon) members(dst []byte, object map[string]any) ([]byte, error) {
	names := slices.AppendSeq(make([]string, 0, len(object)), maps.Keys(object))
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = c.any(append(appendText(dst, name), ':'), object[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// node writes a value of a record.
func (c *canon) node(dst []byte, n *jsonevent.Node) ([]byte, error) {
	if err := c.room(dst); err != nil {
		return nil, err
	}
	switch n.Kind() {
	case jsonevent.NodeText:
		if n.Escaped() {
			return appendText(dst, n.Text()), nil
		}
		return append(append(append(dst, '"'), n.Raw()...), '"'), nil
	case jsonevent.NodeWhole:
		return append(dst, n.Raw()...), nil
	case jsonevent.NodeNumber:
		if n.Shortest() {
			return append(dst, n.Raw()...), nil
		}
		return c.any(dst, n.Plain())
	case jsonevent.NodeList, jsonevent.NodeObject:
	default:
		return append(dst, n.Raw()...), nil // null, true and false
	}
	brackets := "[]"
	if n.Kind() == jsonevent.NodeObject {
		brackets = "{}"
	}
	dst = append(dst, brackets[0])
	for m := n.First(); m != nil; m = m.Next() {
		if m != n.First() {
			dst = append(dst, ',')
		}
		if n.Kind() == jsonevent.NodeObject {
			dst = append(append(append(dst, '"'), m.Name()...), '"', ':')
		}
		var err error
		if dst, err = c.node(dst, m); err != nil {
			return nil, err
		}
	}
	return append(dst, brackets[1]), nil
}

// listOf is a list of whatever kind an expression gave.
func listOf(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case list:
		return v, true
	case *object:
		return nil, false
	case *jsonevent.Node:
		next, n := elementsOf(v)
		if next == nil {
			return nil, false
		}
		made := make([]any, n)
		for i := range made {
			made[i] = next(i)
		}
		return made, true
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
