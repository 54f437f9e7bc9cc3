package rowfile

import "fmt"

// ColumnClashError says that the configuration gives a feature a column that is
// taken.
type ColumnClashError struct {
	Column        string
	First, Second string // what falls on it
	Key           string // of output.rename that moves the second
}

func (e *ColumnClashError) Error() string {
	return fmt.Sprintf("column clash: %s and %s both fall on column %q, compared without case; give the second another column with the setting output.rename: {%q: \"other_name\"}, or leave it out with {%q: \"\"}",
		e.First, e.Second, e.Column, e.Key, e.Key)
}

// Misuse reports that the configuration has to be changed.
func (e *ColumnClashError) Misuse() bool { return true }

// LabelClashError says that a label's column is taken.
type LabelClashError struct {
	Label, Column string
	Other         string // what has the column
}

func (e *LabelClashError) Error() string {
	return fmt.Sprintf("column clash: label %q needs column %q, which is %s; give the label another name", e.Label,
		e.Column, e.Other)
}

// Misuse reports that the configuration has to be changed.
func (e *LabelClashError) Misuse() bool { return true }
