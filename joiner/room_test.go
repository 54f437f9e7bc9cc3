package joiner_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// crowded is a request with so many items that after 20 outcomes without an item, each a vote
// or an open pair in each row, there is room for 20 more.
func crowded() *events.Request {
	items := make([]string, 49_999)
	for i := range items {
		items[i] = strconv.Itoa(i)
	}
	return request(items...)
}

func keyOf(o *events.Outcome) string {
	key, _ := o.Attrs["key"].(string)
	return key
}

// by is an outcome of a rater or a key, so many seconds after the request.
func by(kind string, after, key int) events.Outcome {
	o := valued(fmt.Sprintf("%03d", after), time.Duration(after)*time.Second, float64(after))
	o.Type, o.Attrs = kind, map[string]any{"key": strconv.Itoa(key)}
	return o
}

// Outcomes without an item are votes in each row. A request has room for a million in all.
func TestVotesHaveBoundedRoom(t *testing.T) {
	votes := &joiner.Votes{By: keyOf, Min: 1}
	l := joiner.Label{Name: "good", Window: time.Hour, Agg: joiner.AggMean, When: is("vote"), Votes: votes,
		Columns: votes.Columns("good")}
	var outcomes []events.Outcome
	for i := range 21 {
		outcomes = append(outcomes, by("vote", i, i))
	}
	outcomes = append(outcomes, by("vote", 21, 0)) // it has a vote already
	d, _ := decide(&joiner.Rules{Labels: []joiner.Label{l}}, crowded(), outcomes...)
	sum := 0.0 // of what the raters 0 to 19 said
	for i := 1; i <= 21; i++ {
		if i != 20 {
			sum += float64(i)
		}
	}
	for i, row := range d.Rows(events.MaxTime, joiner.ReasonClosed) {
		n, want := int64(20), sum/20
		if i < 20 {
			n, want = 21, (sum+20)/21
		}
		if row.Extra[0].Int != n || math.Abs(row.Cells[0].Value-want) > 1e-9 {
			t.Fatalf("row %d: %d votes, mean %v; want %d and %v", i, row.Extra[0].Int, row.Cells[0].Value, n, want)
		}
	}
	if f := d.Faults()[0]; f == nil || f.Count != 1 {
		t.Errorf("the faults are %+v, want one outcome", f)
	}
}

// So it is with pairs that are not closed. A pair that is closed gives its room back.
func TestOpenPairsHaveBoundedRoom(t *testing.T) {
	role := func(o *events.Outcome) joiner.PairRole {
		return joiner.PairRole{Key: keyOf(o), Opens: o.Type == "open", Closes: o.Type == "close"}
	}
	l := joiner.Label{Name: "read", Window: time.Hour, Agg: joiner.AggCount, Pair: &joiner.Pair{Role: role},
		When: func(o *events.Outcome) bool { return o.Type == "open" || o.Type == "close" }}
	var outcomes []events.Outcome
	for i := range 21 {
		outcomes = append(outcomes, by("open", i, i))
	}
	outcomes = append(outcomes, by("open", 21, 0), // it is open already
		by("close", 22, 0), by("open", 23, 30), by("close", 24, 30), by("close", 25, 20))
	d, _ := decide(&joiner.Rules{Labels: []joiner.Label{l}}, crowded(), outcomes...)
	for i, row := range d.Rows(events.MaxTime, joiner.ReasonClosed) {
		want := 2.0 // of the keys 0 and 30
		if i < 20 {
			want = 3 // and 20
		}
		if row.Cells[0].Value != want {
			t.Fatalf("row %d has %v pairs, want %v", i, row.Cells[0].Value, want)
		}
	}
	if f := d.Faults()[0]; f == nil || f.Count != 1 {
		t.Errorf("the faults are %+v, want one outcome", f)
	}
}
