package joiner_test

import (
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// history writes what a request's rows say, revision by revision, as a consumer
// that keeps the highest revision sees it.
type history struct {
	t        *testing.T
	rules    joiner.Rules
	standing []joiner.RowState
	written  map[string]joiner.Row
}

func newHistory(t *testing.T, rules joiner.Rules) *history {
	return &history{t: t, rules: rules, written: map[string]joiner.Row{}}
}

func (h *history) rows(req *events.Request, reason joiner.Reason, list ...events.Outcome) []joiner.Row {
	d, _ := decide(&h.rules, req, list...)
	return d.Rows(events.MaxTime, reason)
}

func (h *history) write(req *events.Request, rows []joiner.Row) {
	h.t.Helper()
	for _, row := range rows {
		if row.LeftOut != joiner.LeftOutNo {
			continue
		}
		item := ""
		if row.Item >= 0 {
			item = req.Items[row.Item].ID
		}
		if old, ok := h.written[item]; ok != (row.Revision > 0) || ok && row.Revision != old.Revision+1 {
			h.t.Errorf("%q: revision %d follows %+v", item, row.Revision, old)
		}
		h.written[item] = row
	}
}

// close writes the base rows.
func (h *history) close(req *events.Request, list ...events.Outcome) {
	rows := h.rows(req, joiner.ReasonClosed, list...)
	h.standing = joiner.RowStates(req, rows)
	h.write(req, rows)
}

// late writes what the request's rows have become, and returns how many it wrote.
func (h *history) late(req *events.Request, list ...events.Outcome) int {
	var changed []joiner.Row
	changed, h.standing = joiner.Revise(req, h.rows(req, joiner.ReasonCorrected, list...), h.standing, joiner.ReasonCorrected)
	h.write(req, changed)
	return len(changed)
}

// holds checks the first label of a row: negative for one withdrawn.
func (h *history) holds(item string, value float64, revision uint32) {
	h.t.Helper()
	row, ok := h.written[item]
	if !ok || row.Cells[0].Null != (value < 0) || value >= 0 && row.Cells[0].Value != value || row.Revision != revision {
		h.t.Errorf("row %q is %v %+v, want %v at revision %d", item, ok, row, value, revision)
	}
}

func TestRevise(t *testing.T) {
	h := newHistory(t, joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}})
	h.close(request("a", "b"))
	if n := h.late(request("a", "b")); n != 0 {
		t.Errorf("nothing changed, and %d rows are written", n)
	}
	h.late(request("a", "b"), click("o", 5, "a"))
	h.holds("a", 1, 1)
	h.holds("b", 0, 0)
	h.late(request("a", "b"), click("p", 3, "a"), click("o", 5, "a")) // an earlier one decides
	h.holds("a", 1, 2)
	if ts := h.written["a"].Cells[0].TS; ts != t0+3 {
		t.Errorf("decided at %v, want 3 ns", ts-t0)
	}
	h.late(request("b", "c"), click("o", 5, "a")) // another piece: a is gone, c is new
	h.holds("a", -1, 3)
	h.holds("b", 0, 0)
	h.holds("c", 0, 0)
	h.late(request("b", "a"), click("o", 5, "a"))
	h.holds("a", 1, 4)
	h.holds("c", -1, 1)
	if n := h.late(request("b", "a"), click("o", 5, "a")); n != 0 {
		t.Errorf("nothing changed, and %d rows are written", n)
	}
}

// TestReviseLeftOut has a policy leave out what had been written, and write
// what it had left out.
func TestReviseLeftOut(t *testing.T) {
	h := newHistory(t, joiner.Rules{
		Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}, Negatives: joiner.NegativesSeen, Impression: is("view"),
	})
	view := click("v", 9, "b")
	view.Type = "view"
	h.close(request("a", "b"), click("o", 5, "a"))
	if _, ok := h.written["b"]; ok || len(h.written) != 1 {
		t.Errorf("what was not seen is written: %v", h.written)
	}
	h.late(request("a", "b"), view)
	h.holds("a", -1, 1)
	h.holds("b", 0, 0)
	h.late(request("a", "b"), view, click("o", 5, "a"))
	h.holds("a", 1, 2)
}

// TestReviseWholeRequest has a request without items turn out to have some.
func TestReviseWholeRequest(t *testing.T) {
	h := newHistory(t, joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}})
	h.close(request(), click("o", 1, ""))
	h.holds("", 1, 0)
	h.late(request("a"), click("o", 1, ""))
	h.holds("", -1, 1)
	h.holds("a", 1, 0)
}

func TestSettle(t *testing.T) {
	h := newHistory(t, joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}})
	req := request("a", "b", "c")
	d, _ := decide(&h.rules, req, click("o", 5, "a"), click("p", 5, "b"))
	decided := d.Decided()
	if len(decided) != 2 || decided[0].Reason != joiner.ReasonEarly || decided[1].Item != 1 {
		t.Fatalf("decided early: %+v, want the rows of a and b", decided)
	}
	h.write(req, decided)
	early := joiner.RowStates(req, decided)

	closed := request("a", "c") // a smaller copy of the request lists no b
	rows := h.rows(closed, joiner.ReasonClosed, click("p", 5, "b"), click("q", 2, "c"))
	changed, standing := joiner.ReviseAtClose(closed, rows, early)
	h.standing = standing
	h.write(closed, changed)
	h.holds("a", 0, 1)
	h.holds("b", -1, 1)
	if _, ok := h.written["c"]; ok {
		t.Error("what was not early is settled by the close")
	}
	h.written["c"] = rows[1]
	h.late(request("a", "b", "c"), click("p", 5, "b"))
	h.holds("a", 0, 1)
	h.holds("b", 1, 2)
	h.holds("c", 0, 1)
}

// TestOnlyCertainIsEarly: what may still change is not written before the close.
func TestOnlyCertainIsEarly(t *testing.T) {
	for agg, early := range map[joiner.Agg]bool{joiner.AggAny: true, joiner.AggCount: false, joiner.AggMax: false, joiner.AggFirst: false, joiner.AggLatency: false} {
		rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, agg)}}
		if d, _ := decide(&rules, request(), valued("o", 5, 1)); (len(d.Decided()) == 1) != early {
			t.Errorf("aggregate %d is written early: %v, want %v", agg, !early, early)
		}
	}
}
