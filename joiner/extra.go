package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// keep keeps what a label's columns hold of the outcome that decides it in a row.
func (d *Decision) keep(row, label int, o *events.Outcome, f *Fact) {
	kept := d.rules.Labels[label].Kept()
	if len(kept) == 0 {
		return
	}
	if d.extra == nil {
		d.extra = map[RowLabel][]events.Value{}
	}
	d.extra[RowLabel{row, label}] = d.valuesOf(kept, row, label, o, f)
}

// valuesOf are what columns of a label hold of an outcome in a row.
func (d *Decision) valuesOf(columns []Column, row, label int, o *events.Outcome, f *Fact) []events.Value {
	item := d.itemOf(row, o)
	if f != nil {
		o = f.whole()
	}
	values := make([]events.Value, len(columns))
	for i := range columns {
		v, err := columns[i].Value(o, d.req, item)
		d.fault(label, o, f, err)
		values[i] = v
	}
	return values
}

// hasExtra reports whether a row may have values in the labels' columns.
func (d *Decision) hasExtra() bool {
	if d.extra != nil {
		return true
	}
	for i := range d.rules.Labels {
		if l := &d.rules.Labels[i]; l.Votes != nil || l.Provisional > 0 {
			return true
		}
	}
	return false
}

// extraOf are the values of the labels' columns of a row; nil if all are null. Where no
// outcome decided a label, by what is known, its columns are null. How many votes a label has, and
// how long after the request, is known as soon as the label is not open. The tallies are those of
// the row, by label. The age is that of the request, or finalAge.
func (d *Decision) extraOf(row int, cells []Cell, tallies []tally, unknown []bool, known events.Time,
	age time.Duration) []events.Value {
	var all []events.Value
	some := false
	for i := range d.rules.Labels {
		l := &d.rules.Labels[i]
		if len(l.Columns) == 0 {
			continue
		}
		at := len(all)
		all = append(all, make([]events.Value, len(l.Columns))...)
		values := all[at:]
		open := d.open(row, i, unknown, known)
		if l.provisionalAt(age) {
			open = d.hidden(row, i, unknown)
		}
		if l.Votes != nil && !open {
			l.votesOf(&tallies[i], values)
		} else if kept := d.extra[RowLabel{row, i}]; cells[i].TS != events.MinTime {
			copy(values[len(values)-len(kept):], kept)
		}
		// An any that is 1 is not open, though a row that is written before its age has null in it.
		if l.Provisional > 0 && !open && (l.Window <= age || l.provisionalAt(age)) {
			l.agesOf(values, cells[i].TS.Sub(d.req.TS), cells[i].TS != events.MinTime, age)
		}
		for j := range values {
			some = some || values[j].Kind != events.ValueNull
		}
	}
	if !some {
		return nil
	}
	return all
}
