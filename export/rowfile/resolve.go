package rowfile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// guessed reports whether the row's features have the columns of the guess.
func (b *Builder) guessed(req *events.Request, item *events.Item) bool {
	if item == nil {
		return b.distinct[0] && startsWith(b.guess[0], req.Features)
	}
	return b.distinct[1] && startsWith(b.guess[0], req.Features) && startsWith(b.guess[1], item.Features)
}

func startsWith(g []guess, fields []events.Field) bool {
	if len(fields) > len(g) {
		return false
	}
	for i := range fields {
		// Where a name lies says nothing: the memory may be the caller's, who uses it again.
		if fields[i].Name != g[i].name {
			return false
		}
	}
	return true
}

// resolveAll finds the columns of a row's features and leaves them in the guess.
// Mostly each feature has the column that its name alone asks for. Only where two
// of the row fall on one column, or there are too many, the whole row decides.
func (b *Builder) resolveAll(req *events.Request, item *events.Item) {
	var fields []events.Field // of the item
	if item != nil {
		fields = item.Features
	}
	if !b.distinct[0] { // what was found from a whole row is good for no other
		b.guess[0], b.guess[1] = b.guess[0][:0], b.guess[1][:0]
	}
	alone := len(req.Features)+len(fields) <= b.layout.room() && b.resolve(req.Features, false) &&
		(item == nil || b.resolve(fields, true))
	if !alone {
		b.resolveTogether(req.Features, fields)
		return
	}
	b.distinct = [2]bool{true, item != nil}
}

// resolve finds the columns of a row's features one by one. It is false if two of them
// fall on one column.
func (b *Builder) resolve(fields []events.Field, item bool) bool {
	g := &b.guess[index(item)]
	for i := range fields {
		name := fields[i].Name
		if i == len(*g) {
			*g = append(*g, guess{})
		}
		if at := &(*g)[i]; at.name != name || at.col == nil {
			*at = b.find(source{item: item, name: name})
		}
		c := (*g)[i].col
		if c == nil {
			continue
		}
		if c.mark == b.rows+1 {
			return false
		}
		c.mark = b.rows + 1
	}
	*g = (*g)[:len(fields)]
	return true
}

// resolveTogether finds the columns of a row's features from the whole row. The
// guess is good for this row only.
func (b *Builder) resolveTogether(request, item []events.Field) {
	b.distinct = [2]bool{}
	b.guess[0], b.guess[1] = b.guess[0][:0], b.guess[1][:0]
	for _, a := range b.layout.assign(request, item) {
		g := guess{assignment: a.assignment, column: a.column}
		if a.column != "" {
			b.give(&g, a.source)
		}
		part := &b.guess[index(a.item)]
		*part = append(*part, g)
	}
}

// give gives a feature the column that the guess names, unless there is none for it.
func (b *Builder) give(g *guess, s source) {
	wanted := g.assignment
	if g.col, g.assignment = b.column(g.column); g.col == nil {
		return
	}
	if g.assignment = wanted; wanted == assignedOther {
		g.moved = b.counted(s, g.column)
	}
}

func index(item bool) int {
	if item {
		return 1
	}
	return 0
}

// find is the column that a feature has by itself, made if there is none yet.
func (b *Builder) find(s source) guess {
	if g, known := b.features[s]; known {
		return g
	}
	s.name = strings.Clone(s.name) // the request is the caller's
	p := b.layout.place(s)
	g := guess{name: s.name, column: strings.Clone(p.column), assignment: assignedNothing}
	if p.column != "" {
		if g.assignment = assignedOwn; p.other {
			g.assignment = assignedOther
		}
		b.give(&g, s)
	}
	b.features[s] = g
	return g
}

// column is the column of that name, compared without case, made if there is none
// yet. It is nil where the table has none for it.
func (b *Builder) column(name string) (*column, assignment) {
	key := events.ColumnKey(name)
	c := b.byName[key]
	if c != nil {
		return c, assignedOwn
	}
	key = strings.Clone(key) // the name may be the caller's, and then the key is too
	f, fate := b.table.feature(key, name)
	if f == nil {
		return nil, fate
	}
	c = &column{name: f.name, of: f, typed: f.decided, typ: f.typ}
	b.spare.giveTo(c)
	b.byName[key] = c
	b.size += columnOverhead + len(name)
	return c, assignedOwn
}

// Moved is a feature that has another column than its name asks for.
type Moved struct {
	Feature string // as Config.Rename names it; empty: several that are not told apart
	Column  string
	Values  int64 // how many are there
}

type movedKey struct {
	source
	column string
}

// mostMoved bounds the features that a file counts one by one.
const mostMoved = 1000

// counted is where the values of a feature are counted that has another column
// than its own.
func (b *Builder) counted(s source, column string) *Moved {
	m := b.moved[movedKey{s, column}]
	if m != nil {
		return m
	}
	m = &Moved{Feature: s.key(), Column: strings.Clone(column)}
	if len(b.moved) >= mostMoved {
		if s, column = (source{}), ""; b.moved[movedKey{}] != nil {
			return b.moved[movedKey{}]
		}
		m = &Moved{}
	}
	s.name = strings.Clone(s.name)
	b.moved[movedKey{s, m.Column}] = m
	return m
}

// Moved lists the features that have another column than their name asks for, by name.
func (b *Builder) Moved() []Moved {
	var out []Moved
	for _, m := range b.moved {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(x, y Moved) int {
		return cmp.Or(strings.Compare(x.Feature, y.Feature), strings.Compare(x.Column, y.Column))
	})
	return out
}

// Dropped is how many values were dropped because their row, or the table, has more
// features than there are columns, and the id of the first request with such a row.
func (b *Builder) Dropped() (values int64, requestID string) { return b.dropped, b.tooWide }
