package rowfile

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// shape is how a column's values are written.
type shape struct {
	typ  Type
	json bool // every value is written as its JSON text
}

// shape decides what the column's values widen to: a function of the set of
// kinds seen. ok is false if every value is null, which has no type.
func (c *column) shape() (s shape, ok bool) {
	switch {
	case c.declared:
		return shape{typ: c.typ}, true
	case c.values() == 0:
		return shape{}, false
	case c.values().within(events.List):
		element, plain := widen(c.elems.values())
		if !plain {
			return shape{typ: Type{Scalar: String}, json: true}, true
		}
		return shape{typ: Type{Scalar: element.Scalar, List: true}}, true
	}
	t, plain := widen(c.values())
	if !plain {
		return shape{typ: Type{Scalar: String}, json: true}, true
	}
	return shape{typ: t}, true
}

// widen is the narrowest scalar that holds all the kinds as they are; plain is
// false if there is none and JSON text must do. No kinds at all, the elements
// of empty lists, are int64: it widens to most others.
func widen(seen kinds) (t Type, plain bool) {
	switch {
	case seen.within(events.Int):
		return Type{Scalar: Int64}, true
	case seen.within(events.Bool):
		return Type{Scalar: Bool}, true
	case seen.within(events.Int, events.Double):
		return Type{Scalar: Double}, true
	case seen.within(events.String), seen.within(events.JSON):
		return Type{Scalar: String}, true
	}
	return Type{}, false
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

// fit converts v to a declared type: it returns the value to store and how
// many values (v itself, or elements of it) did not fit and became null.
func fit(v *events.Value, t Type) (events.Value, int64) {
	switch {
	case v.Kind == events.Null:
		return events.Value{}, 0
	case !t.List:
		return fitScalar(v, t.Scalar)
	case v.Kind != events.List:
		return events.Value{}, 1
	}
	var unfit int64
	out := events.Value{Kind: events.List, List: make([]events.Value, len(v.List))}
	for i := range v.List {
		if v.List[i].Kind == events.Null {
			continue
		}
		element, bad := fitScalar(&v.List[i], t.Scalar)
		out.List[i] = element
		unfit += bad
	}
	return out, unfit
}

// exactInts is the range in which every integer is a double and the other way
// round.
const exactInts = 1 << 53

func fitScalar(v *events.Value, s Scalar) (events.Value, int64) {
	switch s {
	case Bool:
		if v.Kind == events.Bool {
			return *v, 0
		}
	case Int64:
		if v.Kind == events.Int {
			return *v, 0
		}
		if v.Kind == events.Double && v.Float == math.Trunc(v.Float) && math.Abs(v.Float) <= exactInts {
			return events.Value{Kind: events.Int, Int: int64(v.Float)}, 0
		}
	case Double:
		if v.Kind == events.Double {
			return *v, 0
		}
		if v.Kind == events.Int {
			return events.Value{Kind: events.Double, Float: float64(v.Int)}, 0
		}
	default: // String: everything has a JSON text
		if v.Kind == events.String {
			return *v, 0
		}
		return events.Value{Kind: events.String, Str: string(appendJSON(nil, v))}, 0
	}
	return events.Value{}, 1
}
