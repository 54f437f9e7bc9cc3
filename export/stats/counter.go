package stats

import (
	"bytes"
	"context"
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
	// codes says how often each value of a book is there, which is looked at once, when all have come. nil: no rows
	// have come with a book.
	book  *colfile.Book
	codes []uint64
	// converted are numbers of another type as doubles: scratch.
	converted []float64
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
		c.columns[i] = &counting{cells: c.t.newCells(column.Name), name: column.Name, typ: column.Type}
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

// Take takes in the next rows of a column. It only reads them, and keeps none; but the values of a book have to stay as
// they are until Of. Different columns may come from different goroutines at the same time.
func (c *Counter) Take(column int, v *colfile.Column) {
	k := c.columns[column]
	if k == nil {
		return
	}
	k.takeColumn(v)
	if c.claim(k); c.room.Load() < 0 && k.numbers != nil {
		k.held, k.room = nil, -1 // the second pass reads the files
		c.claim(k)
	}
	if c.room.Load() < 0 {
		c.room.Add(k.used)
		c.columns[column] = nil
	}
}

// claim takes the room that a column has now.
func (c *Counter) claim(k *counting) {
	size := k.size() + 8*int64(cap(k.codes))
	c.room.Add(k.used - size)
	k.used = size
}

// size is how many bytes a column holds, about.
func (c *cells) size() (n int64) {
	for _, t := range c.texts {
		n += int64(t.known.size()) + 8*int64(cap(t.smallest))
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
		n += int64(c.held[i].page.size())
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
			k.settleCodes()
			return k.cells
		}
		return nil
	})
}

// takeColumn takes in the next rows of a column as a file gets it.
func (k *counting) takeColumn(v *colfile.Column) {
	rows := k.countLevels(v)
	switch {
	case v.Book != nil:
		k.countCodes(v)
	case k.texts != nil:
		k.texts[0].addAll(v.Text, v.Offsets)
	default:
		k.quickValues(&page{floats: k.numbersIn(v)}, k.rows)
	}
	k.rows += rows
}

// countCodes counts values by their numbers in a book.
func (k *counting) countCodes(v *colfile.Column) {
	if k.book != v.Book {
		k.settleCodes()
		k.book, k.codes = v.Book, make([]uint64, v.Book.Len())
	}
	for _, code := range v.Codes {
		k.codes[code]++
	}
}

// settleCodes takes in the values that were counted by their numbers in a book.
func (k *counting) settleCodes() {
	b, codes := k.book, k.codes
	k.book, k.codes = nil, nil
	if b == nil {
		return
	}
	var p page
	for code, n := range codes {
		switch {
		case n == 0:
		case k.texts != nil:
			k.texts[0].add(b.TextAt(uint32(code)), n, int64(n)*weightScale)
		case k.typ.Scalar.IsFloat():
			p.floats, p.times = append(p.floats, math.Float64frombits(b.Words[code])), append(p.times, n)
		default:
			p.floats, p.times = append(p.floats, float64(int64(b.Words[code]))), append(p.times, n)
		}
	}
	if k.texts == nil {
		k.quickValues(&p, k.rows)
	}
}

// numbersIn are the numbers of a column that has them itself.
func (k *counting) numbersIn(v *colfile.Column) []float64 {
	to := k.converted[:0]
	switch k.typ.Scalar {
	case rowfile.ScalarDouble:
		return v.Doubles
	case rowfile.ScalarFloat32:
		for _, x := range v.Doubles {
			to = append(to, float64(float32(x))) // as the file has it
		}
	case rowfile.ScalarInt32:
		for _, x := range v.Int32s {
			to = append(to, float64(x))
		}
	case rowfile.ScalarBool:
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
	k.converted = to
	return to
}

// countLevels counts how many values the rows have, and returns how many rows there are.
func (k *counting) countLevels(v *colfile.Column) (rows int) {
	to := &k.valencies[0]
	if !k.typ.List {
		nulls := 0
		if v.Def != nil {
			nulls = bytes.Count(v.Def, []byte{0})
		}
		to.addScalars(uint64(v.Levels-nulls), uint64(nulls))
		return v.Levels
	}
	valency := 0
	for i, rep := range v.Rep {
		def := v.Def[i]
		if rep == 0 {
			if rows > 0 {
				to.add(valency, weightScale)
			}
			if rows, valency = rows+1, 0; def < rowfile.ListEmpty {
				valency = -1
			}
		}
		if def == rowfile.ElementSet {
			valency++
		}
	}
	if rows > 0 {
		to.add(valency, weightScale)
	}
	return rows
}
