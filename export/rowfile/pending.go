package rowfile

import (
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// The columns that files have where rows are written before all their labels are final.
const (
	// pendingColumn names the labels of a row that are not final yet, in the order of their
	// columns and with commas between them; it is null where all are.
	pendingColumn = "pending"
	// stageColumn says how final a row is: see joiner.Rules.StageOf.
	stageColumn = "stage"
)

// stageTexts are what the two columns hold in the rows of a stage.
type stageTexts struct{ pending, stage string }

// stageTextsOf are the texts of each stage, with those of final rows first.
func stageTextsOf(c Config) []stageTexts {
	rules := joiner.Rules{Labels: c.Labels, Stages: c.Stages}
	all := make([]stageTexts, 1+len(c.Stages))
	for i := range all {
		row := joiner.Row{Stage: uint16(i)}
		all[i] = stageTexts{pending: rules.Pending(&row), stage: rules.StageOf(&row)}
	}
	return all
}

// stageTexts are those of a row.
func (l *Layout) stageTexts(row *joiner.Row) stageTexts {
	if int(row.Stage) >= len(l.stages) {
		return l.stages[0]
	}
	return l.stages[row.Stage]
}

// addStage adds how final a row is.
func (b *Builder) addStage(row *joiner.Row) {
	texts := b.layout.stageTexts(row)
	if b.table.pending {
		b.tail[pending].addOptionalText(texts.pending)
	}
	if b.table.staged {
		b.tail[stage].addOptionalText(texts.stage)
	}
}

// hasOwn reports whether a table has a column of labeljoin's own.
func hasOwn(known []TableColumn, name string) bool {
	return slices.ContainsFunc(known, func(c TableColumn) bool { return c.Kind == KindOwn && c.Name == name })
}

// stageColumns are which of the two columns the files of a layout have, and which it fills.
func stageColumns(c Config) (has, fills []string) {
	rules := joiner.Rules{Labels: c.Labels}
	if len(c.Stages) > 0 {
		fills = append(fills, pendingColumn)
	}
	if rules.HasProvisional() {
		fills = append(fills, stageColumn)
	}
	has = slices.Clone(fills)
	for _, name := range [...]string{pendingColumn, stageColumn} {
		if hasOwn(c.Known, name) && !slices.Contains(has, name) {
			has = append(has, name)
		}
	}
	return has, fills
}

// checkTaken refuses a table in which a column that is needed is of something else.
func checkTaken(fills []string, known []TableColumn) error {
	for _, name := range fills {
		taken := func(c TableColumn) bool {
			return events.SameColumn(c.Name, name) && (c.Kind != KindOwn || c.Name != name)
		}
		if slices.ContainsFunc(known, taken) {
			return &StageTakenError{Column: name}
		}
	}
	return nil
}

// StageTakenError says that a table has a column pending or stage of a feature or a label, and
// that the column is needed to say how final a row is.
type StageTakenError struct{ Column string }

func (e *StageTakenError) Error() string {
	return fmt.Sprintf("the output has a column %q of a feature or a label, and rows that are written before all their labels are final need it: "+
		"write to another output.dir, or have every row wait for all labels (emit: close, and no provisional)", e.Column)
}

// Misuse reports that the configuration has to be changed.
func (e *StageTakenError) Misuse() bool { return true }
