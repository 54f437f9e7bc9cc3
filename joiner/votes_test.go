package joiner_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func votes(window time.Duration) joiner.Label {
	v := &joiner.Votes{By: func(o *events.Outcome) string { return o.Type }, Min: 1}
	return joiner.Label{Name: "good", Window: window, Agg: joiner.AggMean, Votes: v, Columns: v.Columns("good"),
		When: func(*events.Outcome) bool { return true }}
}

// TestVotesTellNothingEarly: rows are made for the label stream only if something new is to be
// told, which a vote before the close is not.
func TestVotesTellNothingEarly(t *testing.T) {
	made := 0
	of := joiner.Label{Name: "best", Window: time.Hour, Agg: joiner.AggFormula, Needs: []int{0},
		When: func(*events.Outcome) bool { return false },
		Of: func(cells []joiner.Cell, _ *events.Request, _ int) (joiner.Cell, error) {
			made++
			return cells[0], nil
		}}
	rules := &joiner.Rules{Labels: []joiner.Label{votes(time.Hour), of, clicks(time.Hour, joiner.AggAny)}}
	m := machine(rules)
	m.Watched = true
	x := &joiner.Entry{Known: true, Key: joiner.RequestKey{TS: t0, ID: "r"}}
	x.Request.Pieces = []joiner.StoredPiece{{Data: string(requestEvent(1, t0, "").Data)}}
	for i, step := range []struct {
		kind                 string
		rows, emitsWhileOpen int
	}{{"a", 0, 0}, {"b", 0, 0}, {"click", 1, 1}, {"c", 0, 0}} {
		made = 0
		ev := outcomeEvent(m, uint64(2+i), t0.Add(time.Duration(i)), step.kind)
		fx, err := m.Step(x, ev, rules.At(t0, events.MinTime))
		if err != nil || made != step.rows || len(fx.Updates) != step.emitsWhileOpen {
			t.Errorf("outcome %s: rows are made %d times, %d are told (%v), want %d and %d", step.kind, made, len(fx.Updates), err,
				step.rows, step.emitsWhileOpen)
		}
	}
}

// TestRowsToTell are the rows without the columns of labels.
func TestRowsToTell(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{votes(time.Hour), clicks(time.Hour, joiner.AggAny)}}
	d, _ := decide(rules, request("a", "b"), valued("1", time.Second, 3), click("2", time.Minute, "b"))
	want := d.Rows(events.MaxTime, joiner.ReasonClosed)
	for i := range want {
		if want[i].Extra == nil {
			t.Fatalf("row %d has no columns", i)
		}
		want[i].Extra = nil
	}
	if got := d.RowsToPublish(joiner.ReasonClosed); !reflect.DeepEqual(got, want) {
		t.Errorf("the rows to tell are %+v, want %+v", got, want)
	}
}
