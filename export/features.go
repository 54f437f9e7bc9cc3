package export

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// MovedFeature is a feature that has another column than its name asks for,
// because that one is taken.
type MovedFeature = rowfile.Moved

// ChangedFeature is a column of a feature whose type is not the same in all files.
type ChangedFeature struct {
	Column   string
	From, To string // the types at the last change, as manifests have them
	Changes  int64  // how often a file had another type than the one before it
}

// FeatureNotes is what became of features since the output was opened.
type FeatureNotes struct {
	// Moved are the first hundred features, by name, that have another column than
	// their name asks for.
	Moved []MovedFeature
	// MovedValues counts the values of all of them.
	MovedValues int64
	// DroppedValues counts values of features that their row had too many of.
	DroppedValues int64
	// Changed are the first hundred columns, by name, whose type changed between files.
	Changed []ChangedFeature
}

// mostMoved is how many features are told of by name, and mostTyped how many columns'
// types are remembered: twice what a file may have.
const (
	mostMoved = 100
	mostTyped = 2 * rowfile.MaxFeatures
)

// featureNotes collects FeatureNotes. It is used by several goroutines.
type featureNotes struct {
	mu    sync.Mutex
	notes FeatureNotes
	full  bool // it was said that no more features are told of
	// types are those of the columns, as the last file has them that has the column.
	types     map[string]string
	typesFull bool // it was said that no more changes are told of
}

// FeatureNotes says which features have other columns than their names ask for,
// and how many values were dropped, since the output was opened.
func (o *Output) FeatureNotes() FeatureNotes {
	o.features.mu.Lock()
	defer o.features.mu.Unlock()
	out := o.features.notes
	out.Moved, out.Changed = slices.Clone(out.Moved), slices.Clone(out.Changed)
	return out
}

// add counts what a file did with its features, and says each thing once.
func (n *featureNotes) add(b *rowfile.Builder, log *slog.Logger) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range b.Moved() {
		n.notes.MovedValues += m.Values
		at, known := slices.BinarySearchFunc(n.notes.Moved, m, func(x, y MovedFeature) int {
			return cmp.Or(strings.Compare(x.Feature, y.Feature), strings.Compare(x.Column, y.Column))
		})
		switch {
		case known:
			n.notes.Moved[at].Values += m.Values
		case m.Feature == "" || len(n.notes.Moved) == mostMoved:
			if !n.full {
				n.full = true
				log.Warn("still more features have other columns than their names ask for; those are not named", "named", mostMoved)
			}
		default:
			n.notes.Moved = slices.Insert(n.notes.Moved, at, m)
			log.Warn("a feature has another column, because the one that its name asks for is taken; output.rename can give it a name",
				"feature", m.Feature, "column", m.Column)
		}
	}
	values, id := b.Dropped()
	if values > 0 && n.notes.DroppedValues == 0 {
		log.Warn("a request has more features than a file has columns; the first ones are kept, the others are null and counted",
			"request_id", id, "kept", rowfile.MaxFeatures, "dropped_values", values)
	}
	n.notes.DroppedValues += values
}

// typed compares the types of a file's feature columns with those of the files before,
// and says once of each column that its type has changed. A nil log only remembers.
func (n *featureNotes) typed(columns []tablelog.Column, log *slog.Logger) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.types == nil {
		n.types = map[string]string{}
	}
	for _, c := range featuresOf(columns) {
		before, known := n.types[c.Name]
		if known || len(n.types) < mostTyped {
			n.types[c.Name] = c.Type
		}
		if known && before != c.Type && log != nil {
			n.changed(ChangedFeature{Column: c.Name, From: before, To: c.Type, Changes: 1}, log)
		}
	}
}

// changed counts a change of a column's type.
func (n *featureNotes) changed(c ChangedFeature, log *slog.Logger) {
	at, known := slices.BinarySearchFunc(n.notes.Changed, c, func(x, y ChangedFeature) int {
		return strings.Compare(x.Column, y.Column)
	})
	switch {
	case known:
		c.Changes += n.notes.Changed[at].Changes
		n.notes.Changed[at] = c
	case len(n.notes.Changed) == mostMoved:
		if !n.typesFull {
			n.typesFull = true
			log.Warn("the types of still more features change between files; those are not named", "named", mostMoved)
		}
	default:
		n.notes.Changed = slices.Insert(n.notes.Changed, at, c)
		log.Warn("a feature has another type than in the file before, which readers of several files have to bring together; features.declare can fix its type",
			"column", c.Column, "type_before", c.From, "type", c.To)
	}
}
