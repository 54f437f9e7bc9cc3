package export

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/export/rowfile"
)

// MovedFeature is a feature that has another column than its name asks for,
// because that one is taken.
type MovedFeature = rowfile.Moved

// FeatureNotes is what became of features since the output was opened.
type FeatureNotes struct {
	// Moved are the first hundred features, by name, that have another column than
	// their name asks for.
	Moved []MovedFeature
	// MovedValues counts the values of all of them.
	MovedValues int64
	// DroppedValues counts values of features that their row had too many of.
	DroppedValues int64
}

// mostMoved is how many features are told of by name.
const mostMoved = 100

// featureNotes collects FeatureNotes. It is used by several goroutines.
type featureNotes struct {
	mu    sync.Mutex
	notes FeatureNotes
	full  bool // it was said that no more features are told of
}

// FeatureNotes says which features have other columns than their names ask for,
// and how many values were dropped, since the output was opened.
func (o *Output) FeatureNotes() FeatureNotes {
	o.features.mu.Lock()
	defer o.features.mu.Unlock()
	out := o.features.notes
	out.Moved = slices.Clone(out.Moved)
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
