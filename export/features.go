package export

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// MovedFeature is a feature that has another column than its name asks for,
// because that one is taken.
type MovedFeature = rowfile.Moved

// ChangedFeature is a column of a feature whose type in the table was changed: a column
// of integers that met a fraction, or one that was declared.
type ChangedFeature struct {
	Column   string
	From, To string // the types, as manifests have them
}

// UnfitFeature is a column of a feature with values that its type does not hold.
type UnfitFeature struct {
	Column  string
	Type    string
	Values  int64  // that are null therefore
	Example string // one of them, as JSON
}

// FeatureNotes is what became of features since the output was opened. Of each list the
// first hundred are there.
type FeatureNotes struct {
	// Moved are features, by name, that have another column than their name asks for.
	Moved []MovedFeature
	// MovedValues counts the values of all of them.
	MovedValues int64
	// DroppedValues counts values of features that their row, or the table, had too many of.
	DroppedValues int64
	// Changed are columns, by name, whose type was changed.
	Changed []ChangedFeature
	// Unfit are columns, by name, with values that did not fit.
	Unfit []UnfitFeature
	// UnfitValues counts the values of all of them.
	UnfitValues int64
	// LeftOut names features, in order, that features.mode gives no column.
	LeftOut []string
	// LeftOutValues counts the values of all of them.
	LeftOutValues int64
	// Rounded counts integers beyond 2^53 that were written as doubles.
	Rounded int64
}

// mostMoved is how many features are told of by name, of each kind.
const mostMoved = 100

// featureNotes collects FeatureNotes. It is used by several goroutines.
type featureNotes struct {
	mu    sync.Mutex
	notes FeatureNotes
	// full says that it was said that no more features are told of, of each kind.
	full struct{ moved, changed, unfit, leftOut bool }
}

// FeatureNotes says what became of features since the output was opened.
func (o *Output) FeatureNotes() FeatureNotes {
	o.features.mu.Lock()
	defer o.features.mu.Unlock()
	out := o.features.notes
	out.Moved, out.Changed = slices.Clone(out.Moved), slices.Clone(out.Changed)
	out.Unfit, out.LeftOut = slices.Clone(out.Unfit), slices.Clone(out.LeftOut)
	return out
}

// add counts what a file did with its features, and says each thing once.
func (n *featureNotes) add(b *rowfile.Builder, log *slog.Logger) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range b.Moved() {
		n.notes.MovedValues += m.Values
		room := mostMoved
		if m.Feature == "" { // the file itself has no room for more names
			room = 0
		}
		order := func(x, y MovedFeature) int {
			return cmp.Or(strings.Compare(x.Feature, y.Feature), strings.Compare(x.Column, y.Column))
		}
		switch known, fresh := keep(&n.notes.Moved, m, order, room); {
		case known == nil:
			once(&n.full.moved, log, "still more features have other columns than their names ask for; those are not named")
		case fresh:
			log.Warn("a feature has another column, because the one that its name asks for is taken; output.rename can give it a name",
				"feature", m.Feature, "column", m.Column)
		default:
			known.Values += m.Values
		}
	}
	values, id := b.Dropped()
	if values > 0 && n.notes.DroppedValues == 0 {
		log.Warn("a request has more features than the table has columns for; the first ones are kept, the others are null and counted",
			"request_id", id, "kept", rowfile.MaxFeatures, "dropped_values", values)
	}
	n.notes.DroppedValues += values
}

// begin compares the columns that are written now with those of the table so far.
func (n *featureNotes) begin(known, now []rowfile.TableColumn, log *slog.Logger) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := map[string]rowfile.TableColumn{}
	for _, c := range known {
		before[events.ColumnKey(c.Name)] = c
	}
	for _, c := range now {
		if was, there := before[events.ColumnKey(c.Name)]; there && was.Type != c.Type {
			n.changed(ChangedFeature{Column: c.Name, From: was.Type.String(), To: c.Type.String()}, log)
		}
	}
}

// took takes down what became of the values of a commit, and says each thing once.
func (n *featureNotes) took(t *rowfile.Table, log *slog.Logger) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range t.Notes() {
		if c.From != c.Type {
			n.changed(ChangedFeature{Column: c.Column, From: c.From.String(), To: c.Type.String()}, log)
		}
		if c.Unfit > 0 {
			n.unfit(UnfitFeature{Column: c.Column, Type: c.Type.String(), Values: c.Unfit, Example: c.Example}, log)
		}
		if c.Rounded > 0 && n.notes.Rounded == 0 {
			log.Warn("integers beyond 2^53 are rounded, because numbers are doubles; features.declare with int64 or string keeps them",
				"column", c.Column)
		}
		n.notes.Rounded += c.Rounded
	}
	values, names := t.LeftOut()
	n.notes.LeftOutValues += values
	for _, name := range names {
		n.leftOut(name, log)
	}
}

// keep puts a thing into a list that is in order, if the list has room for it and does not
// have it. It returns the list's, nil if there is none, and whether that is new.
func keep[T any](list *[]T, v T, order func(x, y T) int, room int) (kept *T, fresh bool) {
	at, known := slices.BinarySearchFunc(*list, v, order)
	if !known {
		if len(*list) >= room {
			return nil, false
		}
		*list = slices.Insert(*list, at, v)
	}
	return &(*list)[at], !known
}

// once says that a list is full.
func once(said *bool, log *slog.Logger, message string) {
	if !*said {
		*said = true
		log.Warn(message, "named", mostMoved)
	}
}

// changed takes down that the type of a column has changed.
func (n *featureNotes) changed(c ChangedFeature, log *slog.Logger) {
	order := func(x, y ChangedFeature) int { return strings.Compare(x.Column, y.Column) }
	switch known, fresh := keep(&n.notes.Changed, c, order, mostMoved); {
	case known == nil:
		once(&n.full.changed, log, "the types of still more columns have changed; those are not named")
	case fresh:
		log.Warn("a column has another type from now on than in the files before; labeljoin compact brings whole numbers and float32 to double, and labeljoin view prints what reads all files",
			"column", c.Column, "type_before", c.From, "type", c.To)
	default:
		*known = c
	}
}

// unfit takes down that values did not fit.
func (n *featureNotes) unfit(f UnfitFeature, log *slog.Logger) {
	n.notes.UnfitValues += f.Values
	order := func(x, y UnfitFeature) int { return strings.Compare(x.Column, y.Column) }
	switch known, fresh := keep(&n.notes.Unfit, f, order, mostMoved); {
	case known == nil:
		once(&n.full.unfit, log, "values of still more features do not fit their columns' types; those are not named")
	case fresh:
		log.Warn("a feature has values that its column's type does not hold; they are null and counted; features.declare gives it another type: json holds everything",
			"column", f.Column, "type", f.Type, "example", f.Example)
	default:
		known.Values += f.Values
	}
}

// leftOut takes down a feature that the mode gives no column.
func (n *featureNotes) leftOut(name string, log *slog.Logger) {
	switch known, fresh := keep(&n.notes.LeftOut, name, strings.Compare, mostMoved); {
	case known == nil:
		once(&n.full.leftOut, log, "still more features are left out by features.mode; those are not named")
	case fresh:
		log.Warn("a feature is left out, because features.mode gives it no column; features.declare gives it one",
			"column", name)
	}
}
