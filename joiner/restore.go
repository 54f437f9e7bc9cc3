package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// RestoreHistory makes the history of a request anew whose state was lost: from its events,
// and from its rows in the committed files that events alone do not tell of. written
// is in the order of its commits.
//
// Invariant: by the time of a commit, the rows of a request that closed are what all
// its events say, so what was written is known again from them. What was written early
// of an open request is not: its close writes such a row again, whatever it holds.
func (m *Machine) RestoreHistory(x *Entry, written []Written, closed bool) error {
	req, d, err := x.decide(m, m.Rules, lateSeqAny)
	if err != nil {
		return err
	}
	h := &x.History
	h.Closed, h.Base, h.Rows = closed, h.LateSeq, nil
	if closed {
		h.Rows = RowStates(req, d.Rows(events.MaxTime, ReasonClosed))
	}
	kept := map[string]bool{} // items of rows that the events say are there
	for i := range h.Rows {
		kept[h.Rows[i].Item] = h.Rows[i].Written
	}
	for _, w := range written {
		at := slices.IndexFunc(h.Rows, func(s RowState) bool { return s.Item == w.ItemID })
		if at < 0 {
			h.Rows = append(h.Rows, RowState{Item: w.ItemID})
			at = len(h.Rows) - 1
		}
		s := &h.Rows[at]
		if !s.Written {
			s.Cells, s.Unknown = undecided(len(m.Rules.Labels)), !closed
		}
		s.Written, s.Early = true, s.Early || w.Early
		if w.Revision >= s.Revision {
			s.Revision, s.Withdrawn = w.Revision, w.Withdrawn || closed && !kept[w.ItemID]
		}
	}
	return nil
}

// RestoreFormer makes the history of a request anew that closed under rules that were
// changed since: from its events, and from all its rows in the committed files, in the
// order of the commits. The rules as they are may want other rows of it. It reports
// whether the history says anything that the close of a request under these rules does
// not say as well; if not, it need not be kept.
//
// What was written is held as these rules decide it, so that only what comes later
// writes it again. Then all rows become as these rules have them: what they do not want
// is withdrawn.
func (m *Machine) RestoreFormer(x *Entry, written []Written) (differs bool, err error) {
	req, d, err := x.decide(m, m.Rules, lateSeqAny)
	if err != nil {
		return false, err
	}
	h := &x.History
	h.Closed, h.Base, h.Rows, h.Retracted = true, h.LateSeq, RowStates(req, d.Rows(events.MaxTime, ReasonClosed)), nil
	wanted := make([]bool, len(h.Rows))
	for i := range h.Rows {
		wanted[i], h.Rows[i].Written = h.Rows[i].Written, false
	}
	for _, w := range written {
		at := slices.IndexFunc(h.Rows, func(s RowState) bool { return s.Item == w.ItemID })
		if at < 0 {
			h.Rows = append(h.Rows, RowState{Item: w.ItemID, Cells: undecided(len(m.Rules.Labels))})
			at = len(h.Rows) - 1
		}
		s := &h.Rows[at]
		if !s.Written {
			s.Revision = 0 // of which it was written first, these rules do not say
		}
		s.Written, s.Early = true, s.Early || w.Early && !w.Pending
		if w.Revision >= s.Revision {
			s.Revision, s.Withdrawn = w.Revision, w.Withdrawn
		}
	}
	for i := range h.Rows {
		s := &h.Rows[i]
		differs = differs || i >= len(wanted) || s.Written != wanted[i] || s.Revision > m.Rules.Base() || s.Early ||
			s.Withdrawn
	}
	return differs, nil
}

// Redecide says how the rows of a request stand under rules that were changed, if its
// history knows what was written of it: as RestoreFormer does, if it closed. What was
// written early of one that is open is compared with the close anew.
func (m *Machine) Redecide(x *Entry, closed bool) error {
	h := &x.History
	h.Retracted = nil // labels may have other places among the rules
	if !closed {
		for i := range h.Rows {
			h.Rows[i].Unknown, h.Rows[i].Cells = true, undecided(len(m.Rules.Labels))
		}
		return nil
	}
	req, d, err := x.decide(m, m.Rules, lateSeqAny)
	if err != nil {
		return err
	}
	stands := map[string]bool{}
	for _, now := range RowStates(req, d.Rows(events.MaxTime, ReasonClosed)) {
		stands[now.Item] = true
		at := slices.IndexFunc(h.Rows, func(s RowState) bool { return s.Item == now.Item })
		if at < 0 {
			now.Written = false
			h.Rows = append(h.Rows, now)
			continue
		}
		s := &h.Rows[at]
		s.Cells, s.Weight, s.Columns = now.Cells, now.Weight, now.Columns
	}
	for i := range h.Rows {
		if s := &h.Rows[i]; !stands[s.Item] {
			s.Cells = undecided(len(m.Rules.Labels))
		}
	}
	return nil
}
