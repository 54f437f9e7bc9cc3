package joiner_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// A second rater's vote that is a copy of the first one's is counted for the label, and one that is
// sent twice is not.
func TestVotesTakenForCopies(t *testing.T) {
	vote := func(id string, value float64, rater string) events.Outcome {
		o := valued(id, time.Minute, value)
		o.Type, o.Attrs = "vote", map[string]any{"key": rater}
		o.Hash = [32]byte{byte(len(rater)), rater[0]}
		return o
	}
	later := valued("", 2*time.Minute, 1)
	later.Type, later.Attrs = "vote", map[string]any{"key": "bob"}
	for name, c := range map[string]struct {
		outcomes []events.Outcome
		lost     int64
	}{
		"another rater's":          {[]events.Outcome{vote("", 1, "ann"), vote("", 1, "bob")}, 1},
		"two others'":              {[]events.Outcome{vote("", 1, "ann"), vote("", 1, "bob"), vote("", 1, "cy")}, 2},
		"its own":                  {[]events.Outcome{vote("", 1, "ann"), vote("", 1, "ann")}, 0},
		"with ids":                 {[]events.Outcome{vote("a", 1, "ann"), vote("b", 1, "bob")}, 0},
		"another value":            {[]events.Outcome{vote("", 1, "ann"), vote("", 2, "bob")}, 0},
		"a rater that voted again": {[]events.Outcome{vote("", 1, "ann"), vote("", 1, "bob"), later}, 0},
	} {
		for _, same := range []joiner.SameID{joiner.SameFirst, joiner.SameLast} {
			v := &joiner.Votes{By: keyOf, Min: 1}
			l := joiner.Label{Name: "good", Window: time.Hour, Agg: joiner.AggMean, When: is("vote"), Votes: v,
				Columns: v.Columns("good"), Attrs: []string{"key"}}
			t.Run(fmt.Sprint(name, same), func(t *testing.T) {
				d, _ := decide(&joiner.Rules{Labels: []joiner.Label{l}, SameID: same}, request("a", "b"), c.outcomes...)
				lost := int64(0)
				if f := d.Faults()[0]; f != nil {
					lost = f.Count
				}
				if lost != c.lost {
					t.Errorf("%d votes are taken for copies, want %d", lost, c.lost)
				}
			})
		}
	}
}
