package rowfile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// assignment says what becomes of a feature of a row.
type assignment uint8

const (
	assignedOwn        assignment = iota // it has its column
	assignedOther                        // it has another column than its name asks for
	assignedNothing                      // the configuration leaves it out
	assignedUndeclared                   // the mode gives no column to what is not declared, or new
	assignedTooMany                      // the row, or the table, has more features than there are columns
)

// assigned is what becomes of one feature.
type assigned struct {
	source
	column     string // empty unless kept or other
	assignment assignment
}

// assign finds the columns of all features of a row, those of the request before
// those of the item, and gives no two the same. It is a function of the row and
// the configuration alone.
//
// Of features that fall on one column (a name twice in one request, or names that
// differ in case or in control characters only) one has it: a name that needs no
// change before others, then the first by name, then the first in the row. A row keeps as many features as a file has
// columns, from the first on.
func (l *Layout) assign(request, item []events.Field) []assigned {
	row := make([]assigned, 0, len(request)+len(item))
	for _, part := range [...]struct {
		fields []events.Field
		item   bool
	}{{request, false}, {item, true}} {
		for i := range part.fields {
			a := assigned{source: source{item: part.item, name: part.fields[i].Name}}
			switch p := l.place(a.source); {
			case p.column == "":
				a.assignment = assignedNothing
			case p.other:
				a.column, a.assignment = p.column, assignedOther
			default:
				a.column = p.column
			}
			row = append(row, a)
		}
	}
	l.part(row)
	l.limit(row)
	return row
}

// altered reports whether the column is called otherwise than the feature.
func (a *assigned) altered() bool { return !strings.HasSuffix(a.column, a.name) || a.name == "" }

// part gives the features that fall on a column of another feature of the row
// columns of their own.
func (l *Layout) part(row []assigned) {
	order, keys, used := make([]int, 0, len(row)), make([]string, len(row)), map[string]bool{}
	for i := range row {
		if row[i].column != "" {
			keys[i] = events.ColumnKey(row[i].column)
			order, used[keys[i]] = append(order, i), true
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		x, y := &row[i], &row[j]
		return cmp.Or(cmp.Compare(keys[i], keys[j]), cmp.Compare(index(x.item), index(y.item)),
			cmp.Compare(index(x.altered()), index(y.altered())), cmp.Compare(x.name, y.name), cmp.Compare(i, j))
	})
	free := func(column string) bool {
		column = events.ColumnKey(column)
		_, reserved := l.reserved[column]
		return !reserved && !used[column]
	}
	numbers := map[string]int{} // to go on with: many of one name cost no more than as many names
	for n, i := range order {
		if n == 0 || keys[order[n-1]] != keys[i] {
			continue
		}
		a := &row[i]
		name := events.ColumnKey(a.own())
		column, next := a.another(max(2, numbers[name]), free)
		numbers[name], used[events.ColumnKey(column)] = next, true
		a.column, a.assignment = column, assignedOther
	}
}

// limit drops what the table has no column for. Declared columns cost nothing.
func (l *Layout) limit(row []assigned) {
	room := l.room()
	for i := range row {
		a := &row[i]
		switch {
		case a.column == "" || l.typed[events.ColumnKey(a.column)]:
		case room == 0:
			a.column, a.assignment = "", assignedTooMany
		default:
			room--
		}
	}
}

// room is how many columns the table has for features that are not declared.
func (l *Layout) room() int { return max(0, l.maxFeatures-len(l.declared)) }
