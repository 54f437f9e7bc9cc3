package archive

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// kinds notes of which types the values of undeclared features are. A column has one type, which the
// first of the rows that are written decides. Which rows those are, only the join knows, and it may read
// several archives. So a query stops where the values of such a feature are of several types.
type kinds struct {
	layout  *rowfile.Layout
	names   [2]map[string]*sighting // by the names of features of requests, and of items
	columns map[string]*sighting    // the same, by column: several names may have one
	mixed   []string                // columns of which several types were seen
}

// sighting is what was seen of a column.
type sighting struct {
	column string // empty: its type is declared, or there is none
	types  []rowfile.Type
}

// mostColumns bounds what is remembered. After that all is noted once more.
const mostColumns = 4 * rowfile.MaxFeatures

// mostSaid bounds the columns that are named.
const mostSaid = 20

func newKinds(layout *rowfile.Layout) *kinds {
	return &kinds{layout: layout, names: [2]map[string]*sighting{{}, {}}, columns: map[string]*sighting{}}
}

// note adds to a list what features say that none before them said: a type, a space and the column.
func (k *kinds) note(list []events.Value, fields []events.Field, item bool) []events.Value {
	for i := range fields {
		s := k.of(fields[i].Name, item)
		if s.column == "" {
			continue
		}
		typ, ok := rowfile.TypeOf(&fields[i].Value)
		if !ok || slices.Contains(s.types, typ) {
			continue
		}
		list = append(list, events.Value{Kind: events.ValueString, Str: typ.String() + " " + s.column})
		if s.types = append(s.types, typ); len(s.types) == 2 && len(k.mixed) < mostSaid {
			k.mixed = append(k.mixed, s.column)
		}
	}
	return list
}

// of is what was seen of the column of a feature.
func (k *kinds) of(name string, item bool) *sighting {
	names := k.names[0]
	if item {
		names = k.names[1]
	}
	if s := names[name]; s != nil {
		return s
	}
	if len(names) >= mostColumns {
		clear(names)
		clear(k.columns)
	}
	column := k.layout.Undecided(item, name)
	s := k.columns[column]
	if s == nil {
		column = strings.Clone(column) // the name may be the caller's
		s = &sighting{column: column}
		k.columns[column] = s
	}
	names[strings.Clone(name)] = s
	return s
}
