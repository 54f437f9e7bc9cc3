package stats

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Counter computes the statistics of rows while they are written: it is shown the columns of Parquet files as
// these get them. What it finds is, byte by byte, what Of finds in the files. What there is no room for, and
// what needs more than one column at a time, it reads from the files.
type Counter struct {
	t       *rows
	columns []*counting // by the number of the column; nil: it is read from the files, or is not asked for
	room    atomic.Int64
}

// counterRooms is for how many times Options.Hold there is room: for the counts of all columns together, and for
// their values that a second pass may need.
const counterRooms = 3

// counting is a column that is counted.
type counting struct {
	*cells
	name string
	typ  rowfile.Type
	rows int
	used int64
	page page
	all  *group // says that every row counts
	// scratch
	floats  []float64
	valency []int32
	indexes []int32
}

// NewCounter counts rows of these columns, in their order.
func NewCounter(columns []rowfile.Column, o Options) *Counter {
	o = o.withDefaults()
	c := &Counter{t: &rows{kinds: map[string]tfmd.FeatureNameStatistics_Type{}, o: o},
		columns: make([]*counting, len(columns))}
	c.room.Store(counterRooms * int64(o.Hold))
	if o.Weight != "" || len(o.Slices) > 0 {
		return c
	}
	for i, column := range columns {
		kind, known := kindOfScalar(column.Type.Scalar)
		if !known || slices.Contains(o.Categorical, column.Name) && kind == tfmd.FeatureNameStatistics_INT ||
			len(o.Columns) > 0 && !slices.Contains(o.Columns, column.Name) {
			continue
		}
		c.t.kinds[column.Name] = kind
		c.columns[i] = &counting{cells: c.t.newCells(column.Name), name: column.Name, typ: column.Type,
			all: &group{}, indexes: []int32{}}
	}
	return c
}

// kindOfScalar is what TFDV calls the type of a column.
func kindOfScalar(s rowfile.Scalar) (tfmd.FeatureNameStatistics_Type, bool) {
	switch s {
	case rowfile.ScalarBool, rowfile.ScalarInt32, rowfile.ScalarInt64, rowfile.ScalarTimestamp:
		return tfmd.FeatureNameStatistics_INT, true
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		return tfmd.FeatureNameStatistics_FLOAT, true
	case rowfile.ScalarString:
		return tfmd.FeatureNameStatistics_STRING, true
	}
	return 0, false
}

// Take takes in the next rows of a column. It only reads them, and keeps none. Different columns may come
// from different goroutines at the same time.
func (c *Counter) Take(column int, v *colfile.Column) error {
	k := c.columns[column]
	if k == nil {
		return nil
	}
	k.read(v)
	if err := k.take(k.all, &k.page, k.rows); err != nil {
		return fmt.Errorf("count column %q: %w", k.name, err)
	}
	k.hold(k.all, &k.page, k.rows)
	k.rows += k.page.rows
	if c.claim(k); c.room.Load() < 0 && k.numbers != nil {
		k.held, k.room = nil, -1 // the second pass reads the files
		c.claim(k)
	}
	if c.room.Load() < 0 {
		c.room.Add(k.used)
		c.columns[column] = nil
	}
	return nil
}

// claim takes the room that a column has now.
func (c *Counter) claim(k *counting) {
	size := k.size()
	c.room.Add(k.used - size)
	k.used = size
}

// size is how many bytes a column holds, about.
func (c *cells) size() (n int64) {
	for _, t := range c.texts {
		pool := max(t.size, len(t.pool)*poolBlock) // a long text has a block of its own
		n += int64(len(t.entries))*int64(textEntrySize) + int64(pool) + 8*int64(cap(t.smallest))
	}
	for _, a := range c.numbers {
		if a.few != nil {
			n += int64(len(a.few.entries)) * int64(unsafe.Sizeof(entry{}))
		}
		if a.small != nil {
			n += int64(unsafe.Sizeof(*a.small))
		}
		if a.powers != nil {
			n += int64(unsafe.Sizeof(*a.powers))
		}
		if a.dense != nil {
			n += 8 << denseBits
		}
	}
	for i := range c.held {
		n += 8*int64(len(c.held[i].page.floats)) + 4*int64(len(c.held[i].page.valency))
	}
	return n
}

// Of ends the counting. The sources are the files that the columns were written to.
func (c *Counter) Of(ctx context.Context, sources []Source) (*Result, error) {
	whole, left, err := openAll(sources, c.t.o)
	if err != nil {
		return nil, err
	}
	counted := map[string]*counting{}
	for _, k := range c.columns {
		if k != nil {
			counted[k.name] = k
			k.t = whole
		}
	}
	return whole.result(ctx, left, func(name string) *cells {
		if k := counted[name]; k != nil && int64(k.rows) == whole.total {
			return k.cells
		}
		return nil
	})
}

// read makes a page of a column as a file gets it.
func (k *counting) read(v *colfile.Column) {
	p := &k.page
	*p = page{rows: v.Levels}
	k.readLevels(v)
	b := v.Book
	if b != nil {
		k.indexes = slices.Grow(k.indexes[:0], len(v.Codes))[:len(v.Codes)]
		for i, code := range v.Codes {
			k.indexes[i] = int32(code)
		}
	}
	if k.typ.Scalar == rowfile.ScalarString {
		if p.text, p.offsets = v.Text, v.Offsets; b != nil {
			p.text, p.offsets, p.indexes = b.Text, b.Offsets, k.indexes
		}
		return
	}
	p.floats = k.numbersOf(v)
}

// numbersOf are the numbers of a column.
func (k *counting) numbersOf(v *colfile.Column) []float64 {
	to := k.floats[:0]
	switch {
	case v.Book != nil && k.typ.Scalar.IsFloat():
		for _, code := range v.Codes {
			to = append(to, math.Float64frombits(v.Book.Words[code]))
		}
	case v.Book != nil:
		for _, code := range v.Codes {
			to = append(to, float64(int64(v.Book.Words[code])))
		}
	case k.typ.Scalar == rowfile.ScalarDouble:
		return v.Doubles
	case k.typ.Scalar == rowfile.ScalarFloat32:
		for _, x := range v.Doubles {
			to = append(to, float64(float32(x))) // as the file has it
		}
	case k.typ.Scalar == rowfile.ScalarInt32:
		for _, x := range v.Int32s {
			to = append(to, float64(x))
		}
	case k.typ.Scalar == rowfile.ScalarBool:
		for _, x := range v.Bools {
			one := 0.0
			if x {
				one = 1
			}
			to = append(to, one)
		}
	default:
		for _, x := range v.Int64s {
			to = append(to, float64(x))
		}
	}
	k.floats = to
	return to
}

// readLevels finds out how many values each row has.
func (k *counting) readLevels(v *colfile.Column) {
	p := &k.page
	k.valency = k.valency[:0]
	switch {
	case k.typ.List:
		for i, rep := range v.Rep {
			def := v.Def[i]
			if rep == 0 {
				n := int32(0)
				if def < rowfile.ListEmpty {
					n = -1
				}
				k.valency = append(k.valency, n)
			}
			if def == rowfile.ElementSet {
				k.valency[len(k.valency)-1]++
			}
		}
		p.rows = len(k.valency)
	case v.Def == nil:
		return
	default:
		for _, def := range v.Def {
			k.valency = append(k.valency, 2*int32(def)-1)
		}
	}
	p.valency = k.valency
}
