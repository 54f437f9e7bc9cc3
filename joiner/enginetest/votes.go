package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// labelsOfVotes has the outcomes of some labels be votes. It picks by itself.
func (g *generator) labelsOfVotes() {
	for i := range g.h.Rules.Labels {
		l := &g.h.Rules.Labels[i]
		if g.votes.IntN(4) > 0 || g.shape.Early && l.Agg == joiner.AggAny {
			continue
		}
		l.Agg = []joiner.Agg{joiner.AggMajority, joiner.AggConsensus, joiner.AggMedian, joiner.AggMean}[g.votes.IntN(4)]
		l.Votes = &joiner.Votes{By: rater, Min: 1 + g.votes.IntN(3), Ties: joiner.Ties(g.votes.IntN(3))}
		if l.Agg != joiner.AggMean && l.Number == nil && g.votes.IntN(3) == 0 {
			l.Votes.Classes, l.Number = []string{"bad", "ok", "good"}, valueOfClass
		}
		l.Attrs = append(l.Attrs, "user", "ms")
		l.Columns = append(l.Votes.Columns(l.Name), l.Columns...)
	}
}

// rater is a text, or a number, or not known.
func rater(o *events.Outcome) string {
	if o.Attrs["user"] == nil {
		return ""
	}
	return fmt.Sprint(o.Attrs["user"])
}

// valueOfClass has no class for most values.
func valueOfClass(o *events.Outcome, _ *events.Request, _ int) (joiner.Number, error) {
	return joiner.Number{Value: o.Value, Has: o.HasValue && (o.Value == 0 || o.Value == 1 || o.Value == 2)}, nil
}

// lastVotes are the outcomes that are votes: of each rater the last, in the order of the
// raters' names.
func lastVotes(l *joiner.Label, found []events.Outcome) []events.Outcome {
	of := map[string]events.Outcome{}
	names := []string{}
	for _, o := range found {
		name := l.Votes.By(&o)
		if !o.HasValue || math.IsInf(o.Value, 0) || name == "" {
			continue
		}
		if _, some := of[name]; !some {
			names = append(names, name)
		}
		of[name] = o
	}
	slices.Sort(names)
	var votes []events.Outcome
	for _, name := range names {
		votes = append(votes, of[name])
	}
	return votes
}

// countVotes is how many votes there are for a value.
func countVotes(votes []events.Outcome, value float64) int {
	n := 0
	for _, o := range votes {
		if o.Value == value {
			n++
		}
	}
	return n
}

// ofVotes makes a label of votes, and says which of them decided it: the last for what the
// label is, or for a mean or a median the last of all.
func ofVotes(l *joiner.Label, votes []events.Outcome) (cell joiner.Cell, decided *events.Outcome) {
	if len(votes) < max(1, l.Votes.Min) {
		return null(), nil
	}
	value := math.NaN()
	for _, o := range votes {
		n, beaten, others := countVotes(votes, o.Value), false, 0
		better := true // than all others that have as many votes
		for _, p := range votes {
			m := countVotes(votes, p.Value)
			beaten = beaten || m > n
			if m == n && p.Value != o.Value {
				others++
				better = better && (l.Votes.Ties == joiner.TiesLowest && o.Value < p.Value ||
					l.Votes.Ties == joiner.TiesHighest && o.Value > p.Value)
			}
		}
		if l.Agg == joiner.AggMajority && !beaten && (others == 0 || better) || l.Agg == joiner.AggConsensus &&
			n == len(votes) {
			value = o.Value + 0
		}
	}
	switch l.Agg {
	case joiner.AggMean:
		value = 0
		for _, o := range votes {
			value += o.Value
		}
		value /= float64(len(votes))
	case joiner.AggMedian:
		value = medianOf(l, votes)
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return null(), nil
	}
	for i, o := range votes {
		agrees := o.Value == value || l.Agg == joiner.AggMean || l.Agg == joiner.AggMedian
		if agrees && (decided == nil || before(*decided, o) < 0) {
			decided = &votes[i]
		}
	}
	return joiner.Cell{Value: value, TS: decided.TS}, decided
}

// medianOf leaves out the lowest and the highest vote until one or two are left.
func medianOf(l *joiner.Label, votes []events.Outcome) float64 {
	var values []float64
	for _, o := range votes {
		values = append(values, o.Value+0)
	}
	slices.Sort(values)
	for len(values) > 2 {
		values = values[1 : len(values)-1]
	}
	low, high := values[0], values[len(values)-1]
	switch {
	case low == high || l.Votes.Ties == joiner.TiesLowest:
		return low
	case l.Votes.Ties == joiner.TiesHighest:
		return high
	case l.Votes.Classes != nil:
		return math.NaN()
	}
	return (low + high) / 2
}

// voteColumns are the values of the columns that say what the votes are.
func voteColumns(l *joiner.Label, votes []events.Outcome, cell joiner.Cell) []events.Value {
	values := make([]events.Value, len(l.Columns)-len(l.Kept()))
	values[0] = events.Value{Kind: events.ValueInt, Int: int64(len(votes))}
	if len(votes) == 0 {
		return values
	}
	said, most := map[string]any{}, 0
	for _, o := range votes {
		most = max(most, countVotes(votes, o.Value))
		said[l.Votes.By(&o)] = o.Value + 0
		if l.Votes.Classes != nil {
			said[l.Votes.By(&o)] = l.Votes.Classes[int(o.Value)]
		}
	}
	text, _ := json.Marshal(said)
	values[1] = events.Value{Kind: events.ValueDouble, Float: float64(most) / float64(len(votes))}
	values[2] = events.Value{Kind: events.ValueString, Str: string(bytes.TrimSpace(text))}
	if l.Votes.Classes != nil && !cell.Null {
		values[3] = events.Value{Kind: events.ValueString, Str: l.Votes.Classes[int(cell.Value)]}
	}
	return values
}
