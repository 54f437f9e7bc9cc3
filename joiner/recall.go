package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Recall makes the history of a request anew whose state was lost: from its events,
// and from its rows in the committed files that events alone do not tell of. written
// is in the order of its commits.
//
// Invariant: by the time of a commit, the rows of a request that closed are what all
// its events say, so what was written is known again from them. What was written early
// of an open request is not: its close writes such a row again, whatever it holds.
func (m *Machine) Recall(x *Entry, written []Written, closed bool) error {
	req, d, err := x.decide(m, m.Rules, everything)
	if err != nil {
		return err
	}
	h := &x.History
	h.Settled, h.Base, h.Rows = closed, h.Round, nil
	if closed {
		h.Rows = Standings(req, d.Rows(events.MaxTime, Closed))
	}
	for _, w := range written {
		at := slices.IndexFunc(h.Rows, func(s Standing) bool { return s.Item == w.ItemID })
		if at < 0 {
			h.Rows = append(h.Rows, Standing{Item: w.ItemID})
			at = len(h.Rows) - 1
		}
		s := &h.Rows[at]
		if !s.Written {
			s.Cells, s.Withdrawn, s.Unknown = undecided(len(m.Rules.Labels)), closed, !closed
		}
		s.Written, s.Early = true, s.Early || w.Early
		if w.Revision >= s.Revision {
			s.Revision, s.Withdrawn = w.Revision, w.Withdrawn || s.Withdrawn && closed
		}
	}
	return nil
}

// Redecide says how the rows of a request stand under rules that were changed. Those
// of one that closed are held as these rules decide them, so that only what comes later
// writes them again; what was written early is compared with the close anew.
func (m *Machine) Redecide(x *Entry, closed bool) error {
	h := &x.History
	h.TakenBack = nil // labels may have other places among the rules
	if !closed {
		for i := range h.Rows {
			h.Rows[i].Unknown, h.Rows[i].Cells = true, undecided(len(m.Rules.Labels))
		}
		return nil
	}
	req, d, err := x.decide(m, m.Rules, everything)
	if err != nil {
		return err
	}
	stands := map[string]bool{}
	for _, now := range Standings(req, d.Rows(events.MaxTime, Closed)) {
		stands[now.Item] = true
		at := slices.IndexFunc(h.Rows, func(s Standing) bool { return s.Item == now.Item })
		if at < 0 {
			h.Rows = append(h.Rows, now)
			continue
		}
		s := &h.Rows[at]
		s.Cells, s.Weight, s.Columns = now.Cells, now.Weight, now.Columns
		s.Withdrawn = s.Written && !now.Written
	}
	for i := range h.Rows {
		if s := &h.Rows[i]; !stands[s.Item] {
			s.Cells, s.Withdrawn = undecided(len(m.Rules.Labels)), s.Written
		}
	}
	return nil
}
