package stats

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// divide says of every row which slices it is in. Rows that are null in a
// sliced column, or have a list there that does not hold one value, are in no
// slice of it. left gets how many values of a column have no slice.
func (t *rows) divide(ctx context.Context, left map[string]int) error {
	for c, column := range t.o.Slices {
		if _, ok := t.kinds[column]; !ok {
			return &OptionError{fmt.Sprintf("there is no column %q to slice by; there are %s", column,
				strings.Join(t.columns(), ", "))}
		}
		found := map[string]*sliceName{}
		if err := t.eachValue(ctx, column, func(g *group, row int, value []byte) {
			s := found[string(value)]
			if s == nil {
				s = &sliceName{column: column, value: string(value)}
				found[s.value] = s
			}
			s.rows++
			s.weight += g.weightOf(row)
		}); err != nil {
			return err
		}
		var names []sliceName
		for _, s := range found {
			names = append(names, *s)
		}
		slices.SortFunc(names, byRows)
		if n := len(names) - t.o.MaxSlices; n > 0 {
			left[column], names = n, names[:t.o.MaxSlices]
		}
		slices.SortFunc(names, func(a, b sliceName) int { return strings.Compare(a.value, b.value) })
		numbers := map[string]int16{}
		for _, s := range names {
			t.slices = append(t.slices, s)
			numbers[s.value] = int16(len(t.slices))
		}
		for _, f := range t.files {
			for i := range f.groups {
				f.groups[i].in = append(f.groups[i].in, make([]int16, f.groups[i].rows))
			}
		}
		if err := t.eachValue(ctx, column, func(g *group, row int, value []byte) {
			g.in[c][row] = numbers[string(value)]
		}); err != nil {
			return err
		}
	}
	return nil
}

// eachValue calls f with the value, as text, of every row that counts and has
// exactly one in a column.
func (t *rows) eachValue(ctx context.Context, column string, f func(g *group, row int, value []byte)) error {
	for _, file := range t.files {
		l, ok := file.leaves[column]
		if !ok {
			continue
		}
		for i := range file.groups {
			g := &file.groups[i]
			r := reader{leaf: l, want: tfmd.FeatureNameStatistics_STRING}
			row := 0
			err := r.each(g.ColumnChunks()[l.index], func(p *page) error {
				return p.rowsOf(g, row, func(at, from, to int) {
					if to == from+1 && (g.dropped == nil || !g.dropped[at]) {
						f(g, at, p.at(from))
					}
				}, &row)
			})
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: column %q: %w", file.name, column, err)
			}
		}
	}
	return nil
}
