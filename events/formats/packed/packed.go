// Package packed is how requests come from the process that reads a file with columns: a
// block of rows at a time, a column after the other. A row becomes a request without a text
// in between, and the line of JSON that it stands for if that is wanted.
package packed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind says what a field holds. It is a number, as it is asked for with each value.
type Kind uint8

// The kinds.
const (
	KindText Kind = iota + 1 // texts that need not be UTF-8
	KindInt
	KindDouble
	KindBool
	KindTime // whole numbers of Field.Per nanoseconds since 1970 in UTC
	KindGroup
	KindList // of groups
)

// Field is a column, or a group or a list of them.
type Field struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Per  int64  `json:"per,omitempty"` // of KindTime
	// Bytes says of a KindText that a text that is no UTF-8 is meant as bytes: its JSON is base64.
	Bytes bool `json:"bytes,omitempty"`
	// Def is the definition level from which on the field is there, as Parquet has levels,
	// and Each, of a list, the one from which on an element is.
	Def  byte `json:"def"`
	Each byte `json:"each,omitempty"`
	// Fields are those of a group; of a list, the one is its element, a group.
	Fields []Field `json:"fields,omitempty"`

	leaf int // the number of its first leaf
}

// Schema is the fields of all rows of a file.
type Schema struct {
	Fields []Field

	leaves []leafType
	plan   plan
}

type leafType struct {
	kind   Kind
	def    byte // the level of a value that is there
	listed bool // it is within the list
}

// Names of fields that are requests' own.
const (
	nameFeatures = "features"
	nameItems    = "items"
)

// NewSchema looks whether rows with these fields can be packed: whether the fields are those
// of a request, the features plain, and nothing but the items a list. The error says why not.
func NewSchema(fields []Field) (*Schema, error) {
	s := &Schema{Fields: fields}
	if err := s.number(s.Fields, "", false); err != nil {
		return nil, err
	}
	return s, s.plan.make(s.Fields)
}

// errShape says that rows have another shape than requests.
var errShape = errors.New("its columns are not those of requests")

// number numbers the leaves below fields, and checks the shape.
func (s *Schema) number(fields []Field, inside string, listed bool) error {
	names := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		if !plainName(f.Name) || names[f.Name] {
			return fmt.Errorf("%w: the name %q", errShape, f.Name)
		}
		names[f.Name] = true
		f.leaf = len(s.leaves)
		var err error
		switch {
		case f.Kind == KindGroup && f.Name == nameFeatures && (inside == "" || inside == nameItems) && len(f.Fields) > 0:
			err = s.number(f.Fields, nameFeatures, listed)
		case f.Kind == KindList && f.Name == nameItems && inside == "" && len(f.Fields) == 1 &&
			f.Fields[0].Kind == KindGroup && len(f.Fields[0].Fields) > 0:
			f.Fields[0].leaf = f.leaf
			err = s.number(f.Fields[0].Fields, nameItems, true)
		case slices.Contains([]Kind{KindText, KindInt, KindDouble, KindBool, KindTime}, f.Kind):
			s.leaves = append(s.leaves, leafType{kind: f.Kind, def: f.Def, listed: listed})
		default:
			err = fmt.Errorf("%w: %q", errShape, f.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mostName is how long a name may be that is one piece of its text.
const mostName = 128

// plainName reports whether a name is one member of an object, written as it is.
func plainName(name string) bool {
	return name != "" && len(name) <= mostName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '.' })
}
