// Package sql writes the join of a configuration as one SQL query, for engines that
// already hold the logs. A Plan says what the join is; a template for each Dialect says it
// in SQL. The query gives the rows that a replay of the same events gives. What a plan
// cannot say exactly is refused with its reason.
//
// SQL.md, beside this file, says how the query works and what is refused.
package sql

import (
	"fmt"
)

// RefusedError says that something cannot be written as SQL that gives the same rows.
type RefusedError struct {
	What   string // the setting or the label
	Reason string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s cannot be written as SQL: %s; `labeljoin replay` can do it", e.What, e.Reason)
}

// Misuse reports that the configuration or the command line has to be changed.
func (e *RefusedError) Misuse() bool { return true }
