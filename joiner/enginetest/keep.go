package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// labelsKeep has some labels keep attributes of the outcome that decides. It picks by itself.
func (g *generator) labelsKeep() {
	for i := range g.h.Rules.Labels {
		l := &g.h.Rules.Labels[i]
		if g.kept.IntN(4) > 0 {
			continue
		}
		l.Attrs = append(l.Attrs, "user", "ms")
		l.Columns = []joiner.Column{
			{Name: fmt.Sprint("kept_user", i), Kind: events.ValueString, Value: keptUser},
			{Name: fmt.Sprint("kept_ms", i), Kind: events.ValueDouble, Value: keptMS},
		}
	}
}

// windowsEnd has outcomes end the windows of some labels.
func (g *generator) windowsEnd() {
	for i := range g.h.Rules.Labels {
		if g.ends.IntN(5) == 0 {
			g.h.Rules.Labels[i].Until = []func(*events.Outcome) bool{ofType("view"), ofType("buy"), valued}[g.ends.IntN(3)]
		}
	}
}

// labelsAreProvisional has some labels have a value before their windows end, where rows are written
// then: now and then from the end of the window of another on.
func (g *generator) labelsAreProvisional() {
	for i := range g.h.Rules.Labels {
		l := &g.h.Rules.Labels[i]
		if !g.shape.Each || l.Of != nil || l.Window-l.From < 2 || g.early.IntN(2) == 0 {
			continue
		}
		own := len(l.Columns) - len(l.Kept())
		l.Provisional = l.From + 1 + time.Duration(g.early.Int64N(int64(l.Window-l.From)-1))
		other := g.h.Rules.Labels[g.early.IntN(len(g.h.Rules.Labels))].Window
		if g.early.IntN(3) == 0 && l.From < other && other < l.Window {
			l.Provisional = other
		}
		l.Columns = slices.Insert(slices.Clone(l.Columns), own, joiner.ProvisionalColumns(l.Name)...)
	}
}

// rowsDoNotWait has rows written at the ends of some windows, and no policy leave any out.
func (g *generator) rowsDoNotWait() {
	if g.shape.Each {
		g.h.Rules.Negatives, g.h.Rules.SampleRate = joiner.NegativesAll, 0
		g.h.Rules.Stages = AnyStages(&g.h.Rules, g.each)
	}
}

// AnyStages are some of the windows of rules that end before the longest.
func AnyStages(rules *joiner.Rules, r *rand.Rand) []time.Duration {
	return slices.DeleteFunc(rules.Windows(), func(time.Duration) bool { return r.IntN(5) == 0 })
}

// keptUser is a text with the item, if there is one. Where the user is a number, it cannot be had.
func keptUser(o *events.Outcome, _ *events.Request, item int) (events.Value, error) {
	switch user := o.Attrs["user"].(type) {
	case string:
		return events.Value{Kind: events.ValueString, Str: fmt.Sprint(user, " ", item)}, nil
	case nil:
		return events.Value{}, nil
	}
	return events.Value{}, errNoUser
}

func keptMS(o *events.Outcome, _ *events.Request, _ int) (events.Value, error) {
	if ms, ok := o.Attrs["ms"].(float64); ok {
		return events.Value{Kind: events.ValueDouble, Float: ms}, nil
	}
	return events.Value{}, nil
}

func featureIs(name string, most int64) joiner.RowFunc[bool] {
	return func(_ *events.Outcome, req *events.Request, _ int) (bool, error) {
		return hasAtMost(req.Features, name, most),
			nil
	}
}

func itemFeatureIs(name string, most int64) joiner.RowFunc[bool] {
	return func(_ *events.Outcome, req *events.Request, item int) (bool, error) {
		return item >= 0 && hasAtMost(req.Items[item].Features, name, most), nil
	}
}

func hasAtMost(fields []events.Field, name string, most int64) bool {
	for i := range fields {
		if f := &fields[i]; f.Name == name {
			return f.Value.Int <= most
		}
	}
	return false
}
