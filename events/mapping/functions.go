package mapping

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// The bounds of what all expressions may do for one record. The largest record that is
// read, a mebibyte, has half a million elements at most, so that a loop over it fits and
// a loop within a loop over it does not.
const (
	mostSteps  = 2_000_000
	mostText   = 16 << 20 // bytes made: texts, lists, events
	mostTimes  = 16       // and so many times the record
	mostJoined = 1 << 20  // bytes of one text that is put together
)

// errBudget says that a record costs too much.
var errBudget = errors.New("the expressions do more for this record than they may: a loop in a loop over a long list, or a text that grows and grows")

// budget is what is left to the expressions of one record.
type budget struct{ steps, text, size int }

// begin begins a record of so many bytes.
func (b *budget) begin(bytes int) {
	b.steps, b.text, b.size = mostSteps, mostText+mostTimes*bytes, bytes
}

// step accounts for an element of a loop. A costly one counts as many as the record has
// words of 64 bytes.
func (b *budget) step(costly bool) error {
	b.steps--
	if costly {
		b.steps -= b.size / 64
	}
	if b.steps < 0 {
		return errBudget
	}
	return nil
}

// makes accounts for a text of so many bytes.
func (b *budget) makes(bytes int) error {
	if b.text -= bytes; b.text < 0 || bytes < 0 {
		return errBudget
	}
	return nil
}

// elementBytes is what an element of a list takes, about.
const elementBytes = 32

// made accounts for what a function made: so many bytes of text, or so many elements.
func (b *budget) made(v any) error {
	switch v := v.(type) {
	case string:
		return b.makes(len(v))
	case []any:
		return b.makes(elementBytes * len(v))
	case []string:
		return b.makes(elementBytes * len(v))
	case map[string]any:
		return b.makes(2 * elementBytes * len(v))
	}
	return nil
}

// Functions lists the functions that are there beside those of expr, sorted.
func Functions() []string {
	return []string{
		"base64", "default", "flatten", "fromPairs", "int", "join", "json", "keys", "rename", "replace", "string", "subtree",
		"time", "toPairs", "values", "without",
	}
}

// functions are the functions that expressions may call beside builtins.
func functions(zones *zones) []expr.Option {
	one := new(func(any) any)
	return append(wholeFunctions(),
		expr.Function(nameTick, func(p ...any) (any, error) {
			return p[2], p[0].(*budget).step(p[1].(bool))
		}, new(func(*budget, bool, any) any)),
		expr.Function(nameMade, func(p ...any) (any, error) { return p[1], p[0].(*budget).made(p[1]) },
			new(func(*budget, any) any)),
		expr.Function(namePlus, func(p ...any) (any, error) { return plus(p[0].(*budget), p[1], p[2]) },
			new(func(*budget, any, any) any)),
		expr.Function("flatten", func(p ...any) (any, error) { return flattened(p[0]) }, one),
		expr.Function("string", func(p ...any) (any, error) { return textOf(p[0]) }, new(func(any) string)),
		expr.Function("int", func(p ...any) (any, error) { return wholeOf(p[0]) }, new(func(any) int)),
		expr.Function("time", func(p ...any) (any, error) { return timeOf(zones, p...) },
			one, new(func(any, string) any), new(func(any, string, string) any)),
		expr.Function("base64", func(p ...any) (any, error) { return fromBase64(p[0]) }, one),
		expr.Function("json", func(p ...any) (any, error) { return fromJSON(p[0]) }, one),
		expr.Function("default", func(p ...any) (any, error) {
			if p[0] == nil || p[0] == "" {
				return p[1], nil
			}
			return p[0], nil
		}, new(func(any, any) any)),
		expr.Function("keys", func(p ...any) (any, error) { return parts("keys", p[0], true, false) }, one),
		expr.Function("values", func(p ...any) (any, error) { return parts("values", p[0], false, true) }, one),
		expr.Function("toPairs", func(p ...any) (any, error) { return parts("toPairs", p[0], true, true) }, one),
		expr.Function("fromPairs", func(p ...any) (any, error) { return fromPairs(p[0]) }, one),
		expr.Function("subtree", func(p ...any) (any, error) { return subtree(p[0], p[1:]) }, new(func(any, ...string) any)),
		expr.Function("without", func(p ...any) (any, error) { return without(p[0], p[1:]) }, new(func(any, ...string) any)),
		expr.Function("rename", func(p ...any) (any, error) { return renamed(p[0], p[1]) },
			new(func(any, map[string]any) any)),
		expr.Function("replace", func(p ...any) (any, error) { return replaced(p[0], p[1], p[2]) },
			new(func(any, any, any) any)),
		expr.Function("join", func(p ...any) (any, error) { return joined(p[0], p[1].(string)) },
			new(func(any, string) string)))
}

// parts are the members of an object in the order of their names: the names, the values,
// or both as pairs.
func parts(what string, v any, names, values bool) (any, error) {
	object, err := objectOf(what, v)
	if object == nil || err != nil {
		return nil, err
	}
	list := make([]any, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch {
		case names && values:
			list = append(list, []any{name, object[name]})
		case names:
			list = append(list, name)
		default:
			list = append(list, object[name])
		}
	}
	return list, nil
}

// fromPairs is an object of pairs of a name and a value. Of two pairs of one name the last
// counts.
func fromPairs(v any) (any, error) {
	list, ok := listOf(v)
	if !ok {
		return nil, fmt.Errorf("fromPairs: %s is no list", kindOf(v))
	}
	object := make(map[string]any, len(list))
	for i, one := range list {
		pair, ok := listOf(one)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("fromPairs: element %d is no pair of a name and a value", i)
		}
		name, err := textOf(pair[0])
		if err != nil {
			return nil, fmt.Errorf("fromPairs: the name of element %d: %w", i, err)
		}
		object[name] = pair[1]
	}
	return object, nil
}

// wholeOf is a number, or a text with one, without its fraction.
func wholeOf(v any) (int, error) {
	switch x := v.(type) {
	case int:
		return x, nil
	case float64:
		if math.Abs(x) < 1<<62 {
			return int(x), nil
		}
	case string:
		if n, err := strconv.Atoi(x); err == nil {
			return n, nil
		}
		return 0, fmt.Errorf("int: %q is no whole number that fits 64 bits", clip(x))
	case jsonevent.Digits:
	default:
		return 0, fmt.Errorf("int: %s is no number", kindOf(v))
	}
	return 0, fmt.Errorf("int: %v does not fit 64 bits", v)
}

// replaced is a text of which a part is replaced wherever it stands.
func replaced(v, old, by any) (any, error) {
	var texts [3]string
	for i, one := range []any{v, old, by} {
		text, ok := one.(string)
		if !ok {
			return nil, fmt.Errorf("replace: %s is no text", kindOf(one))
		}
		texts[i] = text
	}
	if len(texts[0])+strings.Count(texts[0], texts[1])*len(texts[2]) > mostJoined {
		return nil, errBudget
	}
	return strings.ReplaceAll(texts[0], texts[1], texts[2]), nil
}

// plus adds two numbers, or puts two texts or lists together.
func plus(b *budget, x, y any) (any, error) {
	switch x := x.(type) {
	case string:
		if y, ok := y.(string); ok {
			return x + y, b.makes(len(x) + len(y))
		}
	case int:
		switch y := y.(type) {
		case int:
			sum, fits := events.WholeSum(x, y)
			if !fits {
				return nil, errBeyond("+", x, y)
			}
			return sum, nil
		case float64:
			return float64(x) + y, nil
		}
	case float64:
		switch y := y.(type) {
		case int:
			return x + float64(y), nil
		case float64:
			return x + y, nil
		}
	}
	return nil, fmt.Errorf("%s and %s cannot be put together with +: string(x) makes a text of a number, and default(x, \"\") of nothing", kindOf(x), kindOf(y))
}

// textOf is a value as a text. Of a number it is the digits that were written; one with a
// fraction has lost them.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case jsonevent.Digits:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case events.Time:
		return v.String(), nil
	case float64:
		return "", fmt.Errorf("%v has a fraction or an exponent: as an id it may have been another number before", v)
	}
	return "", fmt.Errorf("%s is no text", kindOf(v))
}

func fromBase64(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("base64: %s is no text", kindOf(v))
	}
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if data, err := encoding.DecodeString(text); err == nil {
			return string(data), nil
		}
	}
	return nil, errors.New("base64: the text is not in base64")
}

// fromJSON decodes JSON that stands in a text. What is decoded already stays.
func fromJSON(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	decoded, reject := (&jsonevent.Decoder{MaxBytes: 64 << 20, MaxDepth: 64}).Record([]byte(text))
	if reject != nil {
		return nil, fmt.Errorf("json: the text is no JSON: %s", reject.Detail)
	}
	return decoded, nil
}

func objectOf(what string, v any) (map[string]any, error) {
	if v == nil {
		return nil, nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: %s is no object", what, kindOf(v))
	}
	return object, nil
}

// mostElements is how many elements a list may have that is put together of others.
const mostElements = 500_000

// flattened is the elements of a list of lists. Elements that are no lists stay.
func flattened(v any) (any, error) {
	list, ok := listOf(v)
	if !ok {
		return nil, fmt.Errorf("flatten: %s is no list", kindOf(v))
	}
	out := []any{}
	for _, element := range list {
		inner, ok := listOf(element)
		if !ok {
			inner = []any{element}
		}
		if len(out)+len(inner) > mostElements {
			return nil, errBudget
		}
		out = append(out, inner...)
	}
	return out, nil
}

// subtree is an object with only the members named.
func subtree(v any, names []any) (any, error) {
	object, err := objectOf("subtree", v)
	if object == nil || err != nil {
		return nil, err
	}
	part := map[string]any{}
	for _, name := range names {
		if member, ok := object[name.(string)]; ok {
			part[name.(string)] = member
		}
	}
	return part, nil
}

// without is an object without the members named.
func without(v any, names []any) (any, error) {
	object, err := objectOf("without", v)
	if object == nil || err != nil {
		return nil, err
	}
	part := maps.Clone(object)
	for _, name := range names {
		delete(part, name.(string))
	}
	return part, nil
}

// renamed is an object of which some members have other names. One with the new name
// that there was before gives way.
func renamed(v, names any) (any, error) {
	object, err := objectOf("rename", v)
	if object == nil || err != nil {
		return nil, err
	}
	to, _ := names.(map[string]any)
	part := maps.Clone(object)
	for _, old := range slices.Sorted(maps.Keys(to)) {
		delete(part, old)
	}
	for _, old := range slices.Sorted(maps.Keys(to)) {
		name, ok := to[old].(string)
		if !ok {
			return nil, fmt.Errorf("rename: the new name of %q is %s", old, kindOf(to[old]))
		}
		if member, ok := object[old]; ok && name != "" {
			part[name] = member
		}
	}
	return part, nil
}

func joined(v any, separator string) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("join: %s is no list", kindOf(v))
	}
	texts, size := make([]string, len(list)), 0
	for i, element := range list {
		text, err := textOf(element)
		if err != nil {
			return nil, fmt.Errorf("join: %w", err)
		}
		if size += len(text) + len(separator); size > mostJoined {
			return nil, errBudget
		}
		texts[i] = text
	}
	return strings.Join(texts, separator), nil
}

// kindOf names a value's type for people.
func kindOf(v any) string {
	switch plain(v).(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int, float64, jsonevent.Digits:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case events.Time:
		return "a time"
	}
	return fmt.Sprintf("a %T", v)
}
