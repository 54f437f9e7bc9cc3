package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// improbable is how many requests with an outcome must be missing before the outcomes began, or
// after they ended, to stop a replay: that of so many none comes by chance has a probability of
// e^-10, 1 in 22,000.
const improbable = 10

// covered looks whether the outcomes are of the same time as the requests. Of a label it is
// known how many of the requests that the outcomes cover are positive. So many are to be
// expected of those that they do not cover.
func (v *evidence) covered(result *batch.Result, rules *joiner.Rules) error {
	c := &result.Coverage
	apart := true // no label has a request that the outcomes cover
	for i := range c.Labels {
		apart = apart && c.Labels[i].Covered == 0
	}
	span := fmt.Sprintf("the requests are stamped from %s to %s, the outcomes from %s to %s",
		result.First[events.KindRequest], result.Seen[events.KindRequest], result.First[events.KindOutcome],
		result.Seen[events.KindOutcome])
	for i := range c.Labels {
		l, label := &c.Labels[i], &rules.Labels[i]
		if label.Of != nil || l.Before+l.After == 0 {
			continue
		}
		if apart {
			return v.refuse("no outcome is of the time of any request, its window included: %s. "+
				"Look at the files of both, and at time_unit", span)
		}
		requests := terminal.Count(l.Before+l.Covered+l.After, "request")
		rate := float64(l.Positive) / float64(max(l.Covered, 1))
		if missing := rate * float64(l.Before); missing >= improbable {
			return v.refuse("the outcomes begin long after the requests: %d of %s had their whole window of label %s (%s) "+
				"before the first outcome, and about %.0f of them should be positive; %s. Give the outcomes of that time too, or "+
				"leave those requests out with --from %s", l.Before, requests, label.Name, label.Window, missing,
				span, nextDay(result.First[events.KindOutcome]))
		}
		if missing := rate * float64(l.After); missing >= improbable {
			return v.refuse("the outcomes end long before the requests: %d of %s come after the last outcome, and about %.0f "+
				"of them should be positive for label %s; %s. Give the outcomes of that time too, or leave those requests out with "+
				"--to %s", l.After, requests, missing, label.Name, span,
				tablelog.DayName(result.Seen[events.KindOutcome]))
		}
	}
	return nil
}

// nextDay is the first day that begins at a time or after it.
func nextDay(ts events.Time) string { return tablelog.DayName((ts - 1).Add(24 * time.Hour)) }

// matched looks whether every label has an outcome that matches it.
func (v *evidence) matched(c *batch.Coverage, rules *joiner.Rules) error {
	if !c.Impressed {
		return v.refuse("no outcome of the whole log meets join.impression: none of %s (types: %s) does, "+
			"and every negative would be left out as unseen. Look at join.impression and at the files of --outcomes",
			terminal.Count(v.outcomes, "outcome"), quoted(c.Types))
	}
	var without []string
	why := ""
	for i := range c.Labels {
		l, label := &c.Labels[i], &rules.Labels[i]
		valueInRow := label.NumberInRow && label.Agg.OfValues()
		inRow := (label.InRow != nil || label.Pair != nil || valueInRow) && v.complete && l.Covered > 0 && l.Positive == 0
		if (l.Matched || l.Positive > 0) && !inRow || slices.Contains(v.unmatched, label.Name) {
			continue
		}
		without = append(without, label.Name)
		switch {
		case l.Fault != "" && why == "":
			why = fmt.Sprintf("; the condition or the value of %s cannot be evaluated for some: %s", label.Name, l.Fault)
		case !l.Matched && why == "" && label.Agg.OfValues() && label.Pair == nil:
			why = fmt.Sprintf(" or, as %s is made of values, none of those that do has one", label.Name)
		case l.Matched && why == "" && label.Pair != nil:
			why = fmt.Sprintf("; some open or close a pair of %s, but no two of them belong together (by) in any row",
				label.Name)
		case l.Matched && why == "" && label.InRow == nil:
			why = fmt.Sprintf("; the value of %s looks at the request or its item, and no outcome has one in any row", label.Name)
		case l.Matched && why == "":
			why = fmt.Sprintf("; that of %s looks at the request or its item, and holds for no outcome in any row", label.Name)
		}
	}
	if len(without) == 0 {
		return nil
	}
	return &EvidenceError{fmt.Sprintf("no outcome of the whole log matches label %s: none of %s (types: %s) meets its condition%s. "+
		"Look at its condition (when) and at the files of --outcomes; --allow-unmatched %s goes on all the same",
		strings.Join(without, ", "), terminal.Count(v.outcomes, "outcome"), quoted(c.Types), why, strings.Join(without,
			" --allow-unmatched "))}
}

// quoted are texts of events in quotes.
func quoted(texts []string) string {
	quotes := make([]string, len(texts))
	for i := range texts {
		quotes[i] = strconv.Quote(texts[i])
	}
	return strings.Join(quotes, ", ")
}

// checkLabels looks whether the labels that a flag names are those of the configuration.
func checkLabels(flag string, names []string, rules *joiner.Rules) error {
	var known []string
	for i := range rules.Labels {
		known = append(known, rules.Labels[i].Name)
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		hint := "there are " + strings.Join(known, ", ")
		if near := config.Nearest(name, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		return &terminal.UsageError{Err: fmt.Errorf("--%s %s: there is no such label: %s", flag, name, hint)}
	}
	return nil
}
