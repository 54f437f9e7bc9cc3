package joiner_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestTouches: a gap touches a request if, and only if, it makes some label of
// it unknown that no outcome decides.
func TestTouches(t *testing.T) {
	rules := joiner.Rules{
		ClockSkew: 2,
		Labels: []joiner.Label{
			{Name: "soon", Window: 3, When: func(*events.Outcome) bool { return true }},
			{Name: "later", Window: 7, Agg: joiner.AggCount, When: func(*events.Outcome) bool { return true }},
		},
	}
	touched := 0
	for ts := events.Time(-15); ts <= 30; ts++ {
		for since := events.Time(-20); since <= 30; since += 5 {
			for n := range 8 {
				g := events.Gap{From: 10, To: 12, Since: since, Quiet: n&1 > 0}
				g.Kinds[events.KindOutcome], g.Kinds[events.KindRequest] = n&2 > 0, n&4 > 0
				rules.Gaps = []events.Gap{g}
				row := joiner.Decide(&rules, &events.Request{ID: "r", TS: ts}).Rows(events.MaxTime, joiner.ReasonClosed)[0]
				unknown := row.Cells[0].Null || row.Cells[1].Null
				if got := rules.Touches(&g, ts); got != unknown {
					t.Fatalf("a request at %d and gap %+v: touched is %v, unknown is %v", ts, g, got, unknown)
				}
				if unknown != (row.Reason == joiner.ReasonGap) {
					t.Fatalf("a request at %d and gap %+v: reason %v", ts, g, row.Reason)
				}
				// By hand: the windows are [ts-2, ts+3] and [ts-2, ts+7].
				want := n&1 == 0 && n&2 > 0 && ts >= since && ts-2 <= 12 && ts+7 >= 10
				if unknown != want || row.Cells[0].Null != (want && ts+3 >= 10) {
					t.Fatalf("a request at %d and gap %+v: %+v", ts, g, row.Cells)
				}
				if unknown {
					touched++
				}
			}
		}
	}
	if touched == 0 {
		t.Error("no gap touched anything")
	}
}
