package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// A label that counts no outcome is 0 in every row, whether its condition is misspelt or
// nothing has happened. How far outcomes come on the way to it tells the two apart, as soon
// as there are enough of them. These are counts of events, so no clock decides what is said.
const (
	// fewOutcomes are enough where each of them says the same.
	fewOutcomes = 100
	// someOutcomes and someRows together are enough where only rare labels would count none.
	someOutcomes = 1000
	someRows     = 1000
	// manyRows are enough by themselves.
	manyRows = 10_000
)

// Silence is why a label counts no outcome, though so many came that it should; "" if it
// counts some, or too few came to tell.
type Silence string

// The reasons, as they stand in a status and in metrics.
const (
	SilenceNoOutcome    Silence = "no_outcome"     // none meets the condition
	SilenceNotEvaluated Silence = "not_evaluated"  // none does, and for some it cannot be evaluated
	SilenceNoValue      Silence = "no_value"       // none of those that meet it has a value
	SilenceUnlisted     Silence = "unlisted_items" // each is of an item that its request does not list
	SilenceOutside      Silence = "outside_window" // each is outside of the label's window
	SilenceNoRow        Silence = "no_row"         // none counts in a row, because of the request, a pair or votes
	SilenceOfRow        Silence = "always_zero"    // the label is made of others or of the request, and is 0 or null
)

// LabelSight is how far outcomes came on the way to a label since the start. Once the label
// and its columns had a value, nothing more is counted.
type LabelSight struct {
	Label string
	// Met are the outcomes that came and meet what its condition says of the outcome alone;
	// Valued are those of them that have a value, if the label is made of values.
	Met, Valued int64
	Fates       joiner.LabelFates // of those whose request has closed
	Rows        int64             // that closed, without those that a gap concerns
	Decided     int64             // rows in which something decided it
	Columns     []ColumnSight     // that keep something of the outcome that decided it
	Silence     Silence

	look string // at what to look if nothing counts in a row
}

// ColumnSight counts the values of a label's column.
type ColumnSight struct {
	Name   string
	Values int64
	Silent bool // it is null in all of many rows in which the label was decided
}

// ImpressionSight is how it stands with the outcomes that prove that a row was seen.
type ImpressionSight struct {
	Rows   int64 // that closed until one was found
	Met    bool
	Silent bool // none was found, though so many came that one should
}

// newLabelSights are those of labels of which nothing is known.
func newLabelSights(labels []joiner.Label) []LabelSight {
	sights := make([]LabelSight, len(labels))
	for i := range labels {
		sights[i].Label, sights[i].look = labels[i].Name, lookAt(&labels[i])
		for _, c := range labels[i].Kept() {
			sights[i].Columns = append(sights[i].Columns, ColumnSight{Name: c.Name})
		}
	}
	return sights
}

// lookAt is what a label asks of a row beside what an outcome alone says, as something to look at.
func lookAt(l *joiner.Label) string {
	switch {
	case l.Pair != nil:
		return "at both conditions of the pair, and at its key (by)"
	case l.Votes != nil:
		return "at who votes (by), and at how many votes are wanted (min)"
	case l.Until != nil:
		return "at what ends its window (until)"
	}
	return "at what it asks of the request and the item, such as the names of features"
}

// isKnown reports whether nothing more is to be found out about a label.
func (s *LabelSight) isKnown() bool {
	return s.Decided > 0 && !slices.ContainsFunc(s.Columns, func(c ColumnSight) bool { return c.Values == 0 })
}

// met takes in that an outcome which has just come meets the condition of a label.
func (s *LabelSight) met(l *joiner.Label, o *events.Outcome) {
	s.Met++
	if s.Valued == 0 {
		if has, _ := l.HasValue(o); has {
			s.Valued++
		}
	}
}

// silence is why a label counts nothing, of so many outcomes and of so many for which it
// cannot be evaluated.
func (s *LabelSight) silence(l *joiner.Label, came, faults int64) Silence {
	f := &s.Fates
	closed := f.All()
	enough := s.Rows >= manyRows || s.Rows >= someRows && came >= someOutcomes
	switch {
	case s.Decided > 0:
		return ""
	case l.Of != nil:
		if s.Rows >= manyRows {
			return SilenceOfRow
		}
	case s.Met+closed == 0 && enough && faults > 0:
		return SilenceNotEvaluated
	case s.Met+closed == 0 && enough:
		return SilenceNoOutcome
	case s.Met >= fewOutcomes && s.Valued == 0, f.Valueless >= fewOutcomes && f.Valueless == closed && s.Valued == 0:
		return SilenceNoValue
	case f.Unlisted >= fewOutcomes && f.Unlisted == closed:
		return SilenceUnlisted
	case f.Outside >= someOutcomes && f.Outside == closed:
		return SilenceOutside
	case f.Inside >= someOutcomes: // and they have a value, if one is needed
		return SilenceNoRow
	}
	return ""
}

// Says is why a label counts nothing, in words, with what to look at.
func (s *LabelSight) Says() string {
	f := &s.Fates
	met := fmt.Sprintf("%d outcomes of closed requests meet its condition", f.All())
	switch s.Silence {
	case SilenceNoOutcome:
		return fmt.Sprintf("no outcome meets its condition so far, in %d closed rows: that is so where such outcomes are rare, and where the condition (when) is misspelt. Compare it with the types of the outcomes that came", s.Rows)
	case SilenceNotEvaluated:
		return fmt.Sprintf("no outcome meets its condition so far, in %d closed rows, and for some it cannot be evaluated: look at the condition (when)", s.Rows)
	case SilenceNoValue:
		return fmt.Sprintf("%d outcomes meet its condition and none has a value: look at the label's value, and at the value and the attributes of the outcomes", max(s.Met, f.Valueless))
	case SilenceUnlisted:
		return met + ", and each is of an item that its request does not list: compare the items (item_id) of requests and outcomes"
	case SilenceOutside:
		return met + ", and each is outside of the label's window: look at window and from, and at the unit of the times (time_unit)"
	case SilenceNoRow:
		return met + " as far as the outcome alone says, and none counts in a row: look " + s.look
	case SilenceOfRow:
		return fmt.Sprintf("it is 0 or null in each of %d closed rows: look at the names of labels and features in its expression", s.Rows)
	}
	return ""
}

// judgeLabel says once that a label counts nothing, and takes it back once that is so no more.
func (e *Engine) judgeLabel(i int) {
	now := &e.sighted.now
	s := &now.Labels[i]
	why := s.silence(&e.rules.Labels[i], now.Came, now.Faults[i].Count)
	if why == SilenceOfRow && e.needsSilent(i) {
		why = ""
	}
	if why != s.Silence {
		was := s.Silence
		s.Silence = why
		switch {
		case why != "":
			e.o.Log.Warn("a label counts no outcome", "label", s.Label, "reason", string(why), "because", s.Says(),
				"outcomes", now.Came, "types", now.someTypes())
		case was != "":
			e.o.Log.Info("what was said of a label is so no more", "label", s.Label, "reason", string(was))
		}
	}
	for j := range s.Columns {
		e.judgeColumn(s, &s.Columns[j])
	}
}

// judgeColumn does so for a column of a label.
func (e *Engine) judgeColumn(s *LabelSight, c *ColumnSight) {
	silent := c.Values == 0 && s.Decided >= someRows
	switch {
	case silent && !c.Silent:
		e.o.Log.Warn("a column of a label is null in every row: look at its expression (columns), and at the attributes of the outcomes",
			"label", s.Label, "column", c.Name, "rows", s.Decided)
	case !silent && c.Silent:
		e.o.Log.Info("a column of a label that was null in every row has values", "label", s.Label, "column", c.Name)
	}
	c.Silent = silent
}

// needsSilent reports whether a label is made of others of which one has counted nothing: that
// one says why.
func (e *Engine) needsSilent(label int) bool {
	return slices.ContainsFunc(e.rules.Labels[label].Needs, func(of int) bool {
		return e.sighted.now.Labels[of].Decided == 0
	})
}

// someTypes are the first types of outcomes that came.
func (s *Sightings) someTypes() string {
	const most = 12
	var names []string
	for _, t := range s.Types[:min(most, len(s.Types))] {
		names = append(names, strconv.Quote(t.Type))
	}
	return strings.Join(names, ", ")
}

// labelWatch is what staging a commit notices of the labels that are not settled.
type labelWatch struct {
	labels []int // that are watched
	seen   bool  // whether impressions are
	found  []LabelSight
	rows   int64 // that closed, for impressions
	met    bool  // a negative was kept, so there was an impression
}

// watch lists what is not known yet of the labels.
func (e *Engine) watch() labelWatch {
	now := &e.sighted.now
	w := labelWatch{seen: e.rules.Negatives == joiner.NegativesSeen && !now.Impression.Met}
	for i := range now.Labels {
		if !now.Labels[i].isKnown() {
			w.labels = append(w.labels, i)
		}
	}
	if len(w.labels) > 0 {
		w.found = newLabelSights(e.rules.Labels)
	}
	return w
}

// fates takes in how far the outcomes of a request came, by label that is watched. The labels of a
// gap's rows are null, whatever its outcomes are, so these say nothing.
func (w *labelWatch) fates(of []joiner.LabelFates, rows []joiner.Row) {
	if len(w.labels) == 0 {
		return
	}
	for i := range rows {
		if rows[i].Reason == joiner.ReasonGap {
			return
		}
	}
	for at, i := range w.labels {
		w.found[i].Fates = w.found[i].Fates.Plus(of[at])
	}
}

// row takes in a row of a commit, whether it is written or left out; closed says that its
// request closes with it.
func (w *labelWatch) row(rules *joiner.Rules, row *joiner.Row, closed bool) {
	if w.seen && closed {
		w.rows++
		w.met = w.met || row.LeftOut != joiner.LeftOutUnseen && !slices.ContainsFunc(row.Cells, func(c joiner.Cell) bool {
			return c.TS != events.MinTime
		})
	}
	for _, i := range w.labels {
		l, s := &rules.Labels[i], &w.found[i]
		if closed && row.Reason != joiner.ReasonGap {
			s.Rows++
		}
		if !l.Counts(&row.Cells[i]) {
			continue
		}
		s.Decided++
		values := extraOf(rules, i, row)
		for j := range s.Columns {
			if values != nil && values[len(values)-len(s.Columns)+j].Kind != events.ValueNull {
				s.Columns[j].Values++
			}
		}
	}
}

// extraOf are the values of a label's columns in a row; nil if all of the row's are null.
func extraOf(rules *joiner.Rules, label int, row *joiner.Row) []events.Value {
	if row.Extra == nil {
		return nil
	}
	at := 0
	for i := range rules.Labels[:label] {
		at += len(rules.Labels[i].Columns)
	}
	return row.Extra[at : at+len(rules.Labels[label].Columns)]
}

// sightLabels takes in what a commit has found of the labels.
func (e *Engine) sightLabels(w *labelWatch) {
	s := &e.sighted
	s.stale = s.stale || len(w.labels) > 0 || w.seen
	for _, i := range w.labels {
		into, found := &s.now.Labels[i], &w.found[i]
		into.Rows, into.Decided = into.Rows+found.Rows, into.Decided+found.Decided
		into.Fates = into.Fates.Plus(found.Fates)
		for j := range found.Columns {
			into.Columns[j].Values += found.Columns[j].Values
		}
	}
	for i := range s.now.Labels {
		e.judgeLabel(i)
	}
	s.now.Impression.Rows += w.rows
	e.judgeImpression(w.met)
}

// judgeImpression says once that no outcome proves that a row was seen, and takes it back.
func (e *Engine) judgeImpression(met bool) {
	if e.rules.Negatives != joiner.NegativesSeen {
		return
	}
	now := &e.sighted.now
	i := &now.Impression
	i.Met = i.Met || met
	silent := !i.Met && (i.Rows >= manyRows || i.Rows >= someRows && now.Came >= someOutcomes)
	switch {
	case silent && !i.Silent:
		e.o.Log.Warn("no outcome meets join.impression, so every negative is left out as unseen: look at the condition and at the types of the outcomes that came",
			"rows", i.Rows, "outcomes", now.Came, "types", now.someTypes())
	case !silent && i.Silent:
		e.o.Log.Info("an outcome meets join.impression: what was said of it is so no more")
	}
	i.Silent = silent
}
