package engine_test

import (
	"context"
	"log/slog"
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
	for _, chain := range w.out.Chains(enginetest.Reach(&w.History.Rules)) {
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

// checkOrphans holds what commits tell of outcomes without a request against the books. A rebuild moves some in
// the books, of which no commit tells.
func checkOrphans(t *testing.T, w *world) {
	t.Helper()
	told := int64(0)
	for i, c := range w.out.Commits {
		for _, o := range c.Cut.Orphans {
			told += o.Total()
		}
		if n := c.Cut.Progress.Ledger.Kinds[events.KindOutcome].Disposed[joiner.DispositionOrphan]; n != told {
			t.Errorf("commit %d: the books have %d orphans, the commits tell of %d", i+1, n, told)
		}
	}
}

// written is a row as it is compared with the reference's.
func (w *world) written(r *memory.Row) *enginetest.Written {
	return &enginetest.Written{Revision: r.Revision, Reason: r.Reason, Row: enginetest.Row{
		TS: r.RequestTS, Columns: enginetest.Columns(&r.Request, r.Item), Cells: r.Cells,
		Extra: enginetest.Extra(&w.History.Rules, r.Extra), Weight: r.Weight,
	}}
}

// checkBase holds base rows against the answer, and that there are no others.
func checkBase(t *testing.T, w *world, want enginetest.Answer) {
	t.Helper()
	found := map[enginetest.Key]*enginetest.Written{}
	for r := range w.out.Rows() {
		key := keyOf(&want, &r)
		found[key] = w.written(&r)
		if r.Revision > 0 || r.Reason != joiner.ReasonClosed {
			t.Errorf("%q: revision %d (%v), and nothing came late", key, r.Revision, r.Reason)
		}
	}
	if err := want.Check(found, enginetest.Same); err != nil {
		t.Error(err)
	}
}

// checkLatest holds the highest revisions against the answer.
func checkLatest(t *testing.T, w *world, want enginetest.Answer) {
	t.Helper()
	found := map[enginetest.Key]*enginetest.Written{}
	for _, r := range w.out.Latest(enginetest.Reach(&w.History.Rules)) {
		found[keyOf(&want, &r)] = w.written(&r)
	}
	if err := want.Check(found, enginetest.Same); err != nil {
		t.Error(err)
	}
}

// movedHandler reads in the log how many outcomes a rebuild has moved in the books: see Engine.recount.
type movedHandler struct {
	slog.Handler
	moved *int64
}

func (h movedHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h movedHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "rebuild: ") {
		n := map[string]int64{}
		r.Attrs(func(a slog.Attr) bool {
			if a.Value.Kind() == slog.KindInt64 {
				n[a.Key] = a.Value.Int64()
			}
			return true
		})
		*h.moved += n["outcomes"] + max(n["outcomes_before"]-n["outcomes_after"], n["outcomes_after"]-n["outcomes_before"])
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// checkDisposed holds the dispositions at the end against the answer. As many outcomes as a rebuild has
// moved, by its own word, may be counted under another disposition: SEMANTICS.md says of which. Its word is a
// difference: after a lost state, outcomes of ids that were used again may have moved one way and the other.
func checkDisposed(t *testing.T, w *world, l *joiner.Ledger, want enginetest.Answer) {
	t.Helper()
	if got := l.Heartbeats - w.repeated(); got != want.Heartbeats {
		t.Errorf("%d heartbeats, want %d", got, want.Heartbeats)
	}
	unsure := w.moved
	if w.lost {
		unsure += want.OutcomesAgain
	}
	for k := range l.Kinds {
		got := l.Kinds[k]
		if got.Pending != 0 {
			t.Errorf("%d events of kind %v are pending at the end", got.Pending, events.Kind(k))
		}
		got.Disposed = want.Comparable(events.Kind(k), got.Disposed)
		moved := int64(0)
		for d := range joiner.Disposition(joiner.Dispositions) {
			moved += max(0, got.Disposed[d]-want.Disposed[k][d])
		}
		if events.Kind(k) == events.KindOutcome && moved <= unsure {
			continue
		}
		for d := range joiner.Disposition(joiner.Dispositions) {
			if got.Disposed[d] != want.Disposed[k][d] {
				t.Errorf("%v %v: %d, want %d", events.Kind(k), d, got.Disposed[d], want.Disposed[k][d])
			}
		}
	}
}
