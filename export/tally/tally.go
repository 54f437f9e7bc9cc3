package tally

import (
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// Table are the counts of some rows, by hour since 1970 in UTC. Its zero value has none.
type Table struct {
	Hours map[int64]*Hour

	scratch *bins
	gather  gatherer
	least   int // the sum of those of the hours
}

// Hour are the counts of the rows of an hour that were written for the first time.
type Hour struct {
	Rows uint64
	// Requests are the requests of the rows. One whose rows are in two files of a commit counts twice. Of the
	// rows of one request the features are no independent ones.
	Requests uint64
	Columns  map[string]*Column

	least int // the bytes that the hour has at least as JSON, when rows were taken last
}

// Column are the counts of the values of a column.
type Column struct {
	// Present are the rows with a value. Of a list its elements are not counted.
	Present uint64
	// Zeros are the numbers that are zero; Min and Max are of all numbers. Bins are those that are not
	// zero, by size.
	Zeros    uint64
	Min, Max float64
	Bins     []Bin
	Texts    Texts
}

// Numbers is how many of the values are numbers.
func (c *Column) Numbers() uint64 {
	n := c.Zeros
	for _, b := range c.Bins {
		n += b.Count
	}
	return n
}

func newColumn() *Column { return &Column{Min: math.Inf(1), Max: math.Inf(-1)} }

// hourOf is the hour of a time in microseconds.
func hourOf(micros int64) int64 { return int64(math.Floor(float64(micros) / 3600e6)) }

// Take counts the rows of a file that is finished. It returns how many bytes MarshalJSON
// gives at least for the rows that were taken, whatever rows follow.
func (t *Table) Take(b *rowfile.Builder) (atLeast int) {
	parts := b.FirstRevisions(hourOf)
	if len(parts) == 0 {
		return t.least
	}
	if t.scratch == nil {
		t.scratch = new(bins)
	}
	for _, p := range parts {
		h := t.hour(p.Hour)
		h.Rows, h.Requests = h.Rows+uint64(p.To-p.From), h.Requests+uint64(p.Requests)
	}
	t.gather.begin(parts)
	b.EachStretch(parts, func(c rowfile.TableColumn, part int, values *colfile.Column) {
		if counted(c) {
			if whole := t.gather.add(part, c.Type.List, values); whole != nil {
				t.hour(parts[part].Hour).column(c.Name).take(c.Type, whole, t.scratch)
			}
		}
	})
	for _, first := range t.gather.first {
		h := t.hour(parts[first].Hour)
		t.least -= h.least
		h.measure()
		t.least += h.least
	}
	return t.least
}

// counted reports whether a column is counted: not if it is of a label or says how labels came to be, not if
// each of its values is new, and not if it has times.
func counted(c rowfile.TableColumn) bool {
	switch c.Kind {
	case rowfile.KindLabel:
		return false
	case rowfile.KindOwn:
		switch c.Name {
		case "request_id", "user_id", "item_id", "request_ts", "weight", "revision", "reason", "pending", "stage":
			return false
		}
	}
	return c.Type.Scalar != rowfile.ScalarTimestamp
}

func (t *Table) hour(h int64) *Hour {
	if t.Hours == nil {
		t.Hours = map[int64]*Hour{}
	}
	if t.Hours[h] == nil {
		t.Hours[h] = &Hour{Columns: map[string]*Column{}}
	}
	return t.Hours[h]
}

func (h *Hour) column(name string) *Column {
	c := h.Columns[name]
	if c == nil {
		c = newColumn()
		h.Columns[strings.Clone(name)] = c
	}
	return c
}

// take counts the values of a column in some rows.
func (c *Column) take(t rowfile.Type, v *colfile.Column, scratch *bins) {
	if t.List {
		for i, def := range v.Def {
			if v.Rep[i] == 0 && def > 0 {
				c.Present++
			}
		}
		return
	}
	switch t.Scalar {
	case rowfile.ScalarString:
		if v.Book != nil {
			c.Present += uint64(len(v.Codes))
			c.Texts.takeCodes(v.Book, v.Codes)
			return
		}
		c.Present += uint64(len(v.Offsets) - 1)
		c.Texts.take(v.Text, v.Offsets)
		return
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		c.Present += uint64(len(v.Doubles))
		count(scratch, c, v.Doubles)
	case rowfile.ScalarInt32:
		c.Present += uint64(len(v.Int32s))
		count(scratch, c, v.Int32s)
	case rowfile.ScalarBool:
		c.Present += uint64(len(v.Bools))
		ones := 0
		for _, b := range v.Bools {
			if b {
				ones++
			}
		}
		c.addEqual(0, uint64(len(v.Bools)-ones))
		c.addEqual(1, uint64(ones))
	default:
		c.Present += uint64(len(v.Int64s))
		count(scratch, c, v.Int64s)
	}
}

// Join adds the counts of other rows.
func (t *Table) Join(o *Table) {
	for at, from := range o.Hours {
		to := t.hour(at)
		to.Rows, to.Requests = to.Rows+from.Rows, to.Requests+from.Requests
		for name, c := range from.Columns {
			to.column(name).join(c)
		}
	}
}

func (c *Column) join(o *Column) {
	c.Present, c.Zeros = c.Present+o.Present, c.Zeros+o.Zeros
	c.Min, c.Max = min(c.Min, o.Min), max(c.Max, o.Max)
	c.Bins = joinBins(c.Bins, o.Bins)
	c.Texts.join(&o.Texts)
}

// Sum are the counts of some hours.
func (t *Table) Sum(hours ...int64) *Hour {
	var out Table
	for _, h := range hours {
		if from := t.Hours[h]; from != nil {
			out.Join(&Table{Hours: map[int64]*Hour{0: from}})
		}
	}
	return out.hour(0)
}

// SumOf is Sum with one column alone.
func (t *Table) SumOf(name string, hours ...int64) *Hour {
	out := &Hour{Columns: map[string]*Column{}}
	for _, h := range hours {
		from := t.Hours[h]
		if from == nil {
			continue
		}
		out.Rows, out.Requests = out.Rows+from.Rows, out.Requests+from.Requests
		if c := from.Columns[name]; c != nil {
			out.column(name).join(c)
		}
	}
	return out
}

// Names are the names of the columns, sorted.
func (h *Hour) Names() []string {
	names := make([]string, 0, len(h.Columns))
	for name := range h.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
