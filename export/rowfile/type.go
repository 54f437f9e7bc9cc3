package rowfile

import (
	"fmt"
	"math"
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
	ScalarFloat32   // a double of which files keep single precision; in memory it is a double
)

var scalarNames = [...]string{"bool", "int32", "int64", "double", "string", "timestamp", "json", "float32"}

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

// IsFloat reports whether the values are doubles in memory, of double or single precision in files.
func (s Scalar) IsFloat() bool { return s == ScalarDouble || s == ScalarFloat32 }

// Single is x with single precision, rounded to the nearest. It is false if that is too large for it.
func Single(x float64) (rounded float64, ok bool) {
	rounded = float64(float32(x))
	return rounded, math.Abs(rounded) <= math.MaxFloat32 || rounded != rounded || math.IsInf(x, 0)
}

// stored is the type that a file has for the column.
func (t Type) stored() Type {
	if t.Scalar == ScalarJSON {
		t.Scalar = ScalarString
	}
	return t
}

// ParseType reads the type of a declared feature: bool, int64, double, float32, string,
// a list of one of these, or json.
func ParseType(s string) (Type, error) {
	if s == scalarNames[ScalarJSON] {
		return Type{Scalar: ScalarJSON}, nil
	}
	return parseType(s, ScalarBool, ScalarInt64, ScalarDouble, ScalarFloat32, ScalarString)
}

// ParseColumnType reads the type of any column, as it stands in manifests.
func ParseColumnType(s string) (Type, error) {
	if s == scalarNames[ScalarJSON] {
		return Type{Scalar: ScalarJSON}, nil
	}
	return parseType(s, ScalarBool, ScalarInt32, ScalarInt64, ScalarDouble, ScalarFloat32, ScalarString,
		ScalarTimestamp)
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
	return fmt.Errorf("type %q is not known: use bool, int64, double, float32, string, list<...> of one of these, or json", s)
}
