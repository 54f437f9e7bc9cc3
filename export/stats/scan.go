package stats

import (
	"context"
	"fmt"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Values are those of a column in some rows, one a row: numbers, or texts where
// the column has texts. Lists are null, unless they hold one value.
type Values struct {
	Numbers []float64
	Texts   []string
	Null    []bool
}

// Scan calls visit with the rows of each row group of the sources that count,
// in order. Of the columns named it gets the values; a column that a file lacks
// is nil. The values are used again for the next call.
func Scan(ctx context.Context, sources []Source, columns []string, visit func(rows int, values []*Values) error) error {
	for _, s := range sources {
		f, _, err := open(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		memory := make([]Values, len(columns))
		for i := range f.groups {
			g := &f.groups[i]
			values := make([]*Values, len(columns))
			for k, name := range columns {
				l, ok := f.leaves[name]
				if !ok {
					continue
				}
				if err := memory[k].read(g, l); err != nil {
					return fmt.Errorf("%s: column %q: %w", s.Name, name, err)
				}
				values[k] = &memory[k]
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(g.kept(), values); err != nil {
				return err
			}
		}
	}
	return nil
}

// read takes the values of a column in a row group.
func (v *Values) read(g *group, l leaf) error {
	v.Numbers, v.Texts, v.Null = v.Numbers[:0], v.Texts[:0], v.Null[:0]
	known := map[string]string{}
	r := reader{leaf: l, want: l.kind}
	row, isText := 0, l.kind == tfmd.FeatureNameStatistics_STRING
	return r.each(g.ColumnChunks()[l.index], func(p *page) error {
		first := row
		at := first // the next row that has no place yet
		put := func(from int) {
			if g.dropped == nil || !g.dropped[at] {
				v.Null = append(v.Null, from < 0)
				v.take(p, from, isText, known)
			}
			at++
		}
		if p.valency == nil && g.dropped == nil && p.values() == p.rows && first+p.rows <= g.rows {
			row += p.rows
			v.Null = append(v.Null, make([]bool, p.rows)...)
			v.takeAll(p, isText, known)
			return nil
		}
		err := p.rowsOf(g, first, func(i, from, to int) {
			for at < i {
				put(-1)
			}
			if to != from+1 {
				from = -1
			}
			put(from)
		}, &row)
		for err == nil && at < row {
			put(-1)
		}
		return err
	})
}

// take takes in a value of a page, or none.
func (v *Values) take(p *page, at int, isText bool, known map[string]string) {
	switch {
	case at < 0 && isText:
		v.Texts = append(v.Texts, "")
	case at < 0:
		v.Numbers = append(v.Numbers, 0)
	case isText:
		v.Texts = append(v.Texts, oneOf(known, p.at(at)))
	default:
		v.Numbers = append(v.Numbers, p.floats[at])
	}
}

// takeAll takes in all values of a page.
func (v *Values) takeAll(p *page, isText bool, known map[string]string) {
	switch {
	case !isText:
		v.Numbers = append(v.Numbers, p.floats...)
	case p.indexes != nil:
		table := make([]string, len(p.offsets)-1)
		for i := range table {
			table[i] = oneOf(known, p.text[p.offsets[i]:p.offsets[i+1]])
		}
		for _, i := range p.indexes {
			v.Texts = append(v.Texts, table[i])
		}
	default:
		for i := range p.rows {
			v.Texts = append(v.Texts, oneOf(known, p.at(i)))
		}
	}
}

// oneOf is a text, of which there is one string.
func oneOf(known map[string]string, raw []byte) string {
	text, ok := known[string(raw)]
	if !ok {
		text = string(raw)
		known[text] = text
	}
	return text
}

// ColumnNames are the names of the columns of numbers and texts that any of the
// files has, sorted.
func ColumnNames(sources []Source) ([]string, error) {
	t, _, err := openAll(sources, Options{})
	if err != nil {
		return nil, err
	}
	return t.columns(), nil
}
