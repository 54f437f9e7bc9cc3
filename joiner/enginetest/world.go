package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
)

// World is a history in its logs, and how joiners go through it. It outlives them, and so do the disks and outputs
// that tests put beside it.
type World struct {
	memory.World
	History History
	Roll    engine.Roll    // when commits are cut
	Replay  *engine.Replay // nil: live
}

// NewWorld puts a history into logs of a layout.
func NewWorld(h History, layout Layout, r *rand.Rand) World {
	return World{World: memory.World{Logs: Logs(h.Events, layout, r)}, History: h}
}

// Written is a row as an output has it: the latest of its revisions.
type Written struct {
	Row
	Revision uint32
	Reason   joiner.Reason
}

// Differs says in which columns a row that was written is not what the reference says; empty: in none. round gives
// the time that the output keeps of a time.
func (want *Row) Differs(got *Written, round func(events.Time) events.Time) string {
	var list []string
	column := func(name string, same bool, got, want any) {
		if !same {
			list = append(list, fmt.Sprintf("%s is %v, want %v", name, got, want))
		}
	}
	cells := slices.Clone(want.Cells)
	for i := range cells {
		cells[i].TS = round(cells[i].TS)
	}
	column("request_ts", got.TS == round(want.TS), got.TS, want.TS)
	column("labels", slices.Equal(got.Cells, cells), got.Cells, cells)
	column("what labels keep", got.Extra == want.Extra, got.Extra, want.Extra)
	column("weight", got.Weight == want.Weight, got.Weight, want.Weight)
	column("what is from the request", got.Columns == want.Columns, got.Columns, want.Columns)
	column("reason", want.Fits(got.Reason), got.Reason, "another")
	return strings.Join(list, "; ")
}

// Check lists in what the rows that were written are not the answer. A row that was withdrawn counts as absent. round
// is as of Row.Differs.
func (a *Answer) Check(rows map[Key]*Written, round func(events.Time) events.Time) error {
	var errs []error
	for key, got := range rows {
		want, ok := a.Rows[key]
		switch {
		case !ok && got.Reason != joiner.ReasonWithdrawn:
			errs = append(errs, fmt.Errorf("%q: %v (%v) is there, and should be left out", key, got.Cells, got.Reason))
		case ok && want.Differs(got, round) != "":
			errs = append(errs, fmt.Errorf("%q: %s (revision %d, %v)", key, want.Differs(got, round), got.Revision, got.Reason))
		}
	}
	for key, want := range a.Rows {
		if rows[key] == nil {
			errs = append(errs, fmt.Errorf("%q is missing: %v", key, want.Cells))
		}
	}
	return errors.Join(errs...)
}

// Same is a time as it is, for outputs that round none.
func Same(t events.Time) events.Time { return t }

// Comparable are the dispositions of events of a kind such that they can be compared with the answer's. Of copies that
// are outside the window, one may come when the request has closed: then the first to come is the one that counts.
func (a *Answer) Comparable(kind events.Kind, got [joiner.Dispositions]int64) [joiner.Dispositions]int64 {
	extra := got[joiner.DispositionOutsideWindow] - a.Disposed[kind][joiner.DispositionOutsideWindow]
	got[joiner.DispositionOutsideWindow] -= extra
	got[joiner.DispositionUnknownItem] += extra
	return got
}
