package rowfile

import (
	"strings"

	"github.com/labeljoin/labeljoin/joiner"
)

// pendingColumn names the labels of a row that are not final yet, in the order of their
// columns and with commas between them; it is null where all are.
const pendingColumn = "pending"

// pendingNames is what the column holds at the end of each stage; nil if there are none.
func pendingNames(c Config) []string {
	if len(c.Stages) == 0 {
		return nil
	}
	rules := joiner.Rules{Labels: c.Labels, Stages: c.Stages}
	all := make([]string, len(c.Stages))
	for stage := range all {
		all[stage] = rules.Pending(&joiner.Row{Stage: uint16(stage) + 1})
	}
	return all
}

// pendingOf is what the column holds in a row.
func (l *Layout) pendingOf(row *joiner.Row) string {
	if row.Stage == 0 || int(row.Stage) > len(l.pending) {
		return ""
	}
	return l.pending[row.Stage-1]
}

// isPending reports whether a column of a table is the one that names what is not final.
func isPending(c TableColumn) bool { return c.Kind == KindOwn && c.Name == pendingColumn }

// takesPending reports whether a column of a table has its name and is another one.
func takesPending(c TableColumn) bool {
	return strings.EqualFold(c.Name, pendingColumn) && !isPending(c)
}

func hasPending(known []TableColumn) bool {
	for _, c := range known {
		if isPending(c) {
			return true
		}
	}
	return false
}

// PendingTakenError says that a table has a column pending of a feature or a label, and that
// the column is needed to say which labels of a row are not final.
type PendingTakenError struct{}

func (e *PendingTakenError) Error() string {
	return "the output has a column \"pending\" of a feature or a label, and rows that are written before all their labels are final need it: write to another output.dir, or have every row wait for all labels (emit: close)"
}

// Misuse reports that the configuration has to be changed.
func (e *PendingTakenError) Misuse() bool { return true }
