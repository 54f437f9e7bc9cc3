package tablelog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// SchemaColumn is a column of the table: every file that is written has it, from the
// commit on that brought it.
type SchemaColumn struct {
	Name string `json:"name"`
	// Type is as in Column, or json: then files have strings that are JSON.
	Type string `json:"type"`
	Kind string `json:"kind"` // own, feature or label
	// Since is the first commit whose files have the column. In a manifest it is absent
	// where that is this commit.
	Since uint64 `json:"since,omitzero"`
}

// The kinds of columns.
const (
	SchemaOwn     = "own"
	SchemaFeature = "feature"
	SchemaLabel   = "label" // of a label: its value, or the time of its outcome
)

// schemaMap is the columns of the table by name in lower case. It is replaced, never
// changed.
type schemaMap map[string]SchemaColumn

// Schema lists the columns of the table, by name. It is empty where no manifest has any:
// before the first commit, and in an output of a version that had no schema.
func (s *State) Schema() []SchemaColumn { return s.schema.list() }

func (m schemaMap) list() []SchemaColumn {
	return slices.SortedFunc(maps.Values(m), func(x, y SchemaColumn) int { return cmp.Compare(x.Name, y.Name) })
}

// with is the schema after an operation of that commit brought or changed columns. A
// column keeps its first commit.
func (m schemaMap) with(changed []SchemaColumn, commit uint64) schemaMap {
	if len(changed) == 0 {
		return m
	}
	after := maps.Clone(m)
	if after == nil {
		after = schemaMap{}
	}
	for _, c := range changed {
		key := events.ColumnKey(c.Name)
		before, known := m[key]
		if c.Since = cmp.Or(c.Since, commit); known {
			c.Since = min(c.Since, before.Since)
		}
		after[key] = c
	}
	return after
}

// checkBeside reports which column of an operation another one brought meanwhile with another type:
// both cannot be.
func checkBeside(mine, theirs *Operation) error {
	for _, c := range theirs.Schema {
		i := slices.IndexFunc(mine.Schema, func(m SchemaColumn) bool { return events.SameColumn(m.Name, c.Name) })
		if i >= 0 && (mine.Schema[i].Type != c.Type || mine.Schema[i].Kind != c.Kind || mine.Schema[i].Name != c.Name) {
			return fmt.Errorf("operation %d was made meanwhile, and brought the column %s with another type: run this again",
				theirs.Number, c.Name)
		}
	}
	return nil
}

// checkSchema reports what cannot have been written.
func checkSchema(columns []SchemaColumn, commit uint64) error {
	seen := map[string]bool{}
	for _, c := range columns {
		key := events.ColumnKey(c.Name)
		known := c.Kind == SchemaOwn || c.Kind == SchemaFeature || c.Kind == SchemaLabel
		if c.Name == "" || c.Type == "" || !known || seen[key] || c.Since > commit {
			return fmt.Errorf("column %q of the schema cannot be, or is listed twice", c.Name)
		}
		seen[key] = true
	}
	return nil
}
