package health

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/tally"
	"github.com/labeljoin/labeljoin/joiner"
)

// Hour is a number of hours since 1970, in UTC.
type Hour int64

// Day is the first hour of the day that an hour is in.
func (h Hour) Day() Hour { return h - (h%24+24)%24 }

// All is the slice of all rows.
const All = ""

// Key is where rows are counted.
type Key struct {
	Slice string // All, or column=value
	Hour  Hour   // of the request
}

// Label are the counts of one label.
type Label struct {
	// Known are the rows whose label is not null, Positive those for which
	// an outcome decided it.
	Known, Positive uint64
	// Delay is the sum of the delays of the positive ones, in milliseconds.
	Delay int64
	// Gap and Unfinished are the rows whose label is null because their window touches a declared
	// gap, and because the log ended before it did.
	Gap, Unfinished uint64
}

// null counts a row whose label is null, by the reason of the row.
func (l *Label) null(reason joiner.Reason) {
	switch reason {
	case joiner.ReasonGap:
		l.Gap++
	case joiner.ReasonIncomplete:
		l.Unfinished++
	}
}

// Cell are the counts of the rows of a key.
type Cell struct {
	Rows uint64
	// Covered are the rows with an outcome that any label counts.
	Covered uint64
	// Corrected are the rows that were written again, Late those whose request
	// came late, Cut those in gaps and at the end of a log.
	Corrected, Late, Cut uint64
	// Scored are the rows with a score from 0 to 1, and Predicted the sum of
	// these in units of 2^-32.
	Scored    uint64
	Predicted int64
	// Hits are, per label, the scored rows that are known and positive; Expected
	// the sum of the scores of those that are known.
	Hits     []uint64
	Expected []int64
	Labels   []Label
}

// predictedScale is what a score of 1 is counted as.
const predictedScale = 1 << 32

// add adds the counts of o.
func (c *Cell) add(o *Cell) {
	c.Rows, c.Covered = c.Rows+o.Rows, c.Covered+o.Covered
	c.Corrected, c.Late, c.Cut = c.Corrected+o.Corrected, c.Late+o.Late, c.Cut+o.Cut
	c.Scored, c.Predicted = c.Scored+o.Scored, c.Predicted+o.Predicted
	for i := range o.Labels {
		if i == len(c.Labels) {
			c.Labels, c.Hits, c.Expected = append(c.Labels, Label{}), append(c.Hits, 0), append(c.Expected, 0)
		}
		c.Labels[i].Known += o.Labels[i].Known
		c.Labels[i].Positive += o.Labels[i].Positive
		c.Labels[i].Delay += o.Labels[i].Delay
		c.Labels[i].Gap += o.Labels[i].Gap
		c.Labels[i].Unfinished += o.Labels[i].Unfinished
		c.Hits[i] += o.Hits[i]
		c.Expected[i] += o.Expected[i]
	}
}

// Table are the counts of some rows. Two tables of different rows with the same
// labels and slices add up in any order.
type Table struct {
	Labels []string
	Cells  map[Key]*Cell
	// Deciles are the rows of all hours by their score.
	Deciles []Decile
	// Delays are, per label, the positive rows by delay in milliseconds, from
	// 10 s on in whole seconds.
	Delays []map[int64]uint64

	// Features are the counts of other columns by hour, where they were counted.
	Features tally.Table
	// Orphans are outcomes that found no request, as the commits say that wrote the rows.
	Orphans joiner.Orphans

	// odd are the hours with an alarm, which other hours are not compared with, and oddFeatures the same of
	// other columns.
	odd         map[Key]bool
	oddFeatures map[featureKey]bool
}

// NewTable is a table without rows.
func NewTable(labels []string) *Table {
	t := &Table{Labels: labels, Cells: map[Key]*Cell{}}
	for range labels {
		t.Delays = append(t.Delays, map[int64]uint64{})
	}
	return t
}

// Cell is the cell of a key, made if need be.
func (t *Table) Cell(k Key) *Cell {
	c := t.Cells[k]
	if c == nil {
		n := len(t.Labels)
		c = &Cell{Labels: make([]Label, n), Hits: make([]uint64, n), Expected: make([]int64, n)}
		t.Cells[k] = c
	}
	return c
}

// Add counts the rows of one under a key.
func (t *Table) Add(k Key, one *Cell) { t.Cell(k).add(one) }

// HasUnknown reports whether a label of any row is null.
func (t *Table) HasUnknown() bool {
	for k, c := range t.Cells {
		if k.Slice != All {
			continue
		}
		for i := range c.Labels {
			if c.Labels[i].Known < c.Rows {
				return true
			}
		}
	}
	return false
}

// Slices are the slices of the table, All first.
func (t *Table) Slices() []string {
	found := map[string]bool{}
	for k := range t.Cells {
		found[k.Slice] = true
	}
	var out []string
	for s := range found {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// Hours are the hours of the table, in order.
func (t *Table) Hours() []Hour {
	found := map[Hour]bool{}
	for k := range t.Cells {
		found[k.Hour] = true
	}
	var out []Hour
	for h := range found {
		out = append(out, h)
	}
	slices.Sort(out)
	return out
}

// Sum adds the cells of a slice from an hour to before another.
func (t *Table) Sum(slice string, from, to Hour) Cell { return t.sum(slice, from, to, nil) }

// usual is Sum without the hours that are odd.
func (t *Table) usual(slice string, from, to Hour) Cell { return t.sum(slice, from, to, t.odd) }

func (t *Table) sum(slice string, from, to Hour, without map[Key]bool) Cell {
	var sum Cell
	for h := from; h < to; h++ {
		if c := t.Cells[Key{slice, h}]; c != nil && !without[Key{slice, h}] {
			sum.add(c)
		}
	}
	if sum.Labels == nil {
		sum.add(&Cell{Labels: make([]Label, len(t.Labels)), Hits: make([]uint64, len(t.Labels)),
			Expected: make([]int64, len(t.Labels))})
	}
	return sum
}

// Join adds the rows of another table with the same labels.
func (t *Table) Join(o *Table) {
	for k, c := range o.Cells {
		t.Cell(k).add(c)
	}
	for i := range o.Delays {
		for d, n := range o.Delays[i] {
			t.Delays[i][d] += n
		}
	}
	t.Features.Join(&o.Features)
	t.Orphans = t.Orphans.Plus(o.Orphans, 0)
}

// Rate is a part of a whole with its 95 % interval (Wilson, 1927).
type Rate struct {
	Positive, Known uint64
	Value           float64 // NaN of nothing
	Low, High       float64
}

// MarshalJSON leaves the value of nothing out.
func (r Rate) MarshalJSON() ([]byte, error) {
	type plain struct {
		Positive, Known uint64
		Value           *float64 `json:",omitempty"`
		Low, High       float64
	}
	p := plain{Positive: r.Positive, Known: r.Known, Low: r.Low, High: r.High}
	if !math.IsNaN(r.Value) {
		p.Value = &r.Value
	}
	return json.Marshal(p)
}

// RateOf is the rate of positive ones among known ones.
func RateOf(positive, known uint64) Rate {
	r := Rate{Positive: positive, Known: known, Value: math.NaN(), Low: 0, High: 1}
	if known == 0 {
		return r
	}
	const z = 1.959963984540054
	n := float64(known)
	r.Value = float64(positive) / n
	middle := (r.Value + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(r.Value*(1-r.Value)/n+z*z/(4*n*n))
	r.Low, r.High = max(0, middle-half), min(1, middle+half)
	return r
}
