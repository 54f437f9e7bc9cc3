package rowfile

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// guessed reports whether the row's features have the columns of the guess.
func (b *Builder) guessed(req *events.Request, item *events.Item) bool {
	if item == nil {
		return b.apart[0] && startsWith(b.guess[0], req.Features)
	}
	return b.apart[1] && startsWith(b.guess[0], req.Features) && startsWith(b.guess[1], item.Features)
}

func startsWith(g []guess, fields []events.Field) bool {
	if len(fields) > len(g) {
		return false
	}
	for i := range fields {
		if fields[i].Name != g[i].name {
			return false
		}
	}
	return true
}

// resolveAll finds the columns of a row's features and leaves them in the guess.
// Mostly each feature has the column that its name alone asks for. Only where two
// of the row fall on one column, or there are too many, the whole row decides.
func (b *Builder) resolveAll(req *events.Request, item *events.Item) error {
	var fields []events.Field // of the item
	if item != nil {
		fields = item.Features
	}
	if !b.apart[0] { // what was found from a whole row is good for no other
		b.guess[0], b.guess[1] = b.guess[0][:0], b.guess[1][:0]
	}
	b.spellings = b.spellings[:0]
	err := errTogether
	if len(req.Features)+len(fields) <= b.layout.room() {
		if err = b.resolve(req.Features, false); err == nil && item != nil {
			err = b.resolve(fields, true)
		}
	}
	switch {
	case err == nil:
		b.apart = [2]bool{true, item != nil}
	case errors.Is(err, errTogether):
		err = b.resolveTogether(req.Features, fields)
	}
	if err != nil {
		return err
	}
	for _, s := range b.spellings {
		s.col.spell(s.name, s.item)
	}
	return nil
}

// errTogether says that the columns of a row's features cannot be found one by one.
var errTogether = errors.New("two features of the row fall on one column")

// resolve finds the columns of a row's features one by one.
func (b *Builder) resolve(fields []events.Field, item bool) error {
	g := &b.guess[index(item)]
	for i := range fields {
		name := fields[i].Name
		if i == len(*g) {
			*g = append(*g, guess{})
		}
		if at := &(*g)[i]; at.name != name || at.col == nil {
			found, err := b.find(source{item: item, name: name})
			if err != nil {
				return err
			}
			*at = found
		}
		c := (*g)[i].col
		if c == nil {
			continue
		}
		if c.mark == b.rows+1 {
			return errTogether
		}
		c.mark = b.rows + 1
	}
	*g = (*g)[:len(fields)]
	return nil
}

// resolveTogether finds the columns of a row's features from the whole row. The
// guess is good for this row only.
func (b *Builder) resolveTogether(request, item []events.Field) error {
	b.apart = [2]bool{}
	b.guess[0], b.guess[1] = b.guess[0][:0], b.guess[1][:0]
	for _, a := range b.layout.assign(request, item) {
		g := guess{fate: a.fate}
		if a.column != "" {
			c, err := b.column(a.column, a.item)
			if err != nil {
				return err
			}
			if g.col = c; a.fate == other {
				g.moved = b.counted(a.source, a.column)
			}
		}
		part := &b.guess[index(a.item)]
		*part = append(*part, g)
	}
	return nil
}

func index(item bool) int {
	if item {
		return 1
	}
	return 0
}

// find is the column that a feature has by itself, made if there is none yet.
func (b *Builder) find(s source) (guess, error) {
	if g, known := b.features[s]; known {
		return g, nil
	}
	s.name = strings.Clone(s.name) // the request is the caller's
	p := b.layout.place(s)
	g := guess{name: s.name, fate: leftOut}
	if p.column != "" {
		c, err := b.column(p.column, s.item)
		if err != nil {
			return guess{}, err
		}
		if g.col, g.fate = c, kept; p.other {
			g.fate, g.moved = other, b.counted(s, p.column)
		}
	}
	b.features[s] = g
	return g, nil
}

// column is the column of that name, compared without case, made if there is none
// yet. An empty file has room for every row's columns; another may be full.
func (b *Builder) column(name string, item bool) (*column, error) {
	key := strings.ToLower(name)
	c := b.byName[key]
	if c == nil {
		if len(b.byName) >= max(b.layout.maxFeatures, len(b.layout.declared)) {
			return nil, ErrFull
		}
		c = &column{name: strings.Clone(name), item: item, found: true}
		b.spare.giveTo(c)
		b.byName[key] = c
		b.size += columnOverhead + len(name)
	}
	b.spellings = append(b.spellings, spelling{col: c, name: name, item: item})
	return c, nil
}

// spell tells a column of a name that one of its features gives it. What it is
// called in the end, and where it stands, depends on the set of them only.
func (c *column) spell(name string, item bool) {
	if !c.declared && name < c.name {
		c.name = strings.Clone(name)
	}
	c.item = item && (c.item || !c.found)
	c.found = true
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

// Dropped is how many values were dropped because their row has more features than
// a file has columns, and the id of the first request with such a row.
func (b *Builder) Dropped() (values int64, requestID string) { return b.dropped, b.tooWide }
