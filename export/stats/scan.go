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
	row, at := 0, 0
	put := func(p *page, value int) {
		v.Null = append(v.Null, value < 0)
		if l.kind == tfmd.FeatureNameStatistics_STRING {
			text := ""
			if value >= 0 {
				raw := p.at(value)
				if text = known[string(raw)]; text == "" {
					text = string(raw)
					known[text] = text
				}
			}
			v.Texts = append(v.Texts, text)
			return
		}
		x := 0.0
		if value >= 0 {
			x = p.floats[value]
		}
		v.Numbers = append(v.Numbers, x)
	}
	return r.each(g.ColumnChunks()[l.index], func(p *page) error {
		at = row
		if err := p.rowsOf(g, row, func(i, from, to int) {
			for ; at < i; at++ {
				if g.dropped == nil || !g.dropped[at] {
					put(p, -1)
				}
			}
			if g.dropped == nil || !g.dropped[i] {
				if to != from+1 {
					from = -1
				}
				put(p, from)
			}
			at = i + 1
		}, &row); err != nil {
			return err
		}
		for ; at < row; at++ {
			if g.dropped == nil || !g.dropped[at] {
				put(p, -1)
			}
		}
		return nil
	})
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
