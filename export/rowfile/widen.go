package rowfile

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// TypeOf is the type that an undeclared column has whose first value v is. ok is false
// where v has none: it is null, or a list without an element that is not null.
func TypeOf(v *events.Value) (t Type, ok bool) {
	if v.Kind != events.ValueList {
		scalar, ok := plainType(v.Kind)
		return Type{Scalar: scalar}, ok
	}
	t.List = true
	for i := range v.List {
		scalar, known := plainType(v.List[i].Kind)
		switch {
		case v.List[i].Kind == events.ValueNull:
		case !known || scalar == ScalarJSON || ok && scalar != t.Scalar:
			return Type{Scalar: ScalarJSON}, true
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
	case events.ValueBool:
		return ScalarBool, true
	case events.ValueInt, events.ValueDouble:
		return ScalarDouble, true
	case events.ValueString:
		return ScalarString, true
	case events.ValueJSON:
		return ScalarJSON, true
	}
	return 0, false
}

// natural is the kind of the values that a column of the scalar holds.
func (s Scalar) natural() events.ValueKind {
	switch s {
	case ScalarBool:
		return events.ValueBool
	case ScalarDouble, ScalarFloat32:
		return events.ValueDouble
	case ScalarString:
		return events.ValueString
	case ScalarJSON:
		return events.ValueJSON
	}
	return events.ValueInt
}

// appendJSON appends the value's JSON text. JSON has no NaN and no infinities:
// they are written as strings, as protobuf's JSON mapping does.
func appendJSON(dst []byte, v *events.Value) []byte {
	switch v.Kind {
	case events.ValueBool:
		return strconv.AppendBool(dst, v.Int != 0)
	case events.ValueInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case events.ValueDouble:
		return appendFloat(dst, v.Float)
	case events.ValueString:
		return appendQuoted(dst, v.Str)
	case events.ValueJSON:
		return append(dst, v.Str...)
	case events.ValueList:
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
	case v.Kind == events.ValueNull:
		return events.Value{}, 0
	case !t.List:
		return fitScalar(v, t.Scalar, declared)
	case v.Kind != events.ValueList:
		return events.Value{}, 1
	}
	var unfit int64
	out := events.Value{Kind: events.ValueList, List: make([]events.Value, len(v.List))}
	for i := range v.List {
		if v.List[i].Kind == events.ValueNull {
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
	case ScalarBool:
		if v.Kind == events.ValueBool {
			return *v, 0
		}
	case ScalarInt64:
		if v.Kind == events.ValueInt {
			return *v, 0
		}
		if v.Kind == events.ValueDouble && isWhole(v.Float) {
			return events.Value{Kind: events.ValueInt, Int: int64(v.Float)}, 0
		}
	case ScalarDouble:
		if v.Kind == events.ValueDouble {
			return *v, 0
		}
		if v.Kind == events.ValueInt {
			return events.Value{Kind: events.ValueDouble, Float: float64(v.Int)}, 0
		}
	case ScalarFloat32:
		x := v.Float
		if v.Kind == events.ValueInt {
			x = float64(v.Int)
		} else if v.Kind != events.ValueDouble {
			break
		}
		if single, ok := Single(x); ok {
			return events.Value{Kind: events.ValueDouble, Float: single}, 0
		}
	case ScalarJSON: // everything has a JSON text
		return events.Value{Kind: events.ValueJSON, Str: string(appendJSON(nil, v))}, 0
	default:
		if v.Kind == events.ValueString {
			return *v, 0
		}
		if declared {
			return events.Value{Kind: events.ValueString, Str: string(appendJSON(nil, v))}, 0
		}
	}
	return events.Value{}, 1
}
