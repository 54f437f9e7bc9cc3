package joiner

import "github.com/labeljoin/labeljoin/events"

// keep keeps what a label's columns hold of the outcome that decides it in a row.
func (d *Decision) keep(row, label int, o *events.Outcome, f *Fact) {
	if d.extra == nil {
		d.extra = map[RowLabel][]events.Value{}
	}
	d.extra[RowLabel{row, label}] = d.valuesOf(d.rules.Labels[label].Columns, row, label, o, f)
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
		if d.rules.Labels[i].Votes != nil {
			return true
		}
	}
	return false
}

// extraOf are the values of the labels' columns of a row; nil if all are null. Where no
// outcome decided a label, by what is known, its columns are null. How many votes a label has is
// known as soon as the label is not open. The tallies are those of the row, by label.
func (d *Decision) extraOf(row int, cells []Cell, tallies []tally, unknown []bool, known events.Time) []events.Value {
	var all []events.Value
	some := false
	for i := range d.rules.Labels {
		l := &d.rules.Labels[i]
		if len(l.Columns) == 0 {
			continue
		}
		values := d.extra[RowLabel{row, i}]
		if l.Votes != nil && !d.open(row, i, unknown, known) {
			values = l.votesOf(&tallies[i])
		} else if values == nil || cells[i].TS == events.MinTime {
			values = make([]events.Value, len(l.Columns))
		}
		for j := range values {
			some = some || values[j].Kind != events.ValueNull
		}
		all = append(all, values...)
	}
	if !some {
		return nil
	}
	return all
}
