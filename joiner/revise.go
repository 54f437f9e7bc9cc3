package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Standing is what has been written of one row, or will be by the next commit.
type Standing struct {
	Item    string // its item's id; empty for a row of the whole request
	Written bool   // false: left out so far
	Early   bool   // first written before its request closed
	// Withdrawn says that it was written last because it should not be there.
	Withdrawn bool
	Revision  uint32 // of the last time it was written
	Cells     []Cell // as last written
}

// Standings is how rows stand once they have been written as they are.
func Standings(req *events.Request, rows []Row) []Standing {
	out := make([]Standing, len(rows))
	for i := range rows {
		out[i] = Standing{
			Item: itemOf(req, &rows[i]), Written: rows[i].LeftOut == Kept, Early: rows[i].Reason == Early,
			Revision: rows[i].Revision, Cells: rows[i].Cells,
		}
	}
	return out
}

// Revise compares rows as they should be now with how they stand, and returns
// those to write, each with its next revision, and how the rows then stand.
//
// A row that was written and is now left out cannot be unwritten: it is written
// again with every label null. If its item is gone from the request too, the
// item is appended to req.Items so that the row has something to name.
func Revise(req *events.Request, rows []Row, standing []Standing, reason Reason) (changed []Row, next []Standing) {
	next = slices.Clone(standing)
	place := make(map[string]int, len(next))
	for i := range next {
		place[next[i].Item] = i
	}
	listed := make(map[string]bool, len(rows))
	for i := range rows {
		row, item := rows[i], itemOf(req, &rows[i])
		listed[item] = true
		at, stands := place[item]
		if !stands {
			next = append(next, Standing{Item: item})
			at = len(next) - 1
		}
		if row.LeftOut != Kept {
			row.Cells = withdrawn(len(row.Cells))
		}
		if write(&row, &next[at], reason) {
			changed = append(changed, row)
		}
	}
	for i := range next {
		if s := &next[i]; !listed[s.Item] && s.Written {
			changed = withdraw(req, s, reason, changed)
		}
	}
	return changed, next
}

// withdraw unwrites the row of an item that the request does not list.
func withdraw(req *events.Request, s *Standing, reason Reason, changed []Row) []Row {
	row := Row{Item: len(req.Items), Cells: withdrawn(len(s.Cells)), Weight: 1, LeftOut: Unseen}
	if !write(&row, s, reason) {
		return changed
	}
	req.Items = append(req.Items, events.Item{ID: s.Item})
	return append(changed, row)
}

// Settle compares the rows of a request that closes with those written early:
// it returns what of the latter has to be written again, and how all rows stand
// once the others are written as the close decided them. As Revise does, it may
// append to req.Items what is withdrawn.
func Settle(req *events.Request, rows []Row, early []Standing) (changed []Row, next []Standing) {
	next = Standings(req, rows)
	for _, s := range early {
		if s.Early && !slices.ContainsFunc(next[:len(rows)], func(n Standing) bool { return n.Item == s.Item }) {
			changed = withdraw(req, &s, Corrected, changed)
			next = append(next, s)
		}
	}
	for i := range rows {
		at := slices.IndexFunc(early, func(s Standing) bool { return s.Early && s.Item == next[i].Item })
		if at < 0 {
			continue
		}
		row := rows[i]
		next[i] = early[at]
		if row.LeftOut != Kept {
			row.Cells = withdrawn(len(row.Cells))
		}
		if write(&row, &next[i], Corrected) {
			changed = append(changed, row)
		}
	}
	return changed, next
}

// write brings a row's standing up to date and reports whether that takes a
// new revision.
func write(row *Row, s *Standing, reason Reason) bool {
	withdrawn := row.LeftOut != Kept
	if !s.Written && withdrawn || s.Written && slices.Equal(s.Cells, row.Cells) && (!withdrawn || s.Withdrawn) {
		return false
	}
	if s.Written {
		row.Revision = s.Revision + 1
	}
	row.LeftOut, row.Reason = Kept, reason
	s.Written, s.Withdrawn, s.Revision, s.Cells = true, withdrawn, row.Revision, row.Cells
	return true
}

func withdrawn(n int) []Cell {
	cells := make([]Cell, n)
	for i := range cells {
		cells[i] = Undecided()
	}
	return cells
}

func itemOf(req *events.Request, row *Row) string {
	if row.Item < 0 {
		return ""
	}
	return req.Items[row.Item].ID
}
