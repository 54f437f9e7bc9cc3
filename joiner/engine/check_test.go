package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

func keyOf(want *enginetest.Answer, r *memory.Row) enginetest.Key {
	return want.Key(r.RequestID, r.ItemID, r.RequestTS)
}

// checkBooks holds every commit's books against G4, and revisions against
// their rule: none twice, and dense from 0 where no stage has a revision of its own.
func checkBooks(t *testing.T, w *world) {
	t.Helper()
	rows := int64(0)
	for i, c := range w.out.Commits {
		l := &c.Cut.Progress.Ledger
		if !l.Balanced() {
			t.Errorf("commit %d: the books do not balance: %+v", i+1, l)
		}
		if rows += int64(len(c.Rows)); l.Rows != rows {
			t.Errorf("commit %d: the books have %d rows, the files %d", i+1, l.Rows, rows)
		}
	}
	for _, chain := range w.out.Chains(enginetest.Reach(&w.history.Rules)) {
		if w.staged {
			checkStages(t, w, chain)
			continue
		}
		for due, r := range chain {
			if r.Revision != uint32(due) {
				t.Errorf("%q %q: revision %d is written where %d was due", r.RequestID, r.ItemID, r.Revision, due)
			}
		}
	}
}

// differs tells in which columns a row that was written is not what the
// reference says; empty if it is.
func differs(rules *joiner.Rules, got *memory.Row, want enginetest.Row) string {
	var list []string
	column := func(name string, same bool, got, want any) {
		if !same {
			list = append(list, fmt.Sprintf("%s is %v, want %v", name, got, want))
		}
	}
	columns := enginetest.Columns(&got.Request, got.Item)
	column("request_ts", got.RequestTS == want.TS, got.RequestTS, want.TS)
	column("labels", slices.Equal(got.Cells, want.Cells), got.Cells, want.Cells)
	extra := enginetest.Extra(rules, got.Extra)
	column("what labels keep", extra == want.Extra, extra, want.Extra)
	column("weight", got.Weight == want.Weight, got.Weight, want.Weight)
	column("what is from the request", columns == want.Columns, columns, want.Columns)
	column("reason", want.Fits(got.Reason), got.Reason, "another")
	return strings.Join(list, "; ")
}

// checkBase holds base rows against the answer, and that there are no others.
func checkBase(t *testing.T, w *world, want enginetest.Answer) {
	t.Helper()
	found := map[enginetest.Key]bool{}
	for r := range w.out.Rows() {
		key := keyOf(&want, &r)
		row, ok := want.Rows[key]
		switch {
		case !ok:
			t.Errorf("%q: %v is written, and should be left out", key, r.Cells)
		case r.Revision > 0 || r.Reason != joiner.ReasonClosed:
			t.Errorf("%q: revision %d (%v), and nothing came late", key, r.Revision, r.Reason)
		case differs(&w.history.Rules, &r, row) != "":
			t.Errorf("%q: %s", key, differs(&w.history.Rules, &r, row))
		}
		found[key] = true
	}
	for key := range want.Rows {
		if !found[key] {
			t.Errorf("%q is missing: %v", key, want.Rows[key])
		}
	}
}

// checkLatest holds the highest revisions against the answer. A row that was
// withdrawn counts as absent.
func checkLatest(t *testing.T, w *world, want enginetest.Answer) {
	t.Helper()
	found := map[enginetest.Key]bool{}
	for _, r := range w.out.Latest(enginetest.Reach(&w.history.Rules)) {
		key := keyOf(&want, &r)
		row, ok := want.Rows[key]
		switch withdrawn := r.Reason == joiner.ReasonWithdrawn; {
		case !ok && !withdrawn:
			t.Errorf("%q: %v (%v) stays, and should be left out", key, r.Cells, r.Reason)
		case ok && differs(&w.history.Rules, &r, row) != "":
			t.Errorf("%q: %s (revision %d, %v)", key, differs(&w.history.Rules, &r, row), r.Revision, r.Reason)
		}
		found[key] = true
	}
	for key := range want.Rows {
		if !found[key] {
			t.Errorf("%q is missing: %v", key, want.Rows[key])
		}
	}
}

// checkDisposed holds the dispositions at the end against the answer.
func checkDisposed(t *testing.T, w *world, l *joiner.Ledger, want enginetest.Answer) {
	t.Helper()
	if got := l.Heartbeats - w.repeated(); got != want.Heartbeats {
		t.Errorf("%d heartbeats, want %d", got, want.Heartbeats)
	}
	for k := range l.Kinds {
		got := l.Kinds[k]
		if got.Pending != 0 {
			t.Errorf("%d events of kind %v are pending at the end", got.Pending, events.Kind(k))
		}
		// Of copies that are outside the window, one may come when the request has
		// closed: then the first to come is the one that counts.
		extra := got.Disposed[joiner.DispositionOutsideWindow] - want.Disposed[k][joiner.DispositionOutsideWindow]
		got.Disposed[joiner.DispositionOutsideWindow] -= extra
		got.Disposed[joiner.DispositionUnknownItem] += extra
		for d := range joiner.Disposition(joiner.Dispositions) {
			if got.Disposed[d] != want.Disposed[k][d] {
				t.Errorf("%v %v: %d, want %d", events.Kind(k), d, got.Disposed[d], want.Disposed[k][d])
			}
		}
	}
}
