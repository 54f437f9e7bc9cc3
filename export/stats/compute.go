package stats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// AllExamples is the name of the slice that holds every row.
const AllExamples = "All Examples"

// Source is a Parquet file.
type Source struct {
	Name string // for errors
	io.ReaderAt
	Size int64
	// Keep says which rows count, by their number in the file; nil: all do.
	Keep func(row int64) bool
}

// Result are the statistics of some files, and what has none.
type Result struct {
	// Statistics has a data set for all rows, and one for each slice.
	Statistics *tfmd.DatasetFeatureStatisticsList
	// LeftOut are columns of types that no statistics are made of.
	LeftOut []string
	// Slices says per sliced column how many more values it has than slices
	// were made.
	Slices map[string]int
}

// OptionError is an error in what was asked for: a column that is not there, or that
// cannot be what it should be.
type OptionError struct{ text string }

func (e *OptionError) Error() string { return e.text }

// Misuse reports that the command line has to be changed.
func (e *OptionError) Misuse() bool { return true }

// rows are the files and what they have in common.
type rows struct {
	files []*file
	kinds map[string]tfmd.FeatureNameStatistics_Type
	o     Options
	total int64
	// slices are the data sets but the first, which is all rows.
	slices []sliceName
}

type sliceName struct {
	column, value string
	rows          uint64
	weight        int64
}

// file is an open file.
type file struct {
	name   string
	groups []group
	leaves map[string]leaf
}

// group is a row group with what its rows are in.
type group struct {
	parquet.RowGroup
	rows    int
	dropped []bool    // rows that do not count; nil: all do
	weights []int64   // nil: all are 1
	in      [][]int16 // per sliced column and row: 1 + number of the slice
}

// Of computes the statistics of files. Errors of the files name them; an OptionError
// says that the options do not fit them.
func Of(ctx context.Context, sources []Source, o Options) (*Result, error) {
	o = o.withDefaults()
	t, left, err := openAll(sources, o)
	if err != nil {
		return nil, err
	}
	return t.result(ctx, left, func(string) *cells { return nil })
}

// result computes the statistics. counted gives a column that the first pass was made over; nil: it was not.
func (t *rows) result(ctx context.Context, left []string, counted func(name string) *cells) (*Result, error) {
	result := &Result{LeftOut: left, Slices: map[string]int{}}
	if err := t.weigh(); err != nil {
		return nil, err
	}
	if err := t.divide(ctx, result.Slices); err != nil {
		return nil, err
	}
	names := t.columns()
	features := make([][]*tfmd.FeatureNameStatistics, len(names))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		work.Go(func() error {
			var err error
			features[i], err = t.column(ctx, name, counted(name))
			if err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	result.Statistics = t.list(features)
	return result, nil
}

// list puts the features of the columns into the data sets of the slices.
func (t *rows) list(features [][]*tfmd.FeatureNameStatistics) *tfmd.DatasetFeatureStatisticsList {
	out := &tfmd.DatasetFeatureStatisticsList{}
	all := &tfmd.DatasetFeatureStatistics{NumExamples: uint64(t.total)}
	if len(t.o.Slices) > 0 {
		all.Name = AllExamples
	}
	out.Datasets = append(out.Datasets, all)
	for _, s := range t.slices {
		out.Datasets = append(out.Datasets, &tfmd.DatasetFeatureStatistics{Name: s.column + "_" + s.value,
			NumExamples: s.rows})
	}
	if t.o.Weight != "" {
		weight := int64(0)
		for _, f := range t.files {
			for i := range f.groups {
				weight += f.groups[i].weight()
			}
		}
		all.WeightedNumExamples = float64(weight) / weightScale
		for i, s := range t.slices {
			out.Datasets[i+1].WeightedNumExamples = float64(s.weight) / weightScale
		}
	}
	for _, column := range features {
		for i, f := range column {
			out.Datasets[i].Features = append(out.Datasets[i].Features, f)
		}
	}
	return out
}

// columns are the names of the columns that statistics are made of, sorted.
func (t *rows) columns() []string {
	var names []string
	for name := range t.kinds {
		if len(t.o.Columns) == 0 || slices.Contains(t.o.Columns, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// openAll opens the files and finds the type of each column over all of them.
func openAll(sources []Source, o Options) (*rows, []string, error) {
	t := &rows{kinds: map[string]tfmd.FeatureNameStatistics_Type{}, o: o}
	var left []string
	for _, s := range sources {
		f, out, err := open(s)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		for i := range f.groups {
			t.total += int64(f.groups[i].kept())
		}
		left = append(left, out...)
		for name, l := range f.leaves {
			if before, ok := t.kinds[name]; ok {
				t.kinds[name] = widen(before, l.kind)
			} else {
				t.kinds[name] = l.kind
			}
		}
		t.files = append(t.files, f)
	}
	slices.Sort(left)
	return t, slices.Compact(left), nil
}

// widen is the type that takes values of both types.
func widen(a, b tfmd.FeatureNameStatistics_Type) tfmd.FeatureNameStatistics_Type {
	switch {
	case a == b:
		return a
	case a == tfmd.FeatureNameStatistics_STRING || b == tfmd.FeatureNameStatistics_STRING:
		return tfmd.FeatureNameStatistics_STRING
	}
	return tfmd.FeatureNameStatistics_FLOAT
}

func open(s Source) (f *file, left []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the Parquet library cannot read it: %v", p)
		}
	}()
	opened, err := parquet.OpenFile(s, s.Size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, nil, fmt.Errorf("it is no Parquet file: %w", err)
	}
	f = &file{name: s.Name}
	f.leaves, left = leaves(opened.Schema())
	row := int64(0)
	for _, g := range opened.RowGroups() {
		made := group{RowGroup: g, rows: int(g.NumRows())}
		if s.Keep != nil {
			made.dropped = make([]bool, made.rows)
			for i := range made.dropped {
				made.dropped[i] = !s.Keep(row + int64(i))
			}
		}
		row += int64(made.rows)
		f.groups = append(f.groups, made)
	}
	return f, left, nil
}

// kept is how many rows of a group count.
func (g *group) kept() int {
	n := g.rows
	for _, d := range g.dropped {
		if d {
			n--
		}
	}
	return n
}

// weight is the weight of all rows of a group that count.
func (g *group) weight() int64 {
	total := int64(0)
	for i := range g.rows {
		if g.dropped == nil || !g.dropped[i] {
			total += g.weightOf(i)
		}
	}
	return total
}

func (g *group) weightOf(row int) int64 {
	if g.weights == nil {
		return weightScale
	}
	return g.weights[row]
}

// weigh reads the weights.
func (t *rows) weigh() error {
	if t.o.Weight == "" {
		return nil
	}
	kind, ok := t.kinds[t.o.Weight]
	if !ok || kind == tfmd.FeatureNameStatistics_STRING {
		return &OptionError{fmt.Sprintf("there is no column of numbers %q to weigh the rows by", t.o.Weight)}
	}
	for _, f := range t.files {
		l, ok := f.leaves[t.o.Weight]
		for i := range f.groups {
			g := &f.groups[i]
			if g.weights = make([]int64, g.rows); !ok {
				continue
			}
			r := reader{leaf: l, want: kind}
			row := 0
			err := r.each(g.ColumnChunks()[l.index], func(p *page) error {
				return p.rowsOf(g, row, func(at int, from, to int) {
					if to == from+1 {
						g.weights[at] = fixed(p.number(from))
					}
				}, &row)
			})
			if err != nil {
				return fmt.Errorf("%s: column %q: %w", f.name, t.o.Weight, err)
			}
		}
	}
	return nil
}

// rowsOf calls f with every row of a page that has the column: its number in
// the group, and the range of its values.
func (p *page) rowsOf(g *group, first int, f func(row, from, to int), next *int) error {
	if first+p.rows > g.rows {
		return errors.New("it has more values than there are rows")
	}
	at := 0
	for i := range p.rows {
		n := 1
		if p.valency != nil {
			n = int(p.valency[i])
		}
		if n >= 0 {
			f(first+i, at, at+n)
			at += n
		}
	}
	*next = first + p.rows
	if at > p.values() {
		return errors.New("it has fewer values than its levels say")
	}
	return nil
}

// byRows orders slices by size.
func byRows(a, b sliceName) int {
	if c := cmp.Compare(b.rows, a.rows); c != 0 {
		return c
	}
	return cmp.Compare(a.value, b.value)
}
