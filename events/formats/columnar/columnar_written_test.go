package columnar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// asJSON writes rows as Python writes JSON.
func asJSON(fields []*shape, rows []map[string]any) []byte {
	var b bytes.Buffer
	for _, row := range rows {
		members := &shape{kind: shapeGroup, fields: fields}
		members.json(&b, row)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (s *shape) json(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case string:
		b.WriteString(quoted(v))
	case half:
		b.WriteString(numeral(float64(v.float())))
	case float32:
		b.WriteString(numeral(float64(v)))
	case float64:
		b.WriteString(numeral(v))
	case []any:
		b.WriteByte('[')
		for i := range v {
			b.WriteString(strings.Repeat(", ", min(i, 1)))
			s.of.json(b, v[i])
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		between := ""
		for _, name := range slices.Sorted(maps.Keys(v)) {
			of := s.of
			if at := slices.IndexFunc(s.fields, func(f *shape) bool { return f.name == name }); at >= 0 {
				of = s.fields[at]
			}
			b.WriteString(between + quoted(name) + ": ")
			of.json(b, v[name])
			between = ", "
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v)
	}
}

// quoted is a text as JSON. What is no UTF-8 in it stays.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`).Replace(text) + `"`
}

func numeral(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ReplaceAll(fmt.Sprint(f), "Inf", "Infinity"), "+")
	}
	return pointed(f)
}

// asParquet writes rows as Parquet, each value with its levels.
func asParquet(fields []*shape, rows []map[string]any) ([]byte, error) {
	root := &shape{kind: shapeGroup, fields: fields}
	var b bytes.Buffer
	w := parquet.NewWriter(&b, parquet.NewSchema("event", root.node()))
	for _, row := range rows {
		columns := make([][]parquet.Value, root.leaves())
		root.shred(columns, 0, row, levels{})
		if _, err := w.WriteRows([]parquet.Row{slices.Concat(columns...)}); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// node is the shape as Parquet has it.
func (s *shape) node() (n parquet.Node) {
	switch s.kind {
	case shapeBool:
		n = parquet.Leaf(parquet.BooleanType)
	case shapeInt:
		n = parquet.Int(64)
	case shapeFloat:
		n = parquet.Leaf(parquet.FloatType)
	case shapeHalf:
		n = parquet.Leaf(halfType{parquet.FixedLenByteArrayType(2)})
	case shapeDouble:
		n = parquet.Leaf(parquet.DoubleType)
	case shapeText:
		n = parquet.String()
	case shapeGroup:
		group := parquet.Group{}
		for _, f := range s.fields {
			group[f.name] = f.node()
		}
		n = group
	case shapeList:
		if n = parquet.List(s.of.node()); s.bare {
			n = parquet.Repeated(s.of.node())
		}
	case shapeMap:
		n = parquet.Map(parquet.String(), s.of.node())
	}
	if s.optional {
		n = parquet.Optional(n)
	}
	return n
}

// halfType is the type of floats of two bytes, which the library has no name for.
type halfType struct{ parquet.Type }

func (halfType) LogicalType() *format.LogicalType {
	return &format.LogicalType{Value: new(format.Float16Type)}
}

// leaves is how many columns the shape has.
func (s *shape) leaves() int {
	switch s.kind {
	case shapeGroup:
		n := 0
		for _, f := range s.fields {
			n += f.leaves()
		}
		return n
	case shapeList:
		return s.of.leaves()
	case shapeMap:
		return 1 + s.of.leaves()
	}
	return 1
}

// levels are those of a value: at which it is repeated, up to which it is there, and at which the lists around it are.
type levels struct{ rep, def, lists int }

// shred appends a value to columns, from one on (Dremel).
func (s *shape) shred(to [][]parquet.Value, from int, v any, at levels) {
	if s.optional {
		if v == nil {
			s.none(to, from, at)
			return
		}
		at.def++
	}
	switch s.kind {
	case shapeGroup:
		for _, f := range s.fields {
			f.shred(to, from, v.(map[string]any)[f.name], at)
			from += f.leaves()
		}
	case shapeList:
		list := v.([]any)
		if len(list) == 0 {
			s.none(to, from, at)
		}
		for i := range list {
			s.of.shred(to, from, list[i], at.element(i))
		}
	case shapeMap:
		values := v.(map[string]any)
		if len(values) == 0 {
			s.none(to, from, at)
		}
		for i, name := range slices.Sorted(maps.Keys(values)) {
			text(name, false).shred(to, from, name, at.element(i))
			s.of.shred(to, from+1, values[name], at.element(i))
		}
	case shapeHalf:
		h := v.(half)
		to[from] = append(to[from], parquet.FixedLenByteArrayValue([]byte{byte(h), byte(h >> 8)}).Level(at.rep, at.def, from))
	default:
		to[from] = append(to[from], parquet.ValueOf(v).Level(at.rep, at.def, from))
	}
}

// element are the levels of the i-th element of a list.
func (l levels) element(i int) levels {
	l.def++
	l.lists++
	if i > 0 {
		l.rep = l.lists
	}
	return l
}

// none says in each column that there is nothing.
func (s *shape) none(to [][]parquet.Value, from int, at levels) {
	for i := from; i < from+s.leaves(); i++ {
		to[i] = append(to[i], parquet.NullValue().Level(at.rep, at.def, i))
	}
}

// asAvro writes rows as Avro.
func asAvro(fields []*shape, rows []map[string]any) ([]byte, error) {
	root := &shape{kind: shapeGroup, name: "event", fields: fields}
	schema, err := json.Marshal(root.avroType())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e, err := ocf.NewEncoder(string(schema), &b)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := e.Encode(root.avroValue(row)); err != nil {
			return nil, err
		}
	}
	err = e.Close()
	return b.Bytes(), err
}

// avroName is the name of its type in a union.
func (s *shape) avroName() string {
	switch s.kind {
	case shapeGroup:
		return fmt.Sprintf("record_%p", s)
	case shapeList:
		return "array"
	case shapeMap:
		return "map"
	}
	return map[shapeKind]string{shapeBool: "boolean", shapeInt: "long", shapeFloat: "float", shapeHalf: "float", shapeDouble: "double",
		shapeText: "string"}[s.kind]
}

func (s *shape) avroType() (of any) {
	switch s.kind {
	case shapeGroup:
		fields := []any{}
		for _, f := range s.fields {
			fields = append(fields, map[string]any{"name": f.name, "type": f.avroType()})
		}
		of = map[string]any{"type": "record", "name": s.avroName(), "fields": fields}
	case shapeList:
		of = map[string]any{"type": "array", "items": s.of.avroType()}
	case shapeMap:
		of = map[string]any{"type": "map", "values": s.of.avroType()}
	default:
		of = s.avroName()
	}
	if s.optional {
		of = []any{"null", of}
	}
	return of
}

func (s *shape) avroValue(v any) any {
	switch of := v.(type) {
	case nil:
		return nil
	case half:
		v = of.float()
	case []any:
		list := []any{}
		for i := range of {
			list = append(list, s.of.avroValue(of[i]))
		}
		v = list
	case map[string]any:
		values := map[string]any{}
		for name, member := range of {
			values[name] = member
			if s.kind == shapeMap {
				values[name] = s.of.avroValue(member)
			}
		}
		for _, f := range s.fields {
			values[f.name] = f.avroValue(of[f.name])
		}
		v = values
	}
	if s.optional {
		v = map[string]any{s.avroName(): v}
	}
	return v
}
