package sql

import (
	"fmt"
	"reflect"
	"slices"
)

// The fields of joiner.Rules and joiner.Label that a plan says in SQL, and those that
// change no row of a replay. Every other field has to be zero: a rule that is added to
// the join is refused here until the plan knows it.
var (
	knownRules = []string{"Labels", "ClockSkew", "Corrections", "PerRequest", "Negatives", "Impression", "SampleRate",
		"SampleHash", "Gaps", "SameID",
		// Nothing is late in a replay, nothing is written early, and nothing is guarded.
		"Lateness", "Early", "Guard",
		// It is refused by itself, with its own reason.
		"Merge"}
	knownLabel = []string{"Name", "Window", "From", "Agg", "When", "InRow", "Number", "Until", "Columns",
		// It says why When does not hold, and decides nothing.
		"Fault",
		// It says whether a replay can judge a value by the outcome alone, and decides nothing.
		"NumberInRow",
		// What has to be decoded of an outcome: the archive has all of it.
		"Attrs", "AllAttrs"}
)

// reasons say in words what some of the others are.
var reasons = map[string]string{
	"Attribute": "outcomes that name no request are given to requests (join.attribute), and the query joins by request_id only",
	"Stages": "with emit: each, the files of a replay have a column `pending`, and a feature of that name is another column, " +
		"while the query has neither: leave `emit` out of the configuration for SQL",
	"Provisional": "it has a provisional value (provisional), and the files of a replay have columns for that, which the query " +
		"has not: leave `provisional` out of the configuration for SQL",
	"Of":    "it is made of other labels or of the request: their columns are in the query, so write it as one more SELECT around it",
	"Votes": "its outcomes are votes of raters (by)",
	"Pair":  "it is made of pairs of outcomes, and the query looks at each outcome alone",
}

// onlyKnown refuses a struct of which a field that is not known is set.
func onlyKnown(what string, of any, known []string) error {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if slices.Contains(known, name) || v.Field(i).IsZero() {
			continue
		}
		reason := reasons[name]
		if reason == "" {
			reason = fmt.Sprintf("it has the rule %s, which the query does not know", name)
		}
		return &RefusedError{What: what, Reason: reason}
	}
	return nil
}
