package health

import (
	"maps"
	"math"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/export/tally"
	"github.com/labeljoin/labeljoin/joiner"
)

// Counter counts the rows of a commit while they are written, for the statistics in its manifest.
// Only what is written for the first time is in the rates; what is written again counts as
// corrected. Counts of commits add up in any order (Decode, Table.Join). It is used as tablelog.Sink says.
type Counter struct {
	// Features says that the values of all other columns are counted too.
	Features bool

	t      *Table
	slices []string
	// The cell that was used last, of all rows and of the slices: rows of one hour come together.
	hour Hour
	all  *Cell
	of   []map[string]*Cell // by column and value
	// Base is the revision that a row has at the close of its request: see joiner.Rules.Base.
	Base uint32
	// doubtful says that a score is no probability.
	doubtful bool
	// ofSlices is how many bytes the cells of slices have at least as JSON.
	ofSlices int
	// full says that the counts of slices alone were too many, and so those of other columns are not wanted: File may
	// run beside Row.
	full atomic.Bool
}

// NewCounter counts rows of these labels, and by the values of these columns: model, model_version,
// or a feature.
func NewCounter(labels, slices []string) *Counter {
	c := &Counter{t: NewTable(labels), slices: slices, of: make([]map[string]*Cell, len(slices))}
	for i := range c.of {
		c.of[i] = map[string]*Cell{}
	}
	return c
}

// Row implements tablelog.Sink.
func (c *Counter) Row(req *events.Request, row *joiner.Row) {
	if row.Stage > 0 {
		return // it is counted when all its labels are final
	}
	hour := Hour(math.Floor(float64(req.TS) / 3600e9))
	if c.all == nil || hour != c.hour {
		c.hour, c.all = hour, c.t.Cell(Key{All, hour})
		for i := range c.of {
			clear(c.of[i])
		}
	}
	c.count(c.all, req, row)
	for i, column := range c.slices {
		if value, ok := sliceValue(column, req, row); ok {
			c.count(c.slice(i, column, value), req, row)
		}
	}
	if c.ofSlices > mostBytes {
		c.leaveOutSlices()
		c.full.Store(true)
	}
}

// File implements tablelog.Sink: it counts the other columns of a file.
func (c *Counter) File(rows *rowfile.Builder) {
	if c.full.Load() || c.Features && c.t.Features.Take(rows) > mostBytes {
		c.leaveOutFeatures()
	}
}

// A commit may be all of a long log, so what Statistics would leave out for certain is not collected first.

// leaveOutFeatures forgets the counts of other columns, and counts no more of them.
func (c *Counter) leaveOutFeatures() { c.Features, c.t.Features = false, tally.Table{} }

// leaveOutSlices does so with the counts of slices.
func (c *Counter) leaveOutSlices() {
	c.slices, c.of, c.ofSlices = nil, nil, 0
	maps.DeleteFunc(c.t.Cells, func(k Key, _ *Cell) bool { return k.Slice != All })
}

// slice is the cell of a value in the hour.
func (c *Counter) slice(i int, column, value string) *Cell {
	cell := c.of[i][value]
	if cell == nil {
		name := column + "=" + value
		if len(c.of[i]) >= MaxSlices || len(value) > maxSliceText {
			name = column + " (other)"
		}
		before := len(c.t.Cells)
		cell = c.t.Cell(Key{name, c.hour})
		if len(c.t.Cells) > before {
			c.ofSlices += len(name) + leastCell + leastOfLabel*len(c.t.Labels)
		}
		if len(c.of[i]) < MaxSlices {
			c.of[i][strings.Clone(value)] = cell
		}
	}
	return cell
}

// What a cell of a slice has at least as JSON, without its name, and each label in it, in bytes.
const (
	leastCell    = len(`{"slice":"","hour":"2026-11-21T05","rows":0,"known":,"positive":,"delay_ms":}`)
	leastOfLabel = len(`,0,0,0`)
)

// maxSliceText bounds the value that a slice is named by, in bytes.
const maxSliceText = 100

// sliceValue is the value of a row in a column; ok is false where it has none that names a slice.
func sliceValue(column string, req *events.Request, row *joiner.Row) (string, bool) {
	switch column {
	case "model":
		return req.Model, req.Model != ""
	case "model_version":
		return req.ModelVersion, req.ModelVersion != ""
	}
	if name, ok := strings.CutPrefix(column, "item_"); ok && row.Item >= 0 && row.Item < len(req.Items) {
		if text, ok := fieldText(req.Items[row.Item].Features, name); ok {
			return text, true
		}
	}
	return fieldText(req.Features, column)
}

func fieldText(fields []events.Field, name string) (string, bool) {
	for i := range fields {
		if fields[i].Name != name {
			continue
		}
		switch v := &fields[i].Value; v.Kind {
		case events.ValueString:
			return v.Str, true
		case events.ValueInt, events.ValueBool:
			return stats.Number(float64(v.Int)), true
		case events.ValueDouble:
			return stats.Number(v.Float), true
		}
	}
	return "", false
}

// count counts a row in a cell.
func (c *Counter) count(cell *Cell, req *events.Request, row *joiner.Row) {
	if row.Revision > c.Base {
		cell.Corrected++
		return
	}
	cell.Rows++
	switch row.Reason {
	case joiner.ReasonLateRequest:
		cell.Late++
	case joiner.ReasonGap, joiner.ReasonIncomplete:
		cell.Cut++
	}
	score, scored := int64(0), false
	if x, ok := scoreOf(req, row); ok {
		if scored = x >= 0 && x <= 1; !scored {
			c.doubtful = true
		} else {
			score = int64(math.Round(x * predictedScale))
			cell.Scored++
			cell.Predicted += score
		}
	}
	covered := uint64(0)
	for i := range min(len(row.Cells), len(cell.Labels)) {
		v, to := &row.Cells[i], &cell.Labels[i]
		positive := v.TS != events.MinTime
		if v.Null && !positive {
			to.null(row.Reason)
			continue
		}
		to.Known++
		if scored {
			cell.Expected[i] += score
		}
		if !positive {
			continue
		}
		covered = 1
		to.Positive++
		to.Delay += int64(math.Floor(float64(v.TS-req.TS) / 1e6))
		if scored {
			cell.Hits[i]++
		}
	}
	cell.Covered += covered
}

// scoreOf is the score of a row.
func scoreOf(req *events.Request, row *joiner.Row) (float64, bool) {
	if row.Item >= 0 && row.Item < len(req.Items) {
		item := &req.Items[row.Item]
		return item.Score, item.HasScore
	}
	return req.Score, req.HasScore
}

// mostBytes bounds the counts of a commit, in bytes: a manifest has a space after each comma and colon, which is
// at most as much again.
const mostBytes = tablelog.MaxStatistics / 2

// Statistics implements tablelog.Sink. Where other columns or slices make the counts larger than a
// manifest may carry, they are left out.
func (c *Counter) Statistics(cut *joiner.Cut) (jsontext.Value, error) {
	if c.t.Orphans = cut.Orphans; c.full.Load() {
		c.leaveOutFeatures()
	}
	if len(c.t.Cells)+len(c.t.Orphans) == 0 {
		return nil, nil
	}
	if c.doubtful {
		c.t.forgetScores()
	}
	data, err := Encode(c.t, c.slices)
	if err != nil || len(data) <= mostBytes {
		return data, err
	}
	c.leaveOutFeatures()
	if data, err = Encode(c.t, c.slices); err != nil || len(data) <= mostBytes {
		return data, err
	}
	c.leaveOutSlices()
	if data, err = Encode(c.t, c.slices); err != nil || len(data) > mostBytes {
		return nil, err
	}
	return data, nil
}

// forgetScores is for rows whose scores are no probabilities.
func (t *Table) forgetScores() {
	for _, c := range t.Cells {
		c.Scored, c.Predicted = 0, 0
		clear(c.Hits)
		clear(c.Expected)
	}
}
