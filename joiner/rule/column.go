package rule

import (
	"fmt"
	"math"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events"
)

// ColumnType is the type of a column that an expression over an outcome fills.
type ColumnType string

// The types.
const (
	ColumnDouble ColumnType = "double"
	ColumnString ColumnType = "string"
	ColumnBool   ColumnType = "bool"
)

// ColumnTypes lists the types.
func ColumnTypes() []string {
	return []string{string(ColumnDouble), string(ColumnString), string(ColumnBool)}
}

// Column is a compiled expression that fills a column.
type Column struct {
	Type ColumnType
	// Of is the value, of the column's type or null. The error says why it has none.
	Of InRow[events.Value]
	// Attrs are the attributes that it looks at, or AllAttrs.
	Attrs    []string
	AllAttrs bool
}

// CompileColumn checks an expression that fills a column of a type: of the outcome, and
// perhaps of the request and the item. Where no type is given, it is what the expression is
// known to be, and double where that is not known: an attribute may hold anything. The error
// is as of Compile.
func CompileColumn(source string, typ ColumnType) (Column, error) {
	tree, err := parse(source)
	if err != nil {
		return Column{}, err
	}
	of, err := compileRow(source, nil)
	if err != nil {
		return Column{}, err
	}
	known, ok := columnTypeOf(of.tree)
	switch {
	case !ok:
		return Column{}, &Error{Source: source, Line: 1, Column: 1,
			Message: "a column holds a number, a text or true and false, but this is a list or an object"}
	case typ == "" && known == "":
		typ = ColumnDouble
	case typ == "":
		typ = known
	case known != "" && known != typ:
		return Column{}, &Error{Source: source, Line: 1, Column: 1,
			Message: fmt.Sprintf("the column is of type %s, but this is always a %s", typ, known)}
	}
	l := looksOf(tree)
	run := inRow(of.program, l)
	return Column{Type: typ, Attrs: l.attrs.names, AllAttrs: l.attrs.all(),
		Of: func(o *events.Outcome, req *events.Request, item int) (events.Value, error) {
			out, err := run(o, req, item)
			if err != nil {
				return events.Value{}, err
			}
			return columnValue(out, typ)
		}}, nil
}

// columnTypeOf is the type that an expression is known to have; empty if that depends on the
// outcome. ok is false if no column holds it.
func columnTypeOf(tree ast.Node) (typ ColumnType, ok bool) {
	t := tree.Type()
	if t == nil {
		return "", true
	}
	switch kind := t.Kind().String(); kind {
	case "string":
		return ColumnString, true
	case "bool":
		return ColumnBool, true
	case "map", "slice", "struct":
		return "", false
	case "float64", "int":
		return ColumnDouble, true
	}
	return "", true
}

// columnValue is what an expression gave as a value of a type. A number that is none is null,
// as is nil.
func columnValue(out any, typ ColumnType) (events.Value, error) {
	is := ColumnType("")
	v := events.Value{}
	switch x := out.(type) {
	case nil:
		return v, nil
	case float64:
		is, v = ColumnDouble, events.Value{Kind: events.ValueDouble, Float: x}
	case int:
		is, v = ColumnDouble, events.Value{Kind: events.ValueDouble, Float: float64(x)}
	case bool:
		if is, v.Kind = ColumnBool, events.ValueBool; x {
			v.Int = 1
		}
	case string:
		is, v = ColumnString, events.Value{Kind: events.ValueString, Str: strings.Clone(x)}
	default:
		return v, fmt.Errorf("it is a list or an object, and the column is of type %s", typ)
	}
	if is != typ {
		return events.Value{}, fmt.Errorf("it is a %s, and the column is of type %s: give the column another `type`", is, typ)
	}
	if is == ColumnDouble && (math.IsNaN(v.Float) || math.IsInf(v.Float, 0)) {
		return events.Value{}, nil
	}
	return v, nil
}
