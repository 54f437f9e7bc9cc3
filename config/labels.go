package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Label is the definition of one label column.
type Label struct {
	Name string `yaml:"-"` // the key it stands under
	// The condition that an outcome has to meet to count. `labeljoin help conditions`
	// describes the language. A label that is only a text is short for a label with this
	// setting.
	//
	// Default: none. Every label needs one, or `pair`, or `of`.
	When string `yaml:"when"`
	// Two outcomes that belong together, instead of `when`: what opens a pair and what closes it,
	// as in `{open: 'type == "open"', close: 'type == "close"', by: attrs.session}`. Then the
	// label is of the pairs: how long they are in seconds, or, with an expression in `value`, of
	// the outcome that closes. `value: sum` adds their lengths, max has the longest, count says how
	// many there are. Both outcomes lie in the window, and an open without a close is no pair.
	//
	// Default: none. Most labels are of single outcomes.
	Pair *Pair `yaml:"pair"`
	// How long after the request an outcome counts for this label. A request closes when
	// the longest window of all labels ends. From 1ns to 3650d.
	//
	// Default: join.window. Most labels look at the same visit.
	Window Duration `yaml:"window"`
	// How long after the request a row has a provisional value of the label: what it would be if
	// its window ended then. The row is written then, with `provisional` in the column stage, and
	// again when the label is final. The label has two more columns, both in seconds after the
	// request: <label>_elapsed (up to when outcomes count in this row) and <label>_delay (when the
	// one came that decided). More than from and less than window.
	//
	// Default: none. A row that is written once is easiest to read.
	Provisional Duration `yaml:"provisional"`
	// How long after the request an outcome begins to count for this label, as in a label
	// for who comes back after two days: `from: 48h, window: 72h`. Less than window.
	//
	// Default: an outcome counts from the request on, `join.clock_skew` before it included.
	From Duration `yaml:"from"`
	// The condition of an outcome that ends the window before its time, as `type ==
	// "session_end"` does: what is stamped after the first such outcome does not count for this
	// label. It may look at the outcome alone. Rows wait for the window all the same.
	//
	// Default: none. Most windows are a length of time.
	Until string `yaml:"until"`
	// What the column holds of the outcomes that count: any, count, sum, mean, max, min,
	// first, last or latency; of votes (by) majority, consensus, median or mean. All but any,
	// count and latency are of the outcomes' field value; `sum(attrs.ms / 1000)` is of an
	// expression, which may look at all that a
	// condition may. An expression without such a word, like `attrs.ms / 1000`, is that of
	// the first outcome for which it is a number.
	//
	// Default: whether it happened is the commonest label.
	Value Agg `yaml:"value"`
	// The attribute that names the rater, like attrs.rater: the outcomes that count are votes of
	// people then, and each rater has one, the last. The attribute is a text, or a number below 2^53 (send large
	// numbers as text). The value is majority, consensus, median or
	// mean, of the field value or of an expression. The label has more columns: <label>_votes (how many),
	// <label>_agreement (the share of the votes that the commonest value has), <label>_raters
	// (what each rater said, as JSON) and, with classes, <label>_class. Give votes an outcome_id: of
	// two without one that are stamped alike and say the same, one is a copy.
	//
	// Default: none. Most outcomes are no votes.
	By string `yaml:"by"`
	// How many votes a label needs: with fewer it is null. From 1 to 1000.
	//
	// Default: 3, the least number in which one rater that errs is outvoted.
	Min int64 `yaml:"min"`
	// What a label is where the votes do not settle it, because two values have the most votes (majority) or
	// because the two middle votes differ (median): lowest or highest of the two, or none: then a
	// majority is null; a median of numbers is half the sum of the two, and one of classes is null.
	//
	// Default: none. A tie says that people do not know, and a label should not say more.
	Ties Ties `yaml:"ties"`
	// The classes that votes are for, from the lowest to the highest: the label holds the place of
	// the class in this list, from 0, and <label>_class its name. The value says where the
	// class stands, like `majority(attrs.class)`. A vote for anything else is none.
	//
	// Default: none. Votes are numbers.
	Classes []string `yaml:"classes"`
	// Columns that keep something of the outcome that decided the label, the one whose time is
	// <label>_ts: `{dwell_ms: 'attrs.ms'}`. They are null where none decided. A label of others
	// has none.
	Columns LabelColumns `yaml:"columns"`
	// An expression over the labels that stand before this one, instead of `when`. Each is
	// known by its name, and by its name and _ts the time at which it was decided, which is
	// compared with durations: `bought == 1 && !(returned == 1 && returned_ts - bought_ts <=
	// 14d)`. The label is known when all that it names are. It may look at the request and
	// the item as well.
	//
	// Default: none. Most labels say what happened.
	Of string `yaml:"of"`
	// Whether rows wait for the label, or for its provisional value if it has one. With close they
	// do. With each they are written without it, once the labels that they wait for are final, and
	// again when its window has ended; until then it is null, and the column pending names it.
	//
	// Default: each if join.emit is each, and else close. A row that is written once is easiest
	// to read.
	Emit LabelEmit `yaml:"emit"`
}

// LabelColumn is a column that keeps something of the outcome that decided a label. One that
// is only a text is short for one with this value.
type LabelColumn struct {
	Name string `yaml:"-"` // the key it stands under
	// An expression of the outcome, which may look at all that a condition may.
	//
	// Default: none. Every column needs one.
	Value string `yaml:"value"`
	// The type of the column. A value of another type is null; the log says so once for each
	// label.
	//
	// Default: what the expression is known to be, like string for `lower(attrs.source)`, and
	// double where that is not known, because most attributes that a label keeps are numbers.
	Type LabelColumnType `yaml:"type"`
}

// LabelColumns are the columns of a label, in their order.
type LabelColumns []LabelColumn

// read implements selfReader.
func (l *LabelColumns) read(r *reader, n ast.Node, path string) {
	*l = nil
	for key, value := range r.entries(n, path) {
		column, at := LabelColumn{Name: key}, join(path, key)
		if isNull(value) {
			r.problem(placeOf(value), at, "has no condition: write one, like `%s: 'type == \"click\"'`", key)
		} else if isText(value) {
			r.value(value, at, &column.Value)
			r.source.at[join(at, "value")] = r.source.at[at]
		} else {
			r.value(value, at, &column)
		}
		*l = append(*l, column)
	}
}

// print implements selfPrinter.
func (l *LabelColumns) print(p *printer) {
	for i := range *l {
		p.entry((*l)[i].Name, &(*l)[i])
	}
}

// Named are the labels before one that an expression of it names, by what its words look
// like: `rule.CompileOf` says for certain.
func (l Labels) Named(expression string) []Label {
	words := strings.FieldsFunc(expression, func(c rune) bool {
		return c != '_' && !('0' <= c && c <= '9') && !('a' <= c && c <= 'z') && !('A' <= c && c <= 'Z')
	})
	var named []Label
	for _, label := range l {
		if slices.Contains(words, label.Name) || slices.Contains(words, label.Name+"_ts") {
			named = append(named, label)
		}
	}
	return named
}

// shortest is the shortest window that a label of outcomes has of its own, or 0: what a
// label of the request alone waits for.
func (l Labels) shortest() Duration {
	var shortest Duration
	for _, label := range l {
		if label.Of == "" && label.Window > 0 && (shortest == 0 || label.Window < shortest) {
			shortest = label.Window
		}
	}
	return shortest
}

// Parts parts what a label's value says: sum(attrs.ms) is the sum of an expression, sum is
// of the field value, for which the expression is empty, and any other text is an
// expression of which the first counts.
func (a Agg) Parts() (agg Agg, expression string) {
	text := strings.TrimSpace(string(a))
	if slices.Contains(aggWords(), text) {
		return Agg(text), ""
	}
	if word, rest, ok := strings.Cut(text, "("); ok {
		word = strings.TrimSpace(word)
		inner, closed := strings.CutSuffix(rest, ")")
		if closed && slices.Contains(aggWords(), word) && isOneArgument(inner) {
			return Agg(word), strings.TrimSpace(inner)
		}
	}
	return First, text
}

// isOneArgument reports whether a text is one argument of a call and ends with it: no
// bracket is left open, and no comma parts it. What is quoted does not count.
func isOneArgument(text string) bool {
	depth, quote := 0, rune(0)
	escaped := false
	for _, c := range text {
		switch {
		case quote != 0:
			if c == quote && !escaped {
				quote = 0
			}
			escaped = c == '\\' && !escaped && quote != '`'
		case c == '"' || c == '\'' || c == '`':
			quote, escaped = c, false
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			if depth--; depth < 0 {
				return false
			}
		case c == ',' && depth == 0:
			return false
		}
	}
	return depth == 0 && quote == 0 && strings.TrimSpace(text) != ""
}

// omits implements omitter: what a label of others has follows from them.
func (l *Label) omits(key string) bool {
	return l.Of != "" && key != "of" && key != "emit" || !l.IsOfVotes() && key == "min"
}

// Labels is the block `labels`: a mapping from names to definitions, in the
// order of the columns. `clicked: 'type == "click"'` is short for
// `clicked: {when: 'type == "click"'}`.
type Labels []Label

// UnmarshalYAML reads the block inside another document; a label's Window is 0
// when it has none of its own. It implements yaml.NodeUnmarshaler.
func (l *Labels) UnmarshalYAML(n ast.Node) error {
	*l = nil
	return readBlock(n, "labels", l)
}

// read implements selfReader.
func (l *Labels) read(r *reader, n ast.Node, path string) {
	*l = nil
	for key, value := range r.entries(n, path) {
		label := Label{Name: key, Value: Any}
		at := join(path, key)
		if isNull(value) {
			r.problem(placeOf(value), at, "has no condition: write one, like `%s: 'type == \"click\"'`", key)
		} else if isText(value) {
			r.value(value, at, &label.When)
			r.source.at[join(at, "when")] = r.source.at[at]
		} else {
			r.value(value, at, &label)
		}
		*l = append(*l, label)
	}
}

// print implements selfPrinter.
func (l *Labels) print(p *printer) {
	for i := range *l {
		p.entry((*l)[i].Name, &(*l)[i])
	}
}
