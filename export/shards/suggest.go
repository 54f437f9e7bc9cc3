package shards

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Suggestion is a feature with the type that its values suggest.
type Suggestion struct {
	Name string
	Type rowfile.Type
	// Seen are the types that files have for it, where they are more than one.
	Seen []string
}

// Suggest lists the features of an output with one type each: that which the schema of
// the table has. Numbers are doubles, since a whole number today may have a fraction
// tomorrow. Where there is no schema and files differ, it is the type that most rows have.
func Suggest(table *export.Table) []Suggestion {
	schema := map[string]rowfile.Type{}
	for _, c := range table.State.Schema() {
		t, err := rowfile.ParseColumnType(c.Type)
		if err == nil && c.Kind == tablelog.SchemaFeature && t.Scalar != rowfile.ScalarInt64 {
			schema[c.Name] = t
		}
	}
	rows := map[string]map[rowfile.Type]int64{}
	for i := range table.Files {
		f := &table.Files[i]
		for _, c := range f.Features {
			if rows[c.Name] == nil {
				rows[c.Name] = map[rowfile.Type]int64{}
			}
			rows[c.Name][c.Type] += f.Rows
		}
	}
	var out []Suggestion
	for name, types := range rows {
		s := Suggestion{Name: name}
		counts := map[rowfile.Type]int64{}
		for t, n := range types {
			s.Seen = append(s.Seen, t.String())
			if empty := (rowfile.Type{Scalar: rowfile.ScalarInt64, List: true}); t == empty && len(types) > 1 {
				continue // perhaps they were all empty: any other type of lists is better known
			}
			if t.Scalar == rowfile.ScalarInt64 {
				t.Scalar = rowfile.ScalarDouble
			}
			counts[t] += n
		}
		for t, n := range counts {
			if best := counts[s.Type]; n > best || n == best && t.String() < s.Type.String() {
				s.Type = t
			}
		}
		if t, known := schema[name]; known {
			s.Type = t
		}
		if slices.Sort(s.Seen); len(s.Seen) == 1 {
			s.Seen = nil
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y Suggestion) int { return strings.Compare(x.Name, y.Name) })
	return out
}
