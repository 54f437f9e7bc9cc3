package rowfile

import (
	"fmt"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// record is a group whose fields keep the order they are given in; a
// parquet.Group is a map and sorts them by name.
type record struct {
	parquet.Group // nil: only for what all groups have in common
	fields        []parquet.Field
}

func (r record) Fields() []parquet.Field { return r.fields }
func (r record) String() string          { return "record" }

// GoType is of no use, as rows are never written from or read into structs.
func (r record) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

// field is a named column of a record.
type field struct {
	parquet.Node
	name string
}

func (f field) Name() string { return f.name }

// Value is of no use, for the same reason as record.GoType.
func (f field) Value(reflect.Value) reflect.Value { return reflect.Value{} }

// schema is the Parquet schema of the columns of so many rows.
func schema(cols []*column, dict []bool, rows int) *parquet.Schema {
	var r record
	for i, c := range cols {
		node := leaf(c.typ.Scalar, dict[i], !c.typ.List && c.full(rows))
		switch {
		case c.typ.List:
			node = parquet.Optional(parquet.List(parquet.Optional(node)))
		case !c.required:
			node = parquet.Optional(node)
		}
		r.fields = append(r.fields, field{Node: node, name: c.name})
	}
	return parquet.NewSchema("row", r)
}

// columnsOf is what a file of ours says of its columns.
func columnsOf(fields []parquet.Field) ([]Column, error) {
	columns := make([]Column, len(fields))
	for i, f := range fields {
		columns[i].Name = f.Name()
		node := parquet.Node(f)
		for !node.Leaf() {
			inner := node.Fields()
			if len(inner) != 1 {
				return nil, fmt.Errorf("column %q is none that labeljoin writes", f.Name())
			}
			node, columns[i].Type.List = inner[0], true
		}
		scalar, err := scalarOf(node.Type())
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name(), err)
		}
		columns[i].Type.Scalar = scalar
	}
	return columns, nil
}

// scalarOf is the scalar that is written as a Parquet type.
func scalarOf(t parquet.Type) (Scalar, error) {
	switch t.Kind() {
	case parquet.Boolean:
		return ScalarBool, nil
	case parquet.Int32:
		return ScalarInt32, nil
	case parquet.Int64:
		if logical := t.LogicalType(); logical != nil {
			if _, ok := logical.Value.(*format.TimestampType); ok {
				return ScalarTimestamp, nil
			}
		}
		return ScalarInt64, nil
	case parquet.Float:
		return ScalarFloat32, nil
	case parquet.Double:
		return ScalarDouble, nil
	case parquet.ByteArray:
		return ScalarString, nil
	}
	return 0, fmt.Errorf("type %s is none that labeljoin writes", t)
}

// leaf is a column of scalars with the encoding that measured best for it and that
// readers know: fastparquet reads DELTA_BINARY_PACKED of 32 bits without nulls only,
// and takes that of 64 bits for other numbers without a word. Dictionaries all read.
func leaf(s Scalar, dict, full bool) parquet.Node {
	var node parquet.Node
	var enc encoding.Encoding = &parquet.Plain
	if full && s == ScalarInt32 {
		enc = &parquet.DeltaBinaryPacked
	}
	switch s {
	case ScalarBool:
		return parquet.Leaf(parquet.BooleanType)
	case ScalarInt32:
		node = parquet.Leaf(parquet.Int32Type)
	case ScalarInt64:
		node = parquet.Leaf(parquet.Int64Type)
	case ScalarDouble:
		node = parquet.Leaf(parquet.DoubleType)
	case ScalarFloat32:
		node = parquet.Leaf(parquet.FloatType)
	case ScalarTimestamp:
		node = parquet.Timestamp(parquet.Microsecond)
	default:
		node = parquet.String()
	}
	if dict {
		enc = &parquet.RLEDictionary
	}
	return parquet.Encoded(node, enc)
}
