package joiner

import (
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// RowState is what has been written of one row, or will be by the next commit.
//
// Invariant: Cells, Weight and Columns are those of the highest revision, so that
// a row is written again exactly when something in it has become different.
type RowState struct {
	Item    string // its item's id; empty for a row of the whole request
	Written bool   // false: left out so far
	Early   bool   // first written before its request closed
	// Withdrawn says that it was written last because it should not be there.
	Withdrawn bool
	// Unknown says that it was written and that the state was lost since, so that
	// what it holds is not known: whatever is decided next is written.
	Unknown  bool
	Revision uint32 // of the last time it was written
	Cells    []Cell // as last written, like the rest
	Weight   float64
	Columns  Columns
}

// RowStates is how rows stand once they have been written as they are.
func RowStates(req *events.Request, rows []Row) []RowState {
	out := make([]RowState, len(rows))
	columns := newColumns(req)
	for i := range rows {
		r := &rows[i]
		out[i] = RowState{
			Item: itemOf(req, r), Written: r.LeftOut == LeftOutNo, Early: r.Reason == ReasonEarly,
			Revision: r.Revision, Cells: r.Cells, Weight: r.Weight, Columns: columns.row(r),
		}
	}
	return out
}

// Revise compares rows as they should be now with how they stand, whole: labels,
// weight, and the columns of request and item. It returns those to write, each with
// its next revision, and how the rows then stand. The revision that a row comes with is
// the least that it gets.
//
// A row that was written and is now left out cannot be unwritten: it is written
// again with the reason ReasonWithdrawn and every label null. If its item is gone from the
// request too, the item is appended to req.Items so that the row has something to
// name.
func Revise(req *events.Request, rows []Row, standing []RowState, reason Reason) (changed []Row, next []RowState) {
	next = slices.Clone(standing)
	index := make(map[string]int, len(next))
	for i := range next {
		index[next[i].Item] = i
	}
	columns := newColumns(req)
	listed := make(map[string]bool, len(rows))
	for i := range rows {
		row, item := rows[i], itemOf(req, &rows[i])
		listed[item] = true
		at, stands := index[item]
		if !stands {
			next = append(next, RowState{Item: item})
			at = len(next) - 1
		}
		if write(&row, &next[at], reason, &columns) {
			changed = append(changed, row)
		}
	}
	for i := range next {
		if s := &next[i]; !listed[s.Item] && s.Written {
			changed = withdraw(req, s, leastRevision(rows), changed)
		}
	}
	return changed, next
}

// leastRevision is what rows of a request that closes have at least.
func leastRevision(rows []Row) uint32 {
	least := uint32(0)
	for i := range rows {
		least = max(least, rows[i].Revision)
	}
	return least
}

// withdraw unwrites the row of an item that the request does not list.
func withdraw(req *events.Request, s *RowState, least uint32, changed []Row) []Row {
	if s.Withdrawn && !s.Unknown {
		return changed
	}
	row := Row{Item: len(req.Items), Cells: make([]Cell, len(s.Cells)), Revision: least}
	markWithdrawn(&row, s)
	if s.Item == "" {
		row.Item = -1
		return append(changed, row)
	}
	req.Items = append(req.Items, events.Item{ID: s.Item})
	return append(changed, row)
}

// ReviseAtClose compares the rows of a request that closes with those written early:
// it returns what of the latter has to be written again, and how all rows stand
// once the others are written as the close decided them. A row that was written at the end of
// a stage keeps the reason of the close; what it changes of others is corrected. As Revise
// does, it may append to req.Items what is withdrawn.
func ReviseAtClose(req *events.Request, rows []Row, early []RowState) (changed []Row, next []RowState) {
	next = RowStates(req, rows)
	columns, least := newColumns(req), leastRevision(rows)
	for _, s := range early {
		if s.Early && !slices.ContainsFunc(next[:len(rows)], func(n RowState) bool { return n.Item == s.Item }) {
			changed = withdraw(req, &s, least, changed)
			next = append(next, s)
		}
	}
	for i := range rows {
		at := slices.IndexFunc(early, func(s RowState) bool { return s.Early && s.Item == next[i].Item })
		if at < 0 {
			continue
		}
		row, reason := rows[i], ReasonCorrected
		if next[i] = early[at]; next[i].Unknown && next[i].Revision < row.Revision {
			reason = row.Reason // it is of a stage: the close writes it as one that is not remembered
		}
		if write(&row, &next[i], reason, &columns) {
			changed = append(changed, row)
		}
	}
	return changed, next
}

// write brings a row's standing up to date and reports whether that takes a
// new revision.
func write(row *Row, s *RowState, reason Reason, columns *columnsOf) bool {
	if row.LeftOut != LeftOutNo {
		if !s.Written || s.Withdrawn && !s.Unknown {
			return false
		}
		markWithdrawn(row, s)
		return true
	}
	sum := columns.row(row)
	if s.Written && !s.Withdrawn && !s.Unknown && s.Weight == row.Weight && s.Columns == sum &&
		slices.EqualFunc(s.Cells, row.Cells, sameCell) {
		return false
	}
	if s.Written {
		row.Revision = max(row.Revision, s.Revision+1)
	}
	row.Reason = reason
	s.Written, s.Withdrawn, s.Unknown, s.Revision = true, false, false, row.Revision
	s.Cells, s.Weight, s.Columns = row.Cells, row.Weight, sum
	return true
}

// markWithdrawn makes a row the next revision of one that should not be there.
func markWithdrawn(row *Row, s *RowState) {
	row.Cells, row.Extra = undecided(len(row.Cells)), nil
	// It is later than what the close writes, so that a rebuild knows that it is more than that.
	row.Weight, row.LeftOut, row.Reason, row.Revision = 1, LeftOutNo, ReasonWithdrawn, max(row.Revision, s.Revision)+1
	s.Withdrawn, s.Unknown, s.Revision, s.Cells, s.Weight = true, false, row.Revision, row.Cells, row.Weight
}

// sameCell compares bit for bit: a mean of infinities is not a number, and equals
// itself all the same.
func sameCell(a, b Cell) bool {
	return a.Null == b.Null && math.Float64bits(a.Value) == math.Float64bits(b.Value) && a.TS == b.TS
}

// undecided are cells of which nothing is known.
func undecided(n int) []Cell {
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
