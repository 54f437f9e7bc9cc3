package config

import (
	"slices"
	"strings"
)

// IsOfVotes reports whether the outcomes that count for a label are votes of raters.
func (l *Label) IsOfVotes() bool { return l.By != "" }

// VoteColumns are the columns that a label of votes has besides its value and its time.
func (l *Label) VoteColumns() []string {
	if !l.IsOfVotes() {
		return nil
	}
	columns := []string{l.Name + "_votes", l.Name + "_agreement", l.Name + "_raters"}
	if l.Classes != nil {
		columns = append(columns, l.Name+"_class")
	}
	return columns
}

// canonicalVotes is what a label says about raters, for the fingerprint; nil if outcomes are no votes.
func (l *Label) canonicalVotes() map[string]any {
	if !l.IsOfVotes() {
		return nil
	}
	return map[string]any{"by": l.By, "min": l.Min, "ties": l.Ties, "classes": l.Classes}
}

// completeVotes fills in the defaults of a label of votes. has tells which settings are given.
func (l *Label) completeVotes(has func(setting string) bool) {
	if !l.IsOfVotes() {
		return
	}
	if l.Min == 0 && !has("min") {
		l.Min = 3
	}
	if agg, _ := l.Value.Parts(); l.Ties == "" && (agg == Majority || agg == Median) {
		l.Ties = TiesNone
	}
}

// votesOnly are the aggregates of votes that are none of outcomes.
func votesOnly() []Agg { return []Agg{Majority, Median, Consensus} }

// votes checks what a label says about raters.
func (v *checker) votes(at string, l *Label) {
	agg, expression := l.Value.Parts()
	if l.IsOfVotes() || v.source.has(join(at, "min")) {
		v.between(join(at, "min"), l.Min, 1, 1000)
	}
	if !l.IsOfVotes() {
		if slices.Contains(votesOnly(), agg) {
			v.add(join(at, "value"), "%s is of votes: say which attribute names the rater, like `by: attrs.rater`", agg)
			return
		}
		for _, setting := range []string{"min", "ties", "classes"} {
			if v.source.has(join(at, setting)) {
				v.add(join(at, "by"),
					"is missing, and %s has no effect without it: say which attribute names the rater, like `by: attrs.rater`",
					setting)
			}
		}
		return
	}
	if name, ok := strings.CutPrefix(l.By, "attrs."); !ok || name == "" {
		v.add(join(at, "by"), "%q is no attribute of an outcome: write the one that names the rater, like attrs.rater",
			clipped(l.By))
	}
	if agg != Mean && !slices.Contains(votesOnly(), agg) {
		v.add(join(at, "value"), "%s is not of votes: with `by` it is majority, consensus, median or mean", agg)
		return
	}
	if l.Ties != "" {
		v.word(join(at, "ties"), string(l.Ties), l.Ties.words())
		if agg == Mean || agg == Consensus {
			v.add(join(at, "ties"), "a %s has no ties: remove the line", agg)
		}
	}
	if l.Classes != nil {
		v.classes(join(at, "classes"), l.Classes, agg, expression)
	}
}

// mostClasses bounds the classes of a label.
const mostClasses = 1000

// classes checks the classes that votes are for.
func (v *checker) classes(at string, classes []string, agg Agg, expression string) {
	switch {
	case agg == Mean:
		v.add(at, "classes have no mean: use median or majority, or remove the line and give numbers")
	case expression == "":
		v.add(at, "the field value is a number: say which attribute is the class, like `value: %s(attrs.class)`", agg)
	case len(classes) < 2 || len(classes) > mostClasses:
		v.add(at, "there are %d classes: there have to be 2 to %d", len(classes), mostClasses)
	}
	for i, class := range classes {
		switch {
		case class == "" || len(class) > 256:
			v.add(at, "%q is no class: it is a text of 1 to 256 bytes", clipped(class))
		case slices.Contains(classes[:i], class):
			v.add(at, "%q is there twice", clipped(class))
		}
	}
}
