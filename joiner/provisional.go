package joiner

import (
	"math"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// A label may have a value before it is final: a row that is written at the end of a stage, when
// its request has at least the age Label.Provisional, has the value that the label would have
// if its window ended then. So the value is made of the outcomes that are stamped by then, and
// is a function of them like the final one. It is provisional until the label's window ends.

// finalAge is the age of a request whose labels are all final.
const finalAge = time.Duration(math.MaxInt64)

// provisionalColumns are how many columns a label has that may be provisional.
const provisionalColumns = 2

// ProvisionalColumns are the columns that a label has which may be provisional, beside its
// value: up to how long after the request outcomes count in this row, and how long after it the one
// is stamped that decides, both in seconds.
func ProvisionalColumns(label string) []Column {
	return []Column{
		{Name: label + "_elapsed", Kind: events.ValueDouble},
		{Name: label + "_delay", Kind: events.ValueDouble},
	}
}

// agesOf sets the ProvisionalColumns among a label's columns, which are null.
func (l *Label) agesOf(values []events.Value, delay time.Duration, decided bool, age time.Duration) {
	at := len(l.Columns) - len(l.Kept()) - provisionalColumns
	values[at] = seconds(min(l.Window, age))
	if decided {
		values[at+1] = seconds(delay)
	}
}

func seconds(d time.Duration) events.Value {
	return events.Value{Kind: events.ValueDouble, Float: float64(d) / float64(time.Second)}
}

// provisionalAt reports whether a label has a value at an age of the request that is not final.
func (l *Label) provisionalAt(age time.Duration) bool {
	return l.Provisional > 0 && l.Provisional <= age && age < l.Window
}

// HasProvisional reports whether a label may be provisional.
func (r *Rules) HasProvisional() bool {
	for i := range r.Labels {
		if r.Labels[i].Provisional > 0 {
			return true
		}
	}
	return false
}

// ProvisionalFrom reports whether a label is provisional from an age on.
func (r *Rules) ProvisionalFrom(age time.Duration) bool {
	for i := range r.Labels {
		if r.Labels[i].Provisional == age {
			return true
		}
	}
	return false
}

// IsProvisional reports whether the value of a label, by its number, is provisional in an update. An
// AggAny that is 1 is told at once, as one that stands unless it is taken back, and so it is later.
func (r *Rules) IsProvisional(label int, t *LabelUpdate) bool {
	return r.Labels[label].provisionalAt(t.Window) && !r.certain(label, &t.Cells[label])
}

// ElapsedIsKnown reports whether a provisional value in an update, by the label's number, is one of
// outcomes up to an age: a gap may make it unknown.
func (r *Rules) ElapsedIsKnown(label int, t *LabelUpdate) bool {
	return !r.unknown(t.RequestTS, &r.Labels[label], t.Window)
}

// The words of the column stage.
const (
	StageFinal       = "final"       // all labels are
	StageProvisional = "provisional" // the age of a label has passed and its window has not
	StagePending     = "pending"     // a label is not final, and the age of none of these has passed
)

// StageOf says how final a row is, as the column stage does.
func (r *Rules) StageOf(row *Row) string {
	if row.Stage == 0 {
		return StageFinal
	}
	for i := range r.Labels {
		if r.Labels[i].provisionalAt(r.Stages[row.Stage-1]) {
			return StageProvisional
		}
	}
	return StagePending
}

// hidden reports whether a gap makes a label unknown in a row.
func (d *Decision) hidden(row, label int, unknown []bool) bool {
	return len(unknown) > 0 && unknown[label] && !d.certain(row, label)
}

// soFar is a label of a row as it is if its window has ended now.
func (d *Decision) soFar(row, label int, unknown []bool) Cell {
	switch l := &d.rules.Labels[label]; {
	case d.hidden(row, label, unknown):
		return Undecided()
	case l.Votes != nil:
		return d.tally(row, label).cell
	default:
		return d.cells[row][label].cell(l.Agg, d.req.TS)
	}
}

// unknownBy tells, by label, which windows touch a declared gap before a request has some age.
func (d *Decision) unknownBy(age time.Duration) []bool {
	if len(d.rules.Gaps) == 0 {
		return nil
	}
	touched := make([]bool, len(d.rules.Labels))
	for j := range touched {
		l := &d.rules.Labels[j]
		touched[j] = d.rules.unknown(d.req.TS, l, min(l.Window, age))
	}
	return touched
}

// RowsToPublishAt is RowsToPublish at the end of a window, of the outcomes stamped by then, as in
// RowsAtStage.
func (d *Decision) RowsToPublishAt(window time.Duration) []Row {
	rows, _ := d.rowsAt(window, false)
	return rows
}

// rowsAt are the rows when a request has some age, of the outcomes stamped by then, and for each
// row whether a gap makes a label null in it. It uses the memory of RowsReuse.
func (d *Decision) rowsAt(age time.Duration, columns bool) (rows []Row, gaps []bool) {
	known := d.req.TS.Add(age)
	rows, columns = d.rowsReuse(known, ReasonPending, false), columns && d.hasExtra()
	gaps = make([]bool, len(rows))
	unknown := d.unknownBy(age)
	for i := range rows {
		row := &rows[i]
		for j := range row.Cells {
			switch l := &d.rules.Labels[j]; {
			case l.provisionalAt(age):
				row.Cells[j] = d.soFar(i, j, unknown)
				gaps[i] = gaps[i] || d.hidden(i, j, unknown)
			case l.Window > age:
				row.Cells[j] = Undecided()
			case d.open(i, j, unknown, known): // it is final, but for a gap
				gaps[i] = true
			}
		}
		if columns {
			row.Extra = d.extraOf(i, row.Cells, d.tallies(i), unknown, known, age)
		}
	}
	return rows, gaps
}
