package columnar_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"unicode/utf8"
)

// shapeKind is what the values of a shape are.
type shapeKind int

const (
	shapeBool shapeKind = iota
	shapeInt
	shapeFloat
	shapeDouble
	shapeHalf // a float of two bytes, which Avro has not
	shapeText
	shapeGroup
	shapeList
	shapeMap
	shapeKinds
)

// shape is a type of values that JSON, Parquet and Avro have.
type shape struct {
	kind     shapeKind
	name     string // of a member of a group
	optional bool
	bare     bool     // a list of Parquet without the group that lists have
	fields   []*shape // of a group
	of       *shape   // the elements of a list, or the values of a map
}

// ways makes shapes, and values of them.
type ways struct {
	*rand.Rand
	names int
}

// name is a name that no other has.
func (w *ways) name() string {
	w.names++
	return fmt.Sprintf("n%03d", w.names)
}

// shape is any shape, which holds at most depth others in each other.
func (w *ways) shape(depth int) *shape {
	s := &shape{kind: shapeKind(w.IntN(int(shapeKinds))), name: w.name(), optional: w.IntN(2) == 0}
	if s.kind >= shapeGroup && depth == 0 {
		s.kind = shapeDouble
	}
	switch s.kind {
	case shapeGroup:
		s.fields = w.shapes(1+w.IntN(3), depth-1)
	case shapeList:
		s.of = w.shape(depth - 1)
		if s.bare = w.IntN(4) == 0; s.bare {
			s.optional, s.of.optional = false, false
		}
	case shapeMap:
		s.of = w.shape(depth - 1)
	}
	// What Parquet repeats has nothing around it that could be missing, and no list of its own.
	if s.bare && s.of.bare {
		s.of.bare = false
	}
	return s
}

func (w *ways) shapes(n, depth int) []*shape {
	var shapes []*shape
	for range n {
		shapes = append(shapes, w.shape(depth))
	}
	return shapes
}

// value is any value of a shape; nil: there is none.
func (w *ways) value(s *shape) any {
	if s.optional && w.IntN(5) == 0 {
		return nil
	}
	switch s.kind {
	case shapeBool:
		return w.IntN(2) == 0
	case shapeInt:
		return []int64{0, 1, -7, math.MaxInt64, math.MinInt64, 1 << 53}[w.IntN(6)]
	case shapeFloat:
		return float32(w.double())
	case shapeHalf:
		return half([]uint16{0, 0x8000, 1, 0x3ff, 0x400, 0x3c00, 0xc580, 0x7bff, 0x7c00, 0xfc00, 0x7e01}[w.IntN(11)])
	case shapeDouble:
		return w.double()
	case shapeText:
		return w.text()
	case shapeGroup:
		return w.members(s.fields)
	case shapeList:
		list := []any{}
		for range w.IntN(4) {
			list = append(list, w.value(s.of))
		}
		return list
	}
	values := map[string]any{}
	for range w.IntN(3) {
		values[w.name()+w.text()] = w.value(s.of)
	}
	return values
}

func (w *ways) members(fields []*shape) map[string]any {
	values := map[string]any{}
	for _, f := range fields {
		values[f.name] = w.value(f)
	}
	return values
}

// half is a float of two bytes.
type half uint16

// float is its value: the bits become those of a float32.
func (h half) float() float32 {
	exponent, fraction := uint32(h>>10&31), uint32(h&1023)
	bits := uint32(h&0x8000)<<16 | fraction<<13
	switch exponent {
	case 31:
		bits |= 255 << 23
	case 0:
		sign := math.Float32frombits(bits&(1<<31) | 127<<23)
		return sign * float32(fraction) / (1 << 24)
	default:
		bits |= (exponent + 127 - 15) << 23
	}
	return math.Float32frombits(bits)
}

// text is any text, and some that are none.
func (w *ways) text() string {
	return []string{"", "a", "NaN", "é", "x\"y\\\n", "[1]", "{}", "a.b", ".", "\xff", "a\xffb", "\xed\xa0\x80"}[w.IntN(12)]
}

// double is any double. Half of them are none that JSON has.
func (w *ways) double() float64 {
	return []float64{math.NaN(), math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 7, 0.1, 1e300, 5e-324}[w.IntN(10)]
}

func text(name string, optional bool) *shape {
	return &shape{kind: shapeText, name: name, optional: optional}
}

func number(name string) *shape { return &shape{kind: shapeDouble, name: name, optional: true} }

// request is the shape of a request with any features.
func (w *ways) request() []*shape {
	group := func(name string) *shape {
		return &shape{kind: shapeGroup, name: name, optional: w.IntN(2) == 0, fields: w.shapes(1+w.IntN(4), 3)}
	}
	item := &shape{kind: shapeGroup, fields: []*shape{group("features"), text("item_id", false), number("score")}}
	return []*shape{group("features"), {kind: shapeList, name: "items", optional: w.IntN(2) == 0, of: item},
		text("model", true), text("request_id", false), number("score"), {kind: shapeInt, name: "ts"}}
}

// outcome is the shape of an outcome with any attributes.
func (w *ways) outcome() []*shape {
	attrs := &shape{kind: shapeGroup, name: "attrs", fields: w.shapes(1+w.IntN(4), 3)}
	return []*shape{attrs, text("item_id", true), text("request_id", false), {kind: shapeInt, name: "ts"}, text("type", false),
		number("value")}
}

// rows are events of a shape, which have what events must have.
func (w *ways) rows(fields []*shape) []map[string]any {
	var rows []map[string]any
	for i := range 12 {
		row := w.members(fields)
		row["request_id"], row["ts"] = fmt.Sprintf("r%d", i), int64(1796000000000+i)
		if id, is := row["item_id"].(string); is && !utf8.ValidString(id) {
			row["item_id"] = nil
		}
		if _, is := row["type"]; is {
			row["type"] = "click"
		}
		if row["item_id"] == "" {
			row["item_id"] = "i"
		}
		if items, is := row["items"].([]any); is {
			for k, item := range items {
				item.(map[string]any)["item_id"] = fmt.Sprint("i", k)
			}
		}
		rows = append(rows, row)
	}
	return rows
}
