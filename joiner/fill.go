package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Decided gives the rows that may be written before the request closes.
func (d *Decision) Decided() []Row {
	if !d.anyDecided() {
		return nil
	}
	var early []Row
	for i, row := range d.Rows(events.MaxTime, ReasonEarly) {
		if d.decided(i) {
			early = append(early, row)
		}
	}
	return early
}

// anyDecided reports whether Decided gives a row.
func (d *Decision) anyDecided() bool {
	d.foldEdits()
	for row := range d.cells {
		if d.decided(row) {
			return true
		}
	}
	return false
}

// Rows gives one row per listed item, or one for the whole request; those that
// the policies leave out are marked, not missing. A label whose window reaches
// past known is undecided (and the reason ReasonIncomplete), one whose window touches a
// declared gap too (and ReasonGap), unless it is an AggAny that is already 1 for good;
// known is MaxTime wherever a watermark has closed the request.
func (d *Decision) Rows(known events.Time, reason Reason) []Row {
	rows := make([]Row, len(d.cells))
	d.fill(rows, make([]Cell, len(rows)*len(d.rules.Labels)), known, reason, true)
	return rows
}

// RowsReuse is Rows in memory that its next call uses again.
func (d *Decision) RowsReuse(known events.Time, reason Reason) []Row {
	return d.rowsReuse(known, reason, true)
}

// RowsToPublish is RowsReuse for the label stream, where nothing is unknown and which has no columns
// of labels: Extra is nil, and not made.
func (d *Decision) RowsToPublish(reason Reason) []Row {
	return d.rowsReuse(events.MaxTime, reason, false)
}

func (d *Decision) rowsReuse(known events.Time, reason Reason, columns bool) []Row {
	cells := len(d.cells) * len(d.rules.Labels)
	d.rows = slices.Grow(d.rows[:0], len(d.cells))[:len(d.cells)]
	d.flat = slices.Grow(d.flat[:0], cells)[:cells]
	clear(d.rows)
	d.fill(d.rows, d.flat, known, reason, columns)
	return d.rows
}

// fill makes rows, which are zero, of what was folded; without columns, Extra stays nil.
func (d *Decision) fill(rows []Row, cells []Cell, known events.Time, reason Reason, columns bool) {
	d.foldEdits()
	unknown, base := d.unknown(), d.rules.Base()
	columns = columns && d.hasExtra()
	var tallies []tally // of one row, by label; nil if no label is of votes
	for i := range rows {
		row := &rows[i]
		row.Item, row.Reason, row.Weight, row.Revision = i, reason, 1, base
		if len(d.req.Items) == 0 || d.rules.PerRequest {
			row.Item = -1
		}
		row.Cells, cells = cells[:len(d.rules.Labels):len(d.rules.Labels)], cells[len(d.rules.Labels):]
		for j := range d.rules.Labels {
			l := &d.rules.Labels[j]
			if l.Of != nil {
				row.Cells[j] = d.ofOthers(row.Cells, i, j, unknown, known)
				continue
			}
			if l.Votes != nil {
				if tallies == nil {
					tallies = make([]tally, len(d.rules.Labels))
				}
				tallies[j] = d.tally(i, j)
				row.Cells[j] = tallies[j].cell
			} else {
				row.Cells[j] = d.cells[i][j].cell(l.Agg, d.req.TS)
			}
			switch {
			case d.certain(i, j): // what was seen stays seen
			case len(unknown) > 0 && unknown[j]:
				row.Cells[j], row.Reason = Undecided(), ReasonGap
			case d.req.TS.Add(l.Window) > known:
				row.Cells[j] = Undecided()
				if row.Reason != ReasonGap {
					row.Reason = ReasonIncomplete
				}
			}
		}
		if columns {
			row.Extra = d.extraOf(i, row.Cells, tallies, unknown, known, finalAge)
		}
	}
	d.leaveOut(rows)
}

// ofOthers is a label that is made of others. While one of them is not decided, it is not.
func (d *Decision) ofOthers(cells []Cell, row, label int, unknown []bool, known events.Time) Cell {
	l := &d.rules.Labels[label]
	if d.open(row, label, unknown, known) {
		return Undecided()
	}
	cell, err := l.Of(cells, d.req, d.itemOf(row, &events.Outcome{}))
	if err != nil {
		d.faultOfRow(label, err)
		return Undecided()
	}
	return cell
}

// open reports whether a label of a row is not decided, or one that it needs is not.
func (d *Decision) open(row, label int, unknown []bool, known events.Time) bool {
	l := &d.rules.Labels[label]
	if l.Of == nil {
		return !d.certain(row, label) && (len(unknown) > 0 && unknown[label] || d.req.TS.Add(l.Window) > known)
	}
	return slices.ContainsFunc(l.Needs, func(n int) bool { return d.open(row, n, unknown, known) })
}

// certain reports whether a label is what it is, whatever is not known of its window.
func (d *Decision) certain(row, label int) bool {
	l := &d.rules.Labels[label]
	return l.Agg == AggAny && d.cells[row][label].n > 0 && d.rules.SameID == SameFirst && l.Until == nil
}

// unknown tells, by label, which windows touch a declared gap; nil if none is
// declared, which is nearly always.
func (d *Decision) unknown() []bool { return d.unknownBy(finalAge) }
