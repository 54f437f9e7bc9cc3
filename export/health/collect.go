package health

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
	"github.com/labeljoin/labeljoin/joiner"
)

// Options say what is counted.
type Options struct {
	// Slices are columns by whose values rows are counted too.
	Slices []string
	// Labels are the labels; empty: every column beside which there is one
	// with its name and _ts.
	Labels []string
	// Scores are the statistics of the column score, if they are known; nil: they are computed.
	Scores *tfmd.FeatureNameStatistics
}

// Collect counts rows. They must have the columns of labeljoin.
func Collect(ctx context.Context, sources []stats.Source, o Options) (*Table, error) {
	names, err := stats.ColumnNames(sources)
	if err != nil {
		return nil, err
	}
	labels := o.Labels
	if len(labels) == 0 {
		labels = LabelsIn(names)
	}
	if len(labels) == 0 || !slices.Contains(names, "request_ts") {
		return nil, &NoLabelsError{}
	}
	for _, s := range append(slices.Clone(o.Slices), labels...) {
		if !slices.Contains(names, s) {
			return nil, &NoLabelsError{Column: s, Has: names}
		}
	}
	if o.Scores == nil && slices.Contains(names, scoreColumn) {
		r, err := stats.Of(ctx, sources, stats.Options{Columns: []string{scoreColumn}})
		if err != nil {
			return nil, err
		}
		o.Scores = r.Statistics.Datasets[0].Features[0]
	}
	columns := []string{"request_ts", scoreColumn, "reason"}
	for _, l := range labels {
		columns = append(columns, l, l+"_ts")
	}
	columns = append(columns, o.Slices...)
	var parts []*collector
	edges := scoreEdges(o.Scores)
	if err := stats.ScanParts(ctx, sources, columns, func() stats.Visit {
		c := newCollector(labels, o.Slices, edges)
		parts = append(parts, c)
		return c.take
	}); err != nil {
		return nil, err
	}
	whole := newCollector(labels, o.Slices, edges)
	for _, c := range parts {
		whole.join(c)
	}
	return whole.table(), nil
}

// LabelsIn are the columns that labeljoin has written as labels, by the names of
// all columns.
func LabelsIn(names []string) []string {
	var out []string
	for _, n := range names {
		if n != "request" && !strings.HasSuffix(n, "_ts") && slices.Contains(names, n+"_ts") {
			out = append(out, n)
		}
	}
	return out
}

// NoLabelsError says that rows lack what labeljoin writes.
type NoLabelsError struct {
	Column string // empty: there are no labels at all
	Has    []string
}

func (e *NoLabelsError) Error() string {
	if e.Column == "" {
		return "these rows have no labels: labels are columns beside which there is one with their name and _ts, and rows have a request_ts"
	}
	return fmt.Sprintf("these rows have no column %q; they have %s", e.Column, strings.Join(e.Has, ", "))
}

// Misuse reports that the command line has to be changed.
func (e *NoLabelsError) Misuse() bool { return true }

// scoreColumn has the scores.
const scoreColumn = "score"

// scoreEdges are the bounds of the deciles of the scores, each once; nil where they are no
// probabilities.
func scoreEdges(f *tfmd.FeatureNameStatistics) []float64 {
	n := f.GetNumStats()
	if n == nil || len(n.Histograms) < 2 || n.Min < 0 || n.Max > 1 {
		return nil
	}
	var edges []float64
	for i, b := range n.Histograms[1].Buckets {
		if i == 0 {
			edges = append(edges, b.LowValue)
		}
		edges = append(edges, b.HighValue)
	}
	if edges = slices.Compact(edges); len(edges) == 1 {
		edges = append(edges, edges[0])
	}
	return edges
}

// collector counts some of the rows of a table.
type collector struct {
	t     *Table
	by    []*division
	highs []float64 // the upper bounds of the deciles
	one   Cell      // of a row that is counted in several cells
	// cell counts all rows of the hour of the row before: mostly the next one is of the same.
	hour Hour
	cell *Cell
}

// newCollector makes a collector of these labels, slices and bounds of deciles.
func newCollector(labels, slices []string, edges []float64) *collector {
	n := len(labels)
	c := &collector{t: NewTable(labels)}
	c.one = Cell{Labels: make([]Label, n), Hits: make([]uint64, n), Expected: make([]int64, n)}
	for i := range len(edges) - 1 {
		c.t.Deciles = append(c.t.Deciles, Decile{Low: edges[i], High: edges[i+1], Known: make([]uint64, n),
			Positive: make([]uint64, n), Expected: make([]int64, n)})
		c.highs = append(c.highs, edges[i+1])
	}
	for _, column := range slices {
		c.by = append(c.by, newDivision(column, n))
	}
	return c
}

// join adds the rows of another collector with the same labels, slices and deciles.
func (c *collector) join(o *collector) {
	c.t.Join(o.t)
	for i := range o.t.Deciles {
		c.t.Deciles[i].add(&o.t.Deciles[i])
	}
	for i := range o.by {
		c.by[i].join(o.by[i])
	}
}

// table is the table of the rows.
func (c *collector) table() *Table {
	for _, d := range c.by {
		d.addTo(c.t)
	}
	return c.t
}

// take counts the rows of a row group.
func (c *collector) take(rows int, values []*stats.Values) error {
	ts := values[0]
	if ts == nil {
		return nil
	}
	for row := range rows {
		if ts.Null[row] {
			continue
		}
		hour := Hour(math.Floor(ts.Numbers[row] / 3600e6))
		if c.cell == nil || hour != c.hour {
			c.hour, c.cell = hour, c.t.Cell(Key{All, hour})
		}
		if len(c.by) == 0 {
			c.count(row, values, c.cell)
			continue
		}
		one := &c.one
		clear(one.Labels)
		clear(one.Hits)
		clear(one.Expected)
		*one = Cell{Labels: one.Labels, Hits: one.Hits, Expected: one.Expected}
		c.count(row, values, one)
		c.cell.add(one)
		for i, d := range c.by {
			if v := values[3+2*len(c.t.Labels)+i]; v != nil && !v.Null[row] {
				d.cell(textOf(v, row), hour).add(one)
			}
		}
	}
	return nil
}

// textOf is the value that a row's slice is called by.
func textOf(v *stats.Values, row int) string {
	if v.Texts != nil {
		return v.Texts[row]
	}
	return stats.Number(v.Numbers[row])
}

// count adds one row to a cell.
func (c *collector) count(row int, values []*stats.Values, to *Cell) {
	to.Rows++
	reason := joiner.ReasonClosed
	if v := values[2]; v != nil && !v.Null[row] && v.Texts != nil {
		switch v.Texts[row] {
		case joiner.ReasonClosed.String(): // most are
		case joiner.ReasonCorrected.String():
			to.Corrected++
		case joiner.ReasonLateRequest.String():
			to.Late++
		case joiner.ReasonGap.String():
			reason = joiner.ReasonGap
			to.Cut++
		case joiner.ReasonIncomplete.String():
			reason = joiner.ReasonIncomplete
			to.Cut++
		}
	}
	score, decile := c.score(row, values[1])
	if decile != nil {
		to.Scored++
		to.Predicted += score
		decile.Rows++
		decile.Predicted += score
	}
	covered := uint64(0)
	for i := range c.t.Labels {
		label, at := values[3+2*i], values[4+2*i]
		positive := at != nil && !at.Null[row]
		// Aggregates of nothing are null too, but only of doubles; those are
		// known where anything decided them.
		known := positive || label != nil && !label.Null[row]
		if !known {
			to.Labels[i].null(reason)
			continue
		}
		to.Labels[i].Known++
		if decile != nil {
			to.Expected[i] += score
			decile.Known[i]++
			decile.Expected[i] += score
		}
		if !positive {
			continue
		}
		delay := int64(math.Floor((at.Numbers[row] - values[0].Numbers[row]) / 1e3))
		covered = 1
		to.Labels[i].Positive++
		to.Labels[i].Delay += delay
		c.t.Delays[i][coarse(delay)]++
		if decile != nil {
			to.Hits[i]++
			decile.Positive[i]++
		}
	}
	to.Covered += covered
}

// score is a row's score in units of 2^-32 and its decile; nil if it has none.
func (c *collector) score(row int, v *stats.Values) (int64, *Decile) {
	if v == nil || v.Null[row] || v.Numbers == nil || len(c.t.Deciles) == 0 {
		return 0, nil
	}
	x := v.Numbers[row]
	if last := &c.t.Deciles[len(c.t.Deciles)-1]; !(x <= last.High) {
		return 0, nil
	}
	i := 0
	for _, high := range c.highs {
		if x > high { // scores have no order: a sum is faster than a search that ends somewhere
			i++
		}
	}
	return int64(math.Round(x * predictedScale)), &c.t.Deciles[i]
}

// coarse rounds delays in milliseconds of 10 s or more down to whole seconds, so
// that there are not too many different ones.
func coarse(delay int64) int64 {
	if delay >= 10_000 {
		return delay - delay%1000
	}
	return delay
}
