package enginetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// labelsOfPairs adds a label of pairs of outcomes to some histories. It picks by itself, as
// windowsLater does. The label has the window of another one, so that no request is open longer.
func (g *generator) labelsOfPairs() {
	r := &g.h.Rules
	if g.pairs.IntN(3) > 0 {
		return
	}
	roles := []func(*events.Outcome) bool{ofType("view"), ofType("click"), ofType("buy"), valued}
	opens, closes := roles[g.pairs.IntN(4)], roles[g.pairs.IntN(4)]
	if g.pairs.IntN(3) == 0 {
		closes = opens
	}
	key := []func(*events.Outcome) (string, bool){sameKey, sameKey, keyOfItem, keyOfUser}[g.pairs.IntN(4)]
	aggs := []joiner.Agg{joiner.AggAny, joiner.AggCount, joiner.AggSum, joiner.AggMean, joiner.AggMax, joiner.AggMin,
		joiner.AggFirst, joiner.AggLast, joiner.AggLatency}
	l := joiner.Label{Name: "pairs", Window: r.Labels[g.pairs.IntN(len(r.Labels))].Window,
		Agg: aggs[g.pairs.IntN(len(aggs))], Pair: &joiner.Pair{First: g.pairs.IntN(2) == 0}}
	if g.shape.Early && g.pairs.IntN(5) > 0 {
		l.Agg = joiner.AggAny
	}
	l.Pair.Role = func(o *events.Outcome) joiner.PairRole {
		k, ok := key(o)
		return joiner.PairRole{Key: k, Opens: ok && opens(o), Closes: ok && closes(o)}
	}
	l.When = func(o *events.Outcome) bool {
		role := l.Pair.Role(o)
		return role.Any()
	}
	if g.pairs.IntN(5) == 0 {
		l.From = l.Window / 2
	}
	if g.pairs.IntN(5) == 0 {
		l.Until = roles[g.pairs.IntN(4)]
	}
	if g.pairs.IntN(5) == 0 {
		l.Number, l.NumberInRow, l.Attrs = perPosition, true, append(l.Attrs, "ms")
	}
	if g.pairs.IntN(3) == 0 {
		l.Attrs = append(l.Attrs, "user", "ms")
		l.Columns = []joiner.Column{{Name: "kept_pair", Kind: events.ValueString, Value: keptPair}}
	}
	r.Labels = append(r.Labels, l)
}

// parts adds outcomes to a request that may be pairs, where a label is of them.
func (g *generator) parts(id string, request events.Time) {
	for i := range g.h.Rules.Labels {
		l := &g.h.Rules.Labels[i]
		if l.Pair == nil || g.pairs.IntN(3) == 0 {
			continue
		}
		for j := range 3 + g.pairs.IntN(5) {
			ts := request.Add(time.Duration(g.pairs.Int64N(int64(l.Window) + 1)))
			g.add(events.KindOutcome, ts, g.outcomeJSON(id, fmt.Sprint("p", j), ts))
		}
	}
}

func sameKey(*events.Outcome) (string, bool) { return "", true }

func keyOfItem(o *events.Outcome) (string, bool) { return o.ItemID, o.ItemID != "" }

func keyOfUser(o *events.Outcome) (string, bool) {
	user, ok := o.Attrs["user"].(string)
	return user, ok
}

// keptPair says which outcome closed a pair.
func keptPair(o *events.Outcome, _ *events.Request, item int) (events.Value, error) {
	return events.Value{Kind: events.ValueString, Str: fmt.Sprint(o.Type, o.ID, o.Attrs["user"], item)}, nil
}

// pairsOf makes pairs of the outcomes that open and close some, which are in order: of each
// that closes, and of an open since the close before it. A pair is the outcome that closes it,
// with its length for a value.
func pairsOf(p *joiner.Pair, found []events.Outcome) []events.Outcome {
	var pairs []events.Outcome
	for j := range found {
		o := found[j]
		role := p.Role(&o)
		if !role.Closes {
			continue
		}
		var opens []events.Outcome
		for i := range found[:j] {
			switch other := p.Role(&found[i]); {
			case other.Key != role.Key:
				continue
			case other.Closes && other.Opens:
				opens = found[i : i+1]
			case other.Closes:
				opens = nil
			case other.Opens:
				opens = append(slices.Clip(opens), found[i])
			}
		}
		if len(opens) == 0 {
			continue
		}
		open := opens[len(opens)-1]
		if p.First {
			open = opens[0]
		}
		o.Value, o.HasValue = float64(o.TS-open.TS)/1e9, true
		pairs = append(pairs, o)
	}
	return pairs
}
