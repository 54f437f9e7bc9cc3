package stats

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Values are those of a column in some rows, one a row: numbers, or texts where
// the column has texts. Lists are null, unless they hold one value.
type Values struct {
	Numbers []float64
	Texts   []string
	Null    []bool
}

// Visit is shown the rows of a row group that count: of each column that is scanned the values, nil where the file
// lacks it. The values are used again for the next row group.
type Visit func(rows int, values []*Values) error

// Scan calls visit with the row groups of the sources, in order.
func Scan(ctx context.Context, sources []Source, columns []string, visit Visit) error {
	s := newScanner(columns)
	for i := range sources {
		f, err := openNamed(&sources[i])
		if err != nil {
			return err
		}
		for g := range f.groups {
			if err := s.visit(ctx, f, &f.groups[g], visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// ScanParts scans with as many goroutines as there are processors. Each has a Visit of its own from begin, and each
// row group goes to one of them, in no order.
func ScanParts(ctx context.Context, sources []Source, columns []string, begin func() Visit) error {
	type part struct {
		file  *file
		group *group
	}
	var parts []part
	for i := range sources {
		f, err := openNamed(&sources[i])
		if err != nil {
			return err
		}
		for g := range f.groups {
			parts = append(parts, part{f, &f.groups[g]})
		}
	}
	var next atomic.Int64
	work, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		visit := begin()
		work.Go(func() error {
			s := newScanner(columns)
			for i := next.Add(1) - 1; i < int64(len(parts)); i = next.Add(1) - 1 {
				if err := s.visit(ctx, parts[i].file, parts[i].group, visit); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

func openNamed(s *Source) (*file, error) {
	f, _, err := open(*s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return f, nil
}

// scanner reads columns of row groups, one after the other.
type scanner struct {
	columns []string
	memory  []Values
	values  []*Values
}

func newScanner(columns []string) *scanner {
	return &scanner{columns: columns, memory: make([]Values, len(columns)), values: make([]*Values, len(columns))}
}

// visit shows a row group of a file.
func (s *scanner) visit(ctx context.Context, f *file, g *group, visit Visit) error {
	for k, name := range s.columns {
		l, ok := f.leaves[name]
		if s.values[k] = nil; !ok {
			continue
		}
		if err := s.memory[k].read(g, l); err != nil {
			return fmt.Errorf("%s: column %q: %w", f.name, name, err)
		}
		s.values[k] = &s.memory[k]
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return visit(g.kept(), s.values)
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
		v.Numbers = append(v.Numbers, p.number(at))
	}
}

// takeAll takes in all values of a page.
func (v *Values) takeAll(p *page, isText bool, known map[string]string) {
	switch {
	case !isText && p.indexes != nil:
		for _, i := range p.indexes {
			v.Numbers = append(v.Numbers, p.floats[i])
		}
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
