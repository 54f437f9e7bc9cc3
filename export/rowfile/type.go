package rowfile

import (
	"fmt"
	"strings"
)

// Scalar is the type of a column's values, or of the elements of its lists.
type Scalar uint8

// The scalar types.
const (
	ScalarBool Scalar = iota
	ScalarInt32
	ScalarInt64
	ScalarDouble
	ScalarString
	ScalarTimestamp // microseconds since the Unix epoch, UTC
	ScalarJSON      // a text that is JSON; files have it as String
)

var scalarNames = [...]string{"bool", "int32", "int64", "double", "string", "timestamp", "json"}

// Type is the type of a column.
type Type struct {
	Scalar Scalar
	List   bool // a list of the scalar
}

// String is the type as it stands in manifests and in the configuration.
func (t Type) String() string {
	if t.List {
		return "list<" + scalarNames[t.Scalar] + ">"
	}
	return scalarNames[t.Scalar]
}

// stored is the type that a file has for the column.
func (t Type) stored() Type {
	if t.Scalar == ScalarJSON {
		t.Scalar = ScalarString
	}
	return t
}

// ParseType reads the type of a declared feature: bool, int64, double, string,
// a list of one of these, or json.
func ParseType(s string) (Type, error) {
	if s == scalarNames[ScalarJSON] {
		return Type{Scalar: ScalarJSON}, nil
	}
	return parseType(s, ScalarBool, ScalarInt64, ScalarDouble, ScalarString)
}

// ParseColumnType reads the type of any column, as it stands in manifests.
func ParseColumnType(s string) (Type, error) {
	if s == scalarNames[ScalarJSON] {
		return Type{Scalar: ScalarJSON}, nil
	}
	return parseType(s, ScalarBool, ScalarInt32, ScalarInt64, ScalarDouble, ScalarString, ScalarTimestamp)
}

func parseType(s string, scalars ...Scalar) (Type, error) {
	inner, isList := strings.CutPrefix(s, "list<")
	if isList {
		var closed bool
		if inner, closed = strings.CutSuffix(inner, ">"); !closed {
			return Type{}, unknownType(s)
		}
	}
	for _, scalar := range scalars {
		if inner == scalarNames[scalar] {
			return Type{Scalar: scalar, List: isList}, nil
		}
	}
	return Type{}, unknownType(s)
}

func unknownType(s string) error {
	return fmt.Errorf("type %q is not known: use bool, int64, double, string, list<...> of one of these, or json", s)
}
