package rowfile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Mode says which columns features may have.
type Mode uint8

// The modes.
const (
	// ModeEvolve gives each new feature a column.
	ModeEvolve Mode = iota
	// ModeDeclared gives columns to declared features only.
	ModeDeclared
	// ModeFrozen gives columns to declared features and to those that the table has.
	ModeFrozen
)

// Kind says what a column of the table is for.
type Kind uint8

// The kinds of columns.
const (
	KindOwn Kind = iota // one that every output has
	KindFeature
	KindLabel // of a label: its value, or the time of its outcome
)

// TableColumn is a column of the table: every file that is written has it.
type TableColumn struct {
	Name string
	Type Type
	Kind Kind
}

// Table is the columns that all files of a table have: those that commits before have
// decided, and those that the rows of the commit at hand decide. The builders of one
// commit share it. It is used by one goroutine.
//
// A column that is not declared has the name and the type of its first value that is
// not null, and whose type is plain: an empty list has none. The first is that of the
// request with the smallest (ts, id), so neither the order of the rows nor the cut of
// commits has a say, as long as commits take requests in the order of time.
type Table struct {
	layout     *Layout
	features   map[string]*tableFeature // by name in lower case
	undeclared int                      // how many of them are not declared
	labels     map[string]Type          // what the table has for the columns of labels, in lower case
	weight     bool
	pending    bool // its files have the column pending
	staged     bool // its files have the column stage
	unplaced   unplaced
}

// tableFeature is a column of features.
type tableFeature struct {
	name     string
	typ      Type // if it is decided
	decided  bool
	declared bool
	fixed    bool // whole numbers do not become doubles
	// by is the value that decided it; nil if it was decided before this commit.
	by *firstValue
	// earlier is a value that comes before that one, and came after it was decided; nulled
	// says that lists were null because they come before it.
	earlier *firstValue
	nulled  bool
	notes   ColumnNotes
}

// firstValue is the first value of a column, in the order of (ts, id) of requests.
type firstValue struct {
	ts   events.Time
	id   string
	typ  Type
	name string // of the column, as this value's feature spells it
}

// before reports whether a request comes before the one of the value.
func (f *firstValue) before(req *events.Request) bool {
	return f.ts < req.TS || f.ts == req.TS && f.id <= req.ID
}

// after reports whether a request comes before the one of the value, and is another.
func (f *firstValue) after(req *events.Request) bool {
	return f.ts > req.TS || f.ts == req.TS && f.id > req.ID
}

// ColumnNotes is what became of the values of a feature's column in a commit.
type ColumnNotes struct {
	Column string
	Type   Type
	// From is the type before, where the table's has been widened in this commit; else
	// it is the same.
	From Type
	// Unfit counts the values that the type does not hold, and Example is one of them.
	Unfit   int64
	Example string
	// Rounded counts integers beyond 2^53, which a double does not hold exactly.
	Rounded int64
}

// unplaced counts values of features that the mode gives no column.
type unplaced struct {
	values int64
	names  map[string]bool
}

// mostLeftOut bounds the features whose names are kept.
const mostLeftOut = 100

// NewTable is the table that commits before have left. Columns of features that the
// layout declares have the declared type.
func (l *Layout) NewTable(known []TableColumn) *Table {
	t := &Table{layout: l, features: map[string]*tableFeature{}, labels: map[string]Type{}, weight: l.weight,
		pending: slices.Contains(l.staged, pendingColumn) || hasOwn(known, pendingColumn),
		staged:  slices.Contains(l.staged, stageColumn) || hasOwn(known, stageColumn)}
	for _, c := range known {
		key := events.ColumnKey(c.Name)
		switch {
		case c.Kind == KindLabel:
			t.labels[key] = c.Type
		case c.Kind == KindFeature && !l.labelled[key]:
			t.features[key] = &tableFeature{name: c.Name, typ: c.Type, decided: true}
		case c.Kind == KindFeature: // a label has the column now
			t.labels[key] = c.Type
		case key == "weight":
			t.weight = true
		}
	}
	for _, d := range l.declared {
		t.features[events.ColumnKey(d.name)] = &tableFeature{name: d.name, typ: d.typ, decided: true, declared: true}
	}
	for _, f := range t.features {
		if f.fixed = f.declared || l.mode != ModeEvolve; !f.declared {
			t.undeclared++
		}
	}
	return t
}

// feature is the column of that name, made if there is none yet. It is nil if the mode
// gives the feature none, or the table has no room for more.
func (t *Table) feature(key, name string) (*tableFeature, assignment) {
	f := t.features[key]
	switch {
	case f != nil && (f.declared || t.layout.mode != ModeDeclared):
		return f, assignedOwn
	case t.layout.mode != ModeEvolve:
		t.unplaced.note(name)
		return nil, assignedUndeclared
	case t.undeclared >= t.layout.room():
		return nil, assignedTooMany
	}
	f = &tableFeature{name: strings.Clone(name)}
	t.features[key] = f
	t.undeclared++
	return f, assignedOwn
}

func (l *unplaced) note(name string) {
	if l.names == nil {
		l.names = map[string]bool{}
	}
	if len(l.names) < mostLeftOut {
		l.names[strings.Clone(name)] = true
	}
}

// LeftOut counts the values that the mode gives no column, and names some of their
// features.
func (t *Table) LeftOut() (values int64, names []string) {
	for name := range t.unplaced.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return t.unplaced.values, names
}

// Settle decides the columns that the rows of these builders have brought, and returns
// how many of their values do not fit. These must be all builders of the commit that
// have rows; what is added to them later has to fit.
func (t *Table) Settle(builders ...*Builder) (unfit int64) {
	for _, b := range builders {
		for key, c := range b.byName {
			f := t.features[key]
			if c.typed || c.first == nil || f.decided {
				continue
			}
			if f.by == nil || c.first.ts < f.by.ts || c.first.ts == f.by.ts && c.first.id < f.by.id {
				f.by = c.first
			}
		}
	}
	for _, f := range t.features {
		if !f.decided && f.by != nil {
			f.decided, f.name, f.typ = true, f.by.name, f.by.typ
		}
	}
	for _, b := range builders {
		for key, c := range b.byName {
			if f := t.features[key]; f.decided && !c.typed {
				unfit += c.settle(f)
			}
		}
	}
	return unfit
}

// Decisions are the values that have decided the columns of a commit.
type Decisions struct{ by map[string]*firstValue }

// Mistaken reports whether a column was decided, because a file was full, by a value that
// is not the first of its commit, and the first would have decided otherwise. The rows can
// be written again with the decisions that it returns. Otherwise it returns nil.
func (t *Table) Mistaken() *Decisions {
	d, mistaken := &Decisions{by: map[string]*firstValue{}}, false
	for key, f := range t.features {
		if f.by == nil {
			continue
		}
		if d.by[key] = f.by; f.earlier != nil {
			d.by[key] = f.earlier
			mistaken = mistaken || f.nulled || f.earlier.typ != f.typ || f.earlier.name != f.name
		}
	}
	if !mistaken {
		return nil
	}
	return d
}

// Decide makes the decisions those of the table, before rows are added. Nil decides
// nothing.
func (t *Table) Decide(d *Decisions) {
	if d == nil {
		return
	}
	for key, by := range d.by {
		if f, _ := t.feature(key, by.name); f != nil && !f.decided {
			f.decided, f.name, f.typ, f.by = true, by.name, by.typ, by
		}
	}
}

// Columns are the columns that a file has which is written now, in order.
func (t *Table) Columns() []TableColumn {
	var out []TableColumn
	add := func(kind Kind, columns ...*column) {
		for _, c := range columns {
			typ := c.typ
			if c.of != nil {
				typ = c.of.typ
			}
			out = append(out, TableColumn{Name: c.name, Type: typ, Kind: kind})
		}
	}
	b := t.layout.builder(t)
	parts := b.parts()
	add(KindOwn, parts.head...)
	add(KindFeature, parts.features...)
	add(KindLabel, parts.labels...)
	add(KindOwn, parts.tail...)
	return out
}

// Notes are what became of values in the columns of features, where there is something
// to tell, by name.
func (t *Table) Notes() []ColumnNotes {
	var out []ColumnNotes
	for _, f := range t.features {
		n := f.notes
		if n.Column, n.Type = f.name, f.typ; n.From == (Type{}) {
			n.From = n.Type
		}
		if n.Unfit > 0 || n.Rounded > 0 || n.From != n.Type {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(x, y ColumnNotes) int { return strings.Compare(x.Column, y.Column) })
	return out
}

// missing are the decided columns that a file's rows have no value for.
func (t *Table) missing(b *Builder) (out []*column) {
	for key, f := range t.features {
		if f.decided && b.byName[key] == nil {
			c := fixed(f.name, f.typ, false)
			c.of = f
			out = append(out, &c)
		}
	}
	return out
}

// inOrder sorts the columns of features: those of requests before those of items, each
// by name.
func inOrder(features []*column) {
	slices.SortFunc(features, func(x, y *column) int {
		return cmp.Or(cmp.Compare(itemRank(x.name), itemRank(y.name)), strings.Compare(x.name, y.name))
	})
}

func itemRank(name string) int { return index(strings.HasPrefix(events.ColumnKey(name), itemPrefix)) }
