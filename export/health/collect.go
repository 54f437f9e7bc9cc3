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

// MaxSlices bounds the slices of a column in an hour's count: the first by bytes
// of what is beyond are counted as other.
const MaxSlices = 200

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
	edges := scoreEdges(o.Scores)
	c := &collector{t: NewTable(labels), slices: o.Slices, seen: map[string]int{}}
	c.one = Cell{Labels: make([]Label, len(labels)), Hits: make([]uint64, len(labels)),
		Expected: make([]int64, len(labels))}
	for i := range len(edges) - 1 {
		n := len(labels)
		c.t.Deciles = append(c.t.Deciles, Decile{Low: edges[i], High: edges[i+1], Known: make([]uint64, n),
			Positive: make([]uint64, n), Expected: make([]int64, n)})
	}
	columns := []string{"request_ts", scoreColumn, "reason"}
	for _, l := range labels {
		columns = append(columns, l, l+"_ts")
	}
	columns = append(columns, o.Slices...)
	return c.t, stats.Scan(ctx, sources, columns, c.take)
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

// collector counts the rows of a table.
type collector struct {
	t      *Table
	slices []string
	seen   map[string]int // slices by column
	known  map[string]bool
	one    Cell // of the row that is counted
	// cell counts all rows of the hour of the row before: mostly the next one is of the same.
	hour Hour
	cell *Cell
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
		one := c.row(row, values)
		hour := Hour(math.Floor(ts.Numbers[row] / 3600e6))
		if c.cell == nil || hour != c.hour {
			c.hour, c.cell = hour, c.t.Cell(Key{All, hour})
		}
		c.cell.add(one)
		for i, name := range c.slices {
			if v := values[3+2*len(c.t.Labels)+i]; v != nil && !v.Null[row] {
				c.t.Cell(Key{c.slice(name, v, row), hour}).add(one)
			}
		}
	}
	return nil
}

// slice is what the slice of a value is called.
func (c *collector) slice(column string, v *stats.Values, row int) string {
	value := ""
	if v.Texts != nil {
		value = v.Texts[row]
	} else {
		value = stats.Number(v.Numbers[row])
	}
	name := column + "=" + value
	if c.known == nil {
		c.known = map[string]bool{}
	}
	if !c.known[name] {
		if c.seen[column] == MaxSlices {
			return column + " (other)"
		}
		c.seen[column]++
		c.known[name] = true
	}
	return name
}

// row are the counts of one row.
func (c *collector) row(row int, values []*stats.Values) *Cell {
	one := &c.one
	clear(one.Labels)
	clear(one.Hits)
	clear(one.Expected)
	*one = Cell{Rows: 1, Labels: one.Labels, Hits: one.Hits, Expected: one.Expected}
	reason := joiner.ReasonClosed
	if v := values[2]; v != nil && !v.Null[row] && v.Texts != nil {
		switch v.Texts[row] {
		case joiner.ReasonClosed.String(): // most are
		case joiner.ReasonCorrected.String():
			one.Corrected = 1
		case joiner.ReasonLateRequest.String():
			one.Late = 1
		case joiner.ReasonGap.String():
			reason, one.Cut = joiner.ReasonGap, 1
		case joiner.ReasonIncomplete.String():
			reason, one.Cut = joiner.ReasonIncomplete, 1
		}
	}
	score, decile := c.score(row, values[1])
	if decile != nil {
		one.Scored, one.Predicted = 1, score
		decile.Rows++
		decile.Predicted += score
	}
	for i := range c.t.Labels {
		label, at := values[3+2*i], values[4+2*i]
		positive := at != nil && !at.Null[row]
		// Aggregates of nothing are null too, but only of doubles; those are
		// known where anything decided them.
		known := positive || label != nil && !label.Null[row]
		if !known {
			one.Labels[i].null(reason)
			continue
		}
		one.Labels[i].Known = 1
		if decile != nil {
			one.Expected[i] = score
			decile.Known[i]++
			decile.Expected[i] += score
		}
		if !positive {
			continue
		}
		delay := int64(math.Floor((at.Numbers[row] - values[0].Numbers[row]) / 1e3))
		one.Covered = 1
		one.Labels[i].Positive, one.Labels[i].Delay = 1, delay
		c.t.Delays[i][coarse(delay)]++
		if decile != nil {
			one.Hits[i] = 1
			decile.Positive[i]++
		}
	}
	return one
}

// score is a row's score in units of 2^-32 and its decile; nil if it has none.
func (c *collector) score(row int, v *stats.Values) (int64, *Decile) {
	if v == nil || v.Null[row] || v.Numbers == nil || len(c.t.Deciles) == 0 {
		return 0, nil
	}
	x := v.Numbers[row]
	for i := range c.t.Deciles {
		if d := &c.t.Deciles[i]; x <= d.High {
			return int64(math.Round(x * predictedScale)), d
		}
	}
	return 0, nil
}

// coarse rounds delays in milliseconds of 10 s or more down to whole seconds, so
// that there are not too many different ones.
func coarse(delay int64) int64 {
	if delay >= 10_000 {
		return delay - delay%1000
	}
	return delay
}
