package joiner

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// A row may be written before its request closes, when the windows of some of its labels have
// ended: at the end of a stage. Rules.Stages are the windows that make one each. At the end of stage i,
// counted from 0, a row has the revision i, and at the close it has Rules.Base or a later one.
// So which revision a row has follows from the configuration alone, and nothing has to be
// remembered of rows that are open.

// Base is the lowest revision that a row has once its request has closed.
func (r *Rules) Base() uint32 { return uint32(len(r.Stages)) }

// StageBounds says for each stage of which requests it has ended at a watermark: those
// stamped before the time that it returns. None is before the one given for it.
func (r *Rules) StageBounds(w events.Time, before []events.Time) []events.Time {
	if len(r.Stages) == 0 {
		return nil
	}
	bounds := make([]events.Time, len(r.Stages))
	for i, window := range r.Stages {
		bounds[i] = w.Add(-window)
		if i < len(before) {
			bounds[i] = max(bounds[i], before[i])
		}
	}
	return bounds
}

// Pending names the labels that are not final in a row, in their order and with commas
// between them, as the column pending does; it is empty where all are.
func (r *Rules) Pending(row *Row) string {
	if row.Stage == 0 {
		return ""
	}
	var names []string
	for i := range r.Labels {
		if r.Labels[i].Window > r.Stages[row.Stage-1] {
			names = append(names, r.Labels[i].Name)
		}
	}
	return strings.Join(names, ",")
}

// RowsAtStage is RowsReuse at the end of a stage, of the outcomes stamped by then: labels
// with a longer window are null, also an AggAny that is 1 already, unless they are provisional.
func (d *Decision) RowsAtStage(stage int) []Row {
	rows, gaps := d.rowsAt(d.rules.Stages[stage], true)
	for i := range rows {
		row := &rows[i]
		row.Stage, row.Revision, row.Reason = uint16(stage)+1, uint32(stage), ReasonPending
		if gaps[i] {
			row.Reason = ReasonGap
		}
	}
	return rows
}

// rememberStages notes, before an event changes an open request, which rows of it may have
// been written at the end of a stage: its close has to withdraw those that are none then.
func (m *Machine) rememberStages(x *Entry, fx *Effects, now Now) error {
	if x.Key.TS >= now.Staged || len(x.History.Rows) > 0 {
		return nil
	}
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return err
	}
	for _, row := range Decide(m.Rules, &req).Rows(events.MaxTime, ReasonPending) {
		x.History.Rows = append(x.History.Rows, m.stagedRow(itemOf(&req, &row)))
	}
	fx.History = true
	return nil
}

// stagedRow is a row that was written at the end of a stage. What it holds is not known.
func (m *Machine) stagedRow(item string) RowState {
	return RowState{Item: item, Written: true, Early: true, Unknown: true, Cells: undecided(len(m.Rules.Labels))}
}

// RestoreStaged makes the history of an open request anew from its rows in the committed
// files, if its close has to know of them: a row is none any more, or its revision is one that
// these rules give to another stage or to the close. next is the revision of the stage of the
// request that ends next. It reports whether the history has changed.
func (m *Machine) RestoreStaged(x *Entry, written []Written, next uint32) (differs bool, err error) {
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return false, err
	}
	listed := map[string]bool{}
	for _, row := range Decide(m.Rules, &req).Rows(events.MaxTime, ReasonPending) {
		listed[itemOf(&req, &row)] = true
	}
	rows := slices.Clone(x.History.Rows)
	differs = len(rows) > 0
	for _, w := range written {
		at := slices.IndexFunc(rows, func(s RowState) bool { return s.Item == w.ItemID })
		if at < 0 {
			rows = append(rows, m.stagedRow(w.ItemID))
			at = len(rows) - 1
		}
		rows[at].Early = true
		if w.Revision >= rows[at].Revision {
			rows[at].Revision, rows[at].Withdrawn = w.Revision, w.Withdrawn
		}
		differs = differs || !listed[w.ItemID] || w.Revision >= next
	}
	if differs {
		x.History.Rows = rows
	}
	return differs, nil
}
