package config

import (
	"regexp"
	"slices"
)

// What of a condition is no name that it looks at: texts, and what follows a point.
var (
	textForm = regexp.MustCompile("'(\\\\.|[^'\\\\])*'|\"(\\\\.|[^\"\\\\])*\"|`[^`]*`|\\.\\s*[A-Za-z_][A-Za-z0-9_]*")
	nameForm = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// RowAlone reports whether a label is of the request and the item alone, as wire.OfRowAlone does with
// the language at hand, which the configuration has not. Its test holds the two against each other.
func (l *Label) RowAlone(rows Rows) bool {
	if l.Of != "" || l.Pair != nil || l.Value != Any || l.By != "" || l.Until != "" || l.From != 0 ||
		l.Provisional != 0 || len(l.Columns) > 0 {
		return false
	}
	names := nameForm.FindAllString(textForm.ReplaceAllString(l.When, " "), -1)
	row, item := slices.Contains(names, "request"), slices.Contains(names, "item")
	return (row || item) && (rows != RowsRequest || !item) && !slices.ContainsFunc(names, func(name string) bool {
		return slices.Contains([]string{"attrs", "has_value", "item_id", "outcome_id", "type", "value"}, name)
	})
}
