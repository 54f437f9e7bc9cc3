package shards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// LabelMissingError says that no file of an output has a label of the configuration: all its
// values would be null.
type LabelMissingError struct {
	Label string
	Known []string // the labels that the output has, as far as that is known
}

func (e *LabelMissingError) Error() string {
	known := ""
	if len(e.Known) > 0 {
		known = fmt.Sprintf(", it has %s", strings.Join(e.Known, ", "))
	}
	return fmt.Sprintf("label %q: no file of the output has it%s: export with the configuration that wrote the output; rows of a new label are there once the joiner has committed with it, or after a replay",
		e.Label, known)
}

// Misuse reports that the configuration has to be changed.
func (e *LabelMissingError) Misuse() bool { return true }

// CheckLabels reports a label of the rules that no file of a table has, as a *LabelMissingError.
func CheckLabels(table *export.Table, rules *joiner.Rules) error {
	for i := range rules.Labels {
		name := rules.Labels[i].Name
		has := func(f export.TableFile) bool {
			return f.Columns == nil || slices.ContainsFunc(f.Columns, func(c rowfile.Column) bool { return c.Name == name })
		}
		if !slices.ContainsFunc(table.Files, has) {
			return &LabelMissingError{Label: name, Known: labelsOf(table)}
		}
	}
	return nil
}

// labelsOf are the labels in the schema of a table.
func labelsOf(table *export.Table) (names []string) {
	for _, c := range table.State.Schema() {
		if c.Kind == tablelog.SchemaLabel {
			names = append(names, c.Name)
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.Contains(names, name+"_ts") // it is a time, or what a label keeps
	})
}

// OtherLabels are the labels of an output that the rules do not have, and which are therefore left
// out of its exports.
func OtherLabels(table *export.Table, rules *joiner.Rules) []string {
	return slices.DeleteFunc(labelsOf(table), func(name string) bool {
		return slices.ContainsFunc(rules.Labels, func(l joiner.Label) bool { return l.Name == name })
	})
}

// GoneFileError says that a committed file of a day is not there. It is an fs.ErrNotExist.
type GoneFileError struct {
	Path string
	Err  error
}

func (e *GoneFileError) Error() string {
	return fmt.Sprintf("%s is not there, though the manifests name it: it was removed from outside: restore it from a backup, or compute the day again with `labeljoin replay --replace`; days that are not wanted any more are ended by `labeljoin retain` (%v)",
		e.Path, e.Err)
}

func (e *GoneFileError) Unwrap() error { return e.Err }

// Refusal reports that a person has to decide.
func (e *GoneFileError) Refusal() bool { return true }
