package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestWhyOfVotes: the sentence shows the votes, and why there is a label or none.
func TestWhyOfVotes(t *testing.T) {
	c, err := config.Decode("", []byte(`
labels:
  good: {when: 'type == "rating"', value: majority, by: attrs.rater, columns: {note: 'attrs.ms'}}
  same: {when: 'type == "rating"', value: consensus, by: attrs.rater, min: 2}
`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	explained := func(label int, votes ...float64) string {
		req := &events.Request{ID: "r"}
		d := joiner.Decide(&rules, req)
		for i, v := range votes {
			d.Add(&events.Outcome{Type: "rating", TS: events.Time(i), Value: v, HasValue: true,
				Attrs: map[string]any{"rater": string(rune('a' + i)), "ms": 1.0}})
		}
		rows := d.Rows(events.MaxTime, joiner.ReasonClosed)
		t := &describer{cfg: c, rules: &rules}
		return t.whyOfVotes(&rows[0], label, "some came", "within "+time.Minute.String(), "") + t.kept(&rows[0], label)
	}
	for want, got := range map[string]string{
		`is 1: the majority of 3 votes ({"a":1,"b":1,"c":0}; agreement 0.667); some came within 1m0s, and a rater has one vote. Of that outcome note is 1.`: explained(0, 1, 1, 0),
		`is null: it needs 3 votes (min) and has 2 votes ({"a":1,"b":1}; agreement 1)`:                                                                      explained(0, 1, 1),
		`is null: a tie (ties: none): 4 votes ({"a":1,"b":1,"c":0,"d":0}; agreement 0.5)`:                                                                   explained(0, 1, 1, 0, 0),
		`is null: the raters do not agree: 2 votes ({"a":1,"b":0}; agreement 0.5)`:                                                                          explained(1, 1, 0),
	} {
		t.Run(want, func(t *testing.T) {
			if !strings.HasPrefix(got, want) {
				t.Errorf("it says\n%s\nwant\n%s", got, want)
			}
		})
	}
}
