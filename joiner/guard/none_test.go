package guard_test

import (
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/joiner/guard"
)

// TestNoOutcomesAnyMore: a label that had outcomes, and for which none counts by new rules, is not silent: what
// was usual of it is forgotten, and what was held for want of them is not.
func TestNoOutcomesAnyMore(t *testing.T) {
	before := guard.Guard{Width: 1, Active: true, Rates: []guard.Rate{
		{Label: "clicked", Requests: 900, Outcomes: 300, Slots: 999}, {Label: "bought", Requests: 900, Outcomes: 200,
			Slots: 999}}}
	for _, none := range []bool{false, true} {
		for _, held := range []string{"clicked", "bought"} {
			name := held
			if none {
				name += " of the request"
			}
			t.Run(name, func(t *testing.T) {
				before.Held = guard.Hold{Label: held}
				g := guard.New(&guard.Rules{Config: guard.Config{Patience: time.Hour, Learn: 100}, Labels: []guard.Label{
					{Name: "clicked", Window: time.Hour}, {Name: "bought", Window: time.Hour, None: none}}}, &before)
				if g.Rates[0] != before.Rates[0] || (g.Rates[1] == before.Rates[1]) == none || g.Rates[1].Label != "bought" {
					t.Errorf("the rates are %+v", g.Rates)
				}
				if want := !none || held == "clicked"; g.Held.On() != want {
					t.Errorf("the hold is %+v", g.Held)
				}
			})
		}
	}
}
