// Package wire is where a configuration meets the join: it turns what a checked
// configuration says into the rules and the options of the engine.
package wire

import (
	"errors"
	"fmt"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// Rules compiles what a checked configuration says about labels. The error
// reports every expression that is wrong, each with its place.
func Rules(c *config.Config) (joiner.Rules, error) {
	j := &c.Join
	rules := joiner.Rules{
		ClockSkew:   j.ClockSkew.Std(),
		Lateness:    j.Lateness.Std(),
		Corrections: j.Corrections.Std(),
		PerRequest:  j.Rows == config.RowsRequest,
		Merge:       j.Duplicates == config.DuplicatesMerge,
		Early:       j.Emit == config.EmitEarly,
		Stages:      c.Stages(),
		SampleRate:  j.SampleNegatives,
		Attribute:   attributionOf(c),
	}
	if g := &c.Guard; g.Enabled {
		rules.Guard = guard.Config{Patience: g.Patience.Std(), Tail: g.Tail, Usual: g.Usual, Learn: float64(g.Learn)}
	}
	if j.SampleHash == config.SampleSHA256 {
		rules.SampleHash = joiner.SampleSHA256
	}
	if j.Outcomes.SameID == config.SameIDLast {
		rules.SameID = joiner.SameLast
	}
	if rules.SampleRate == 1 {
		rules.SampleRate = 0 // keeping every negative is no sampling: no weights
	}
	var problems []config.Problem
	for _, l := range c.Labels {
		label, err := labelOf(l, j.Rows, rules.Labels)
		if err != nil {
			setting := "when"
			if e, ok := errors.AsType[*settingError](err); ok {
				setting, err = e.setting, e.err
			}
			problems = append(problems, c.ProblemOf("labels."+l.Name+"."+setting, err))
			label = joiner.Label{Name: l.Name} // so that others that name it have no problem by that
		}
		if a := rules.Attribute; a != nil && a.To.Splits() && label.Agg == joiner.AggCount {
			label.Agg = joiner.AggCredit
		}
		rules.Labels = append(rules.Labels, label)
	}
	switch j.Negatives {
	case config.NegativesSeen:
		impression, err := rule.Compile(j.Impression)
		switch {
		case err != nil:
			problems = append(problems, c.ProblemOf("join.impression", err))
		case impression.InRow != nil:
			problems = append(problems, c.Problem("join.impression",
				"it looks at the request or the item, which only labels may: say by the outcome what was seen"))
		}
		rules.Negatives, rules.Impression = joiner.NegativesSeen, impression.Holds
	case config.NegativesAboveLastPositive:
		rules.Negatives = joiner.NegativesAboveLastPositive
	}
	if err := c.Fail(problems...); err != nil {
		return joiner.Rules{}, err
	}
	return rules, nil
}

// labelOf compiles one label, which may be made of those before it.
func labelOf(l config.Label, rows config.Rows, before []joiner.Label) (joiner.Label, error) {
	if l.Of != "" {
		return labelOfOthers(l, before)
	}
	if OfRowAlone(&l, rows) {
		return labelOfRow(l)
	}
	label := joiner.Label{Name: l.Name, Window: l.Window.Std(), From: l.From.Std(), Provisional: l.Provisional.Std()}
	if err := whenOf(l, &label); err != nil {
		return joiner.Label{}, err
	}
	word, expression := l.Value.Parts()
	agg, err := aggOf(word)
	if err != nil {
		return joiner.Label{}, &settingError{"value", err}
	}
	label.Agg = agg
	if err := columnsOf(l, &label); err != nil {
		return joiner.Label{}, err
	}
	if err := untilOf(l, &label); err != nil {
		return joiner.Label{}, err
	}
	if l.Provisional > 0 {
		label.Columns = append(joiner.ProvisionalColumns(l.Name), label.Columns...)
	}
	if l.IsOfVotes() {
		votesOf(l, &label)
	}
	switch {
	case expression == "":
		return label, nil
	case l.Classes != nil:
		if err := classOf(l, expression, &label); err != nil {
			return joiner.Label{}, &settingError{"value", err}
		}
		return label, nil
	}
	number, err := rule.CompileValue(expression)
	if err != nil {
		return joiner.Label{}, &settingError{"value", err}
	}
	label.NumberInRow = number.LooksAtRow
	label.Number = func(o *events.Outcome, req *events.Request, item int) (joiner.Number, error) {
		n, err := number.Of(o, req, item)
		return joiner.Number(n), err
	}
	label.Attrs, label.AllAttrs = append(label.Attrs, number.Attrs...), label.AllAttrs || number.AllAttrs
	return label, nil
}

// OfRowAlone reports whether a label says something of the request and the item alone, by its
// condition, so that it needs no outcome. Where all items of a request have one row, the item is that of
// the outcome, and so a condition that looks at it needs one.
func OfRowAlone(l *config.Label, rows config.Rows) bool {
	if l.Of != "" || l.Pair != nil || l.Value != config.Any || l.By != "" || l.Until != "" || l.From != 0 ||
		l.Provisional != 0 || len(l.Columns) > 0 {
		return false
	}
	alone, item := rule.LooksAtRowAlone(l.When)
	return alone && (rows != config.RowsRequest || !item)
}

// labelOfRow compiles a label of the request and the item alone. Its condition is the one that it
// would be of an outcome: what is neither true nor false cannot be evaluated, and no label's name
// stands for the request or the item.
func labelOfRow(l config.Label) (joiner.Label, error) {
	when, err := rule.Compile(l.When)
	if err != nil {
		return joiner.Label{}, err
	}
	none := &events.Outcome{}
	return joiner.Label{Name: l.Name, Window: l.Window.Std(), Agg: joiner.AggTruth,
		When: func(*events.Outcome) bool { return false },
		Of: func(_ []joiner.Cell, req *events.Request, item int) (joiner.Cell, error) {
			if when.Fault != nil { // of a part that looks at nothing at all
				if fault := when.Fault(none); fault != "" {
					return joiner.Undecided(), errors.New(fault)
				}
			}
			yes, err := when.InRow(none, req, item)
			if err != nil {
				return joiner.Undecided(), err
			}
			cell := joiner.Cell{TS: events.MinTime}
			if yes && when.Holds(none) {
				cell.Value = 1
			}
			return cell, nil
		}}, nil
}

// whenOf compiles which outcomes count for a label, or which pairs of them.
func whenOf(l config.Label, label *joiner.Label) error {
	if l.Pair != nil {
		return pairOf(l.Pair, label)
	}
	when, err := rule.Compile(l.When)
	if err != nil {
		return err
	}
	label.When, label.Fault, label.InRow = when.Holds, when.Fault, joiner.RowFunc[bool](when.InRow)
	label.Attrs, label.AllAttrs = when.Attrs, when.AllAttrs
	return nil
}

// untilOf compiles the condition of what ends the window.
func untilOf(l config.Label, label *joiner.Label) error {
	if l.Until == "" {
		return nil
	}
	until, err := alone("until", l.Until)
	if err != nil {
		return err
	}
	label.Until = until.Holds
	when := label.Fault
	if until.Fault == nil {
		return nil
	}
	label.Fault = func(o *events.Outcome) string {
		if when != nil {
			if fault := when(o); fault != "" {
				return fault
			}
		}
		return until.Fault(o)
	}
	return nil
}

// columnsOf compiles the columns of a label.
func columnsOf(l config.Label, label *joiner.Label) error {
	for _, c := range l.Columns {
		column, err := rule.CompileColumn(c.Value, rule.ColumnType(c.Type))
		if err != nil {
			return &settingError{"columns." + c.Name, err}
		}
		kind := events.ValueDouble
		switch column.Type {
		case rule.ColumnString:
			kind = events.ValueString
		case rule.ColumnBool:
			kind = events.ValueBool
		}
		label.Columns = append(label.Columns, joiner.Column{Name: c.Name, Kind: kind,
			Value: joiner.RowFunc[events.Value](column.Of)})
		label.Attrs, label.AllAttrs = append(label.Attrs, column.Attrs...), label.AllAttrs || column.AllAttrs
	}
	return nil
}

// settingError is what is wrong with another setting of a label than its condition.
type settingError struct {
	setting string
	err     error
}

// Error implements error.
func (e *settingError) Error() string { return e.err.Error() }

// labelOfOthers compiles a label that is made of others.
func labelOfOthers(l config.Label, before []joiner.Label) (joiner.Label, error) {
	places, names := map[string]int{}, make([]string, len(before))
	for i := range before {
		places[before[i].Name], names[i] = i, before[i].Name
	}
	of, err := rule.CompileOf(l.Of, names)
	if err != nil {
		return joiner.Label{}, &settingError{"of", err}
	}
	label := joiner.Label{Name: l.Name, Agg: joiner.AggFormula, When: func(*events.Outcome) bool { return false }}
	if of.Truth {
		label.Agg = joiner.AggTruth
	}
	for _, name := range of.Needs {
		label.Needs = append(label.Needs, places[name])
		label.Window = max(label.Window, before[places[name]].Window)
	}
	if len(of.Needs) == 0 {
		label.Window = l.Window.Std()
	}
	label.Of = func(cells []joiner.Cell, req *events.Request, item int) (joiner.Cell, error) {
		n, err := of.Eval(func(name string) (float64, bool) {
			c := &cells[places[name]]
			return c.Value, !c.Null
		}, func(name string) (int64, bool) {
			c := &cells[places[name]]
			return int64(c.TS.Sub(req.TS)), c.TS != events.MinTime
		}, req, item)
		if err != nil || !n.Has {
			return joiner.Undecided(), err
		}
		cell := joiner.Cell{Value: n.Value, TS: events.MinTime}
		for _, at := range label.Needs {
			cell.TS = max(cell.TS, cells[at].TS)
		}
		return cell, nil
	}
	return label, nil
}

// aggOf is the join's name of a label's value.
func aggOf(value config.Agg) (joiner.Agg, error) {
	switch value {
	case config.Any:
		return joiner.AggAny, nil
	case config.Count:
		return joiner.AggCount, nil
	case config.Sum:
		return joiner.AggSum, nil
	case config.Mean:
		return joiner.AggMean, nil
	case config.Max:
		return joiner.AggMax, nil
	case config.Min:
		return joiner.AggMin, nil
	case config.First:
		return joiner.AggFirst, nil
	case config.Last:
		return joiner.AggLast, nil
	case config.Latency:
		return joiner.AggLatency, nil
	case config.Majority:
		return joiner.AggMajority, nil
	case config.Consensus:
		return joiner.AggConsensus, nil
	case config.Median:
		return joiner.AggMedian, nil
	}
	return 0, fmt.Errorf("a label's value cannot be %q", value)
}
