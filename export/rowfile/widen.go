package rowfile

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// typeOf is the type that an undeclared column has whose first value v is. ok is false
// where v has none: it is null, or a list without an element that is not null.
func typeOf(v *events.Value) (t Type, ok bool) {
	if v.Kind != events.List {
		scalar, ok := plainType(v.Kind)
		return Type{Scalar: scalar}, ok
	}
	t.List = true
	for i := range v.List {
		scalar, known := plainType(v.List[i].Kind)
		switch {
		case v.List[i].Kind == events.Null:
		case !known || scalar == JSON || ok && scalar != t.Scalar:
			return Type{Scalar: JSON}, true
		default:
			t.Scalar, ok = scalar, true
		}
	}
	return t, ok
}

// plainType is the type of a value that is no list. Numbers are doubles: a whole number
// today may have a fraction tomorrow.
func plainType(k events.ValueKind) (s Scalar, ok bool) {
	switch k {
	case events.Bool:
		return Bool, true
	case events.Int, events.Double:
		return Double, true
	case events.String:
		return String, true
	case events.JSON:
		return JSON, true
	}
	return 0, false
}

// natural is the kind of the values that a column of the scalar holds.
func (s Scalar) natural() events.ValueKind {
	switch s {
	case Bool:
		return events.Bool
	case Double:
		return events.Double
	case String:
		return events.String
	case JSON:
		return events.JSON
	}
	return events.Int
}

// appendJSON appends the value's JSON text. JSON has no NaN and no infinities:
// they are written as strings, as protobuf's JSON mapping does.
func appendJSON(dst []byte, v *events.Value) []byte {
	switch v.Kind {
	case events.Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	case events.Int:
		return strconv.AppendInt(dst, v.Int, 10)
	case events.Double:
		return appendFloat(dst, v.Float)
	case events.String:
		return appendQuoted(dst, v.Str)
	case events.JSON:
		return append(dst, v.Str...)
	case events.List:
		dst = append(dst, '[')
		for i := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, &v.List[i])
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return append(dst, jsontext.Float(f).String()...)
}

// appendQuoted quotes valid or invalid UTF-8; the latter's bytes become U+FFFD,
// which is all that AppendQuote can complain of.
func appendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// fit converts v to a type: it returns the value to store and how many values (v itself,
// or elements of it) did not fit and became null. A column of strings that was declared
// takes everything, what is no string as its JSON text; another takes strings only.
func fit(v *events.Value, t Type, declared bool) (events.Value, int64) {
	switch {
	case v.Kind == events.Null:
		return events.Value{}, 0
	case !t.List:
		return fitScalar(v, t.Scalar, declared)
	case v.Kind != events.List:
		return events.Value{}, 1
	}
	var unfit int64
	out := events.Value{Kind: events.List, List: make([]events.Value, len(v.List))}
	for i := range v.List {
		if v.List[i].Kind == events.Null {
			continue
		}
		element, bad := fitScalar(&v.List[i], t.Scalar, declared)
		out.List[i] = element
		unfit += bad
	}
	return out, unfit
}

// exactInts is the range in which every integer is a double and the other way
// round.
const exactInts = 1 << 53

// isWhole reports whether a double is an integer that int64 holds exactly.
func isWhole(f float64) bool { return f == math.Trunc(f) && math.Abs(f) <= exactInts }

func fitScalar(v *events.Value, s Scalar, declared bool) (events.Value, int64) {
	switch s {
	case Bool:
		if v.Kind == events.Bool {
			return *v, 0
		}
	case Int64:
		if v.Kind == events.Int {
			return *v, 0
		}
		if v.Kind == events.Double && isWhole(v.Float) {
			return events.Value{Kind: events.Int, Int: int64(v.Float)}, 0
		}
	case Double:
		if v.Kind == events.Double {
			return *v, 0
		}
		if v.Kind == events.Int {
			return events.Value{Kind: events.Double, Float: float64(v.Int)}, 0
		}
	case JSON: // everything has a JSON text
		return events.Value{Kind: events.JSON, Str: string(appendJSON(nil, v))}, 0
	default:
		if v.Kind == events.String {
			return *v, 0
		}
		if declared {
			return events.Value{Kind: events.String, Str: string(appendJSON(nil, v))}, 0
		}
	}
	return events.Value{}, 1
}
