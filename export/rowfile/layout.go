package rowfile

import (
	"fmt"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go/compress"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Feature declares a feature's column.
type Feature struct {
	Name string // of the column; an item feature's starts with item_
	Type string // see ParseType
}

// Config says which columns the files have besides the undeclared features.
type Config struct {
	Labels []joiner.Label // only names, windows, aggregates and the names and kinds of columns are used
	// Stages are those of the rules. If there are any, the files have the column pending, and if a
	// label may be provisional, the column stage.
	Stages   []time.Duration
	Weight   bool // whether rows have a weight
	Features []Feature
	// Rename maps features to the columns they are to have. The key is
	// "features.NAME" for a feature of the request, "items.NAME" for one of
	// the items, or simply the name of the column it would have had. An empty
	// value leaves the feature out.
	Rename map[string]string
	// Many says that files follow one another without a pause, and stay: the memory of two
	// is kept for those to come, and not left to the garbage collector; and they are
	// compressed a little better, for a little more time.
	Many bool
	// Reserve are columns that no feature gets by its name, though the files do not have them.
	Reserve []string
	// Mode says which other columns features may have.
	Mode Mode
	// Known are the columns of the table so far. The labels among them that are not in
	// Labels keep their columns, which are null from now on.
	Known []TableColumn
}

// Layout is a checked Config.
type Layout struct {
	mode     Mode
	labelled map[string]bool // the columns of labels, in lower case
	former   []TableColumn   // of labels before: a value and a time each, in turn, and what labels kept
	labels   []joiner.Label
	extra    []Column // what labels keep of the outcomes that decide them, in their order
	weight   bool
	stages   []stageTexts // of final rows, and then by stage
	staged   []string     // which of the columns that say so the files have
	declared []declared
	typed    map[string]bool // the declared columns, in lower case
	rename   map[string]string
	// reserved are the columns that no feature gets by its name: labeljoin's own,
	// the labels' and those that Rename gives to other features. Its keys are in
	// lower case, its values say what the column holds.
	reserved    map[string]string
	codec       compress.Codec
	memory      sync.Pool   // of memory
	kept        chan memory // instead of it, if memory is kept; nil: it is not
	encoding    colfile.Memory
	columns     sync.Pool // of *colfile.Column, for what is made of columns
	coders      sync.Pool // of *colfile.Coder
	groupRows   int
	maxFeatures int
}

type declared struct {
	name string
	typ  Type
}

// NewLayout checks c.
func NewLayout(c Config) (*Layout, error) {
	l := &Layout{labels: c.Labels, weight: c.Weight, rename: c.Rename, reserved: map[string]string{},
		mode: c.Mode, labelled: map[string]bool{}, typed: map[string]bool{},
		groupRows: rowGroupRows, maxFeatures: MaxFeatures}
	if c.Many {
		l.encoding.Keep(workersAtOnce())
		l.kept = make(chan memory, 2)
	}
	var err error
	if l.codec, err = newCodec(c.Many); err != nil {
		return nil, err
	}
	for _, name := range [...]string{
		"request_id", "request_ts", "model", "model_version", "user_id", "item_id", "position", "score",
		"weight", "revision", "reason",
	} {
		l.reserved[name] = fmt.Sprintf("labeljoin's own column %q", name)
	}
	var fills []string
	l.stages = stageTextsOf(c)
	l.staged, fills = stageColumns(c)
	for _, name := range l.staged {
		l.reserved[name] = fmt.Sprintf("labeljoin's own column %q", name)
	}
	l.reserved["dt"] = `the partition column "dt"`
	for _, name := range c.Reserve {
		l.reserved[events.ColumnKey(name)] = fmt.Sprintf("the reserved column %q", name)
	}
	for _, label := range c.Labels {
		for _, extra := range label.Columns {
			l.extra = append(l.extra, Column{Name: extra.Name, Type: ExtraType(extra.Kind)})
		}
		for _, name := range append([]string{label.Name}, label.OwnColumns()...) {
			if other, taken := l.reserved[events.ColumnKey(name)]; taken {
				return nil, &LabelClashError{Label: label.Name, Column: name, Other: other}
			}
			l.reserved[events.ColumnKey(name)] = fmt.Sprintf("the column %q of label %q", name, label.Name)
			l.labelled[events.ColumnKey(name)] = true
		}
	}
	if err := l.declare(c.Features); err != nil {
		return nil, err
	}
	if err := checkTaken(fills, c.Known); err != nil {
		return nil, err
	}
	for from, to := range c.Rename {
		if what, taken := l.reserved[events.ColumnKey(to)]; taken {
			return nil, &ColumnClashError{Column: to, First: what, Second: fmt.Sprintf("the renamed feature %q", from),
				Key: from}
		}
	}
	for from, to := range c.Rename {
		if to != "" {
			l.reserved[events.ColumnKey(to)] = fmt.Sprintf("the column of the renamed feature %q", from)
		}
	}
	l.keepFormer(c.Known)
	return l, nil
}

// keepFormer finds the labels that the table has and the configuration has no more. No
// feature gets their columns by its name, so that a column means one thing.
func (l *Layout) keepFormer(known []TableColumn) {
	times := map[string]TableColumn{}
	for _, c := range known {
		if c.Kind == KindLabel && c.Type == (Type{Scalar: ScalarTimestamp}) {
			times[events.ColumnKey(c.Name)] = c
		}
	}
	free := func(key string) bool { return l.reserved[key] == "" && !l.typed[key] }
	for _, c := range known {
		key := events.ColumnKey(c.Name)
		if c.Kind != KindLabel || !free(key) {
			continue
		}
		of := []TableColumn{c}
		switch at, paired := times[key+"_ts"]; {
		case paired && free(key+"_ts"):
			of = append(of, at)
		case paired, c.Type == (Type{Scalar: ScalarTimestamp}):
			continue // half of a pair; what labels kept is never a time
		}
		l.former = append(l.former, of...)
		for _, column := range of {
			l.reserved[events.ColumnKey(column.Name)] = fmt.Sprintf("the column %q of the label %q before", column.Name, c.Name)
		}
	}
}

// ExtraType is the type of a column in which a label keeps values of a kind.
func ExtraType(k events.ValueKind) Type {
	switch k {
	case events.ValueString:
		return Type{Scalar: ScalarString}
	case events.ValueBool:
		return Type{Scalar: ScalarBool}
	case events.ValueInt:
		return Type{Scalar: ScalarInt32}
	}
	return Type{Scalar: ScalarDouble}
}

// declare checks the declared features. One that is renamed by the name of its
// column is declared for the column that it gets.
func (l *Layout) declare(features []Feature) error {
	for _, f := range features {
		name := f.Name
		if to, renamed := l.rename[name]; renamed {
			if name = to; name == "" {
				continue
			}
		}
		key := events.ColumnKey(name)
		t, err := ParseType(f.Type)
		switch {
		case err != nil:
			return fmt.Errorf("declared feature %q: %w", f.Name, err)
		case l.typed[key]:
			return fmt.Errorf("feature %q is declared twice: names of columns are compared without case", f.Name)
		case name != columnName(name):
			return fmt.Errorf("declared feature %q: the column's name would be %q; declare that", f.Name, columnName(name))
		}
		if what, taken := l.reserved[key]; taken {
			return &ColumnClashError{Column: name, First: what, Second: fmt.Sprintf("the declared feature %q", f.Name),
				Key: f.Name}
		}
		l.typed[key] = true
		l.declared = append(l.declared, declared{name: name, typ: t})
	}
	return nil
}
