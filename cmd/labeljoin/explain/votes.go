package explain

import (
	"fmt"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// extraOf are the values of the columns of a label in a row; nil if all of the row are null.
func (t *describer) extraOf(row *joiner.Row, label int) []events.Value {
	at := 0
	for i := range label {
		at += len(t.rules.Labels[i].Columns)
	}
	if n := len(t.rules.Labels[label].Columns); at+n <= len(row.Extra) {
		return row.Extra[at : at+n]
	}
	return nil
}

// votes says what votes a label of raters has.
func (t *describer) votes(row *joiner.Row, label int) (n int, said string) {
	values := t.extraOf(row, label)
	if len(values) == 0 || values[0].Int == 0 {
		return 0, "no vote"
	}
	n = int(values[0].Int)
	return n, fmt.Sprintf("%s (%s; agreement %.3g)", plural(n, "vote"), values[2].Str, values[1].Float)
}

// whyOfVotes says in a sentence why a label of votes is what it is, when outcomes came.
func (t *describer) whyOfVotes(row *joiner.Row, label int, came, window, decider string) string {
	l, cell := &t.cfg.Labels[label], &row.Cells[label]
	n, said := t.votes(row, label)
	agg, _ := l.Value.Parts()
	why := fmt.Sprintf("the %s of %s", agg, said)
	switch {
	case !cell.Null:
	case n < int(l.Min):
		why = fmt.Sprintf("it needs %s (min) and has %s", plural(int(l.Min), "vote"), said)
	case agg == config.Consensus:
		why = "the raters do not agree: " + said
	case agg == config.Mean:
		why = "the mean is beyond float64: " + said
	default:
		why = "a tie (ties: none): " + said
	}
	return fmt.Sprintf("is %s: %s; %s %s, and a rater has one vote%s.", shownValue(cell), why, came, window, decider)
}
