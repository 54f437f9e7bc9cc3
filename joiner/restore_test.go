package joiner_test

import (
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/joiner"
)

// TestRestoreHistory restores how a row stands from what was written of it: whether it was withdrawn
// last. A row that was withdrawn and is there again can be withdrawn again.
func TestRestoreHistory(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)},
		Negatives: joiner.NegativesSeen, Impression: is("view")}
	m := machine(rules)
	first, back := joiner.Written{}, joiner.Written{Revision: 2}
	withdrawn, again := joiner.Written{Revision: 1, Withdrawn: true}, joiner.Written{Revision: 3, Withdrawn: true}
	for name, c := range map[string]struct {
		written         []joiner.Written
		clicked, closed bool
		want            joiner.RowState
	}{
		"withdrawn":                     {[]joiner.Written{first, withdrawn}, false, true, joiner.RowState{Revision: 1, Withdrawn: true}},
		"back":                          {[]joiner.Written{first, withdrawn, back}, true, true, joiner.RowState{Revision: 2}},
		"withdrawn again":               {[]joiner.Written{first, withdrawn, back, again}, false, true, joiner.RowState{Revision: 3, Withdrawn: true}},
		"early, and the close left out": {[]joiner.Written{{Early: true}}, false, true, joiner.RowState{Early: true, Withdrawn: true}},
		"early, and open":               {[]joiner.Written{{Early: true}}, true, false, joiner.RowState{Early: true, Unknown: true}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &joiner.Entry{Known: true, Key: joiner.RequestKey{TS: t0, ID: "r"}}
			x.Request.Pieces = []joiner.StoredPiece{{Data: string(requestEvent(1, t0, "").Data)}}
			if c.clicked {
				ev := outcomeEvent(m, 2, t0.Add(time.Second), "click")
				o := joiner.StoredOutcome{Origin: ev.Origin, TS: ev.Outcome.TS, Hash: ev.Outcome.Hash, Data: ev.Data}
				if err := x.AddOutcome(m, &o); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.RestoreHistory(x, c.written, c.closed); err != nil {
				t.Fatal(err)
			}
			if len(x.History.Rows) != 1 {
				t.Fatalf("%d rows stand, want one: %+v", len(x.History.Rows), x.History.Rows)
			}
			got := x.History.Rows[0]
			if !got.Written || got.Revision != c.want.Revision || got.Withdrawn != c.want.Withdrawn || got.Early != c.want.Early ||
				got.Unknown != c.want.Unknown {
				t.Errorf("the row stands as %+v, want %+v, written", got, c.want)
			}
		})
	}
}
