package shards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Role says what a column is for.
type Role string

// The roles.
const (
	RoleKey     Role = "key" // says which request, user and item a row is of
	RoleFeature Role = "feature"
	RoleLabel   Role = "label"
	RoleWeight  Role = "weight"
	RoleAbout   Role = "about" // says how a label came to be, and so tells the label
)

// Column is a column of an export.
type Column struct {
	rowfile.Column
	Role     Role
	Required bool
	at       int // in the vectors
}

// plan says which columns of the files are read, and which are written.
type plan struct {
	read    []rowfile.Column // the columns of the vectors
	byName  map[string]int   // their numbers, by name in lower case
	columns []Column         // that are written, in order
	key     keyColumns
	labels  []int // the vectors of the labels, -1 where no file has the label
	// labelWeights are the vectors of the labels' weights; nil: they have none of their own.
	labelWeights []int
	split        int     // the vector of the column that splits; -1: none does
	weights      bool    // whether rows have a weight
	books        []*book // of the vectors; nil: values of that one are not looked up
}

// keyColumns are the numbers of the vectors that say what becomes of a row.
type keyColumns struct {
	requestID, requestTS, model, itemID, userID, revision, reason, weight int
	stage                                                                 int // with Options.Stage
	// These are no columns of files: the hash that orders, the file's number in the
	// order of commits, and whether the row is of another day, and is only there to
	// replace one of this day.
	order, file, ghost int
}

// The columns that begin every row, and those that end it.
func headColumns() []Column {
	str, num := rowfile.Type{Scalar: rowfile.ScalarString}, rowfile.Type{Scalar: rowfile.ScalarInt64}
	head := func(name string, t rowfile.Type, role Role, required bool) Column {
		return Column{Column: rowfile.Column{Name: name, Type: t}, Role: role, Required: required}
	}
	return []Column{
		head("request_id", str, RoleKey, true), head("request_ts", rowfile.Type{Scalar: rowfile.ScalarTimestamp}, RoleKey,
			true),
		head("model", str, RoleKey, false), head("model_version", str, RoleKey, false), head("user_id", str, RoleKey, false),
		head("item_id", str, RoleKey, false), head("position", num, RoleFeature, false),
		head("score", rowfile.Type{Scalar: rowfile.ScalarDouble}, RoleFeature, false),
	}
}

// itemPrefix begins the names of the columns of items' features.
const itemPrefix = "item_"

// newPlan makes the plan for the files of a table up to some commit. The columns are
// all that any file has, so that every day has the columns of the days before it. A
// column has the type that the schema of the table has for it, or, in outputs of before
// there was one, that of the first file that has it, widened by those after it.
func newPlan(files []export.TableFile, schema []tablelog.SchemaColumn, o *Options) (*plan, error) {
	p := &plan{byName: map[string]int{}, split: -1}
	hasWeight := o.Sampling.thins() || hasColumn(files, "weight")
	for _, c := range headColumns() {
		p.write(c)
	}
	for _, c := range featureColumns(files, schema) {
		p.write(Column{Column: c, Role: RoleFeature})
	}
	about := func(c Column, wanted bool) int {
		if wanted {
			p.write(c)
			return c.at
		}
		return p.add(c.Column)
	}
	for _, l := range o.Rules.Labels {
		if _, taken := p.byName[events.ColumnKey(l.Name)]; taken {
			return nil, &LabelTakenError{Label: l.Name}
		}
		value, _ := rowfile.LabelTypes(l.Agg)
		p.write(Column{Column: rowfile.Column{Name: l.Name, Type: value}, Role: RoleLabel})
		p.labels = append(p.labels, p.byName[events.ColumnKey(l.Name)])
		if o.LabelTimes {
			about(Column{Column: rowfile.Column{Name: l.Name + "_ts", Type: rowfile.Type{Scalar: rowfile.ScalarTimestamp}},
				Role: RoleAbout}, true)
		}
		if o.LabelColumns {
			for _, extra := range l.Columns {
				about(Column{Column: rowfile.Column{Name: extra.Name, Type: rowfile.ExtraType(extra.Kind)}, Role: RoleAbout}, true)
			}
		}
	}
	weight := Column{Column: rowfile.Column{Name: "weight", Type: rowfile.Type{Scalar: rowfile.ScalarDouble}},
		Role:     RoleWeight,
		Required: true}
	about(weight, hasWeight)
	if err := p.addLabelWeights(o); err != nil {
		return nil, err
	}
	about(Column{Column: rowfile.Column{Name: "revision", Type: rowfile.Type{Scalar: rowfile.ScalarInt32}},
		Role:     RoleAbout,
		Required: true}, o.Revision)
	about(Column{Column: rowfile.Column{Name: "reason", Type: rowfile.Type{Scalar: rowfile.ScalarString}}, Role: RoleAbout,
		Required: true}, o.Reason)
	if o.Pending {
		about(Column{Column: rowfile.Column{Name: "pending", Type: rowfile.Type{Scalar: rowfile.ScalarString}},
			Role: RoleAbout}, true)
	}
	if o.Stage {
		about(Column{Column: rowfile.Column{Name: "stage", Type: rowfile.Type{Scalar: rowfile.ScalarString}},
			Role: RoleAbout}, true)
	}
	p.weights = hasWeight
	p.key = keyColumns{
		requestID: p.byName["request_id"], requestTS: p.byName["request_ts"], model: p.byName["model"],
		itemID: p.byName["item_id"], userID: p.byName["user_id"],
		revision: p.byName["revision"], reason: p.byName["reason"], weight: p.byName["weight"],
		stage: p.byName["stage"],
		order: len(p.read), file: len(p.read) + 1, ghost: len(p.read) + 2,
	}
	p.read = append(p.read, rowfile.Column{Type: rowfile.Type{Scalar: rowfile.ScalarInt64}},
		rowfile.Column{Type: rowfile.Type{Scalar: rowfile.ScalarInt32}},
		rowfile.Column{Type: rowfile.Type{Scalar: rowfile.ScalarBool}})
	p.makeBooks()
	return p, p.choose(o)
}

// addLabelWeights adds the column of each label's weight, where labels have samples of their own.
func (p *plan) addLabelWeights(o *Options) error {
	if len(o.Sampling.Labels) == 0 {
		return nil
	}
	for _, l := range o.Rules.Labels {
		name := l.Name + weightSuffix
		if _, taken := p.byName[events.ColumnKey(name)]; taken {
			return &WeightTakenError{Label: l.Name, Column: name}
		}
		p.write(Column{Column: rowfile.Column{Name: name, Type: rowfile.Type{Scalar: rowfile.ScalarDouble}},
			Role: RoleWeight, Required: true})
		p.labelWeights = append(p.labelWeights, p.byName[events.ColumnKey(name)])
	}
	return nil
}

// weightSuffix ends the names of the columns of the labels' weights.
const weightSuffix = "_weight"

// WeightTakenError says that the output has the column in which a label's weight would be.
type WeightTakenError struct{ Label, Column string }

func (e *WeightTakenError) Error() string {
	return fmt.Sprintf("export.sample.labels: the output has a column %q already, where the weight of label %q would be: "+
		"use sample.negatives or sample.models, or give the label another name", e.Column, e.Label)
}

// Misuse reports that the configuration has to be changed.
func (e *WeightTakenError) Misuse() bool { return true }

// isWeight reports whether a vector has weights, which are 1 where no file has them.
func (p *plan) isWeight(at int) bool {
	return at == p.key.weight || slices.Contains(p.labelWeights, at)
}

// LabelTakenError says that a label of the configuration is a feature in the output.
type LabelTakenError struct{ Label string }

func (e *LabelTakenError) Error() string {
	return fmt.Sprintf("label %q: files of the output have a feature in that column: give the label another name, or export with the configuration that wrote the output", e.Label)
}

// Misuse reports that the configuration has to be changed.
func (e *LabelTakenError) Misuse() bool { return true }

// choose leaves out what is not wanted, and finds the column that splits.
func (p *plan) choose(o *Options) error {
	if name := o.Splits.Column; o.Splits.By == SplitByColumn {
		at, ok := p.byName[events.ColumnKey(name)]
		if !ok || p.read[at].Type.List {
			return &ColumnError{Setting: "export.split.column", Column: name}
		}
		p.split = at
	}
	for _, name := range o.Exclude {
		before := len(p.columns)
		p.columns = slices.DeleteFunc(p.columns, func(c Column) bool { return events.SameColumn(c.Name, name) })
		if len(p.columns) == before {
			return &ColumnError{Setting: "export.exclude", Column: name}
		}
	}
	if len(p.columns) == 0 {
		return &ColumnError{Setting: "export.exclude", Column: ""}
	}
	return nil
}

// ColumnError says that a setting names a column that is not there.
type ColumnError struct{ Setting, Column string }

func (e *ColumnError) Error() string {
	if e.Column == "" {
		return e.Setting + " leaves out every column"
	}
	return fmt.Sprintf("%s: the output has no column %q that can be used so", e.Setting, e.Column)
}

// Misuse reports that the configuration has to be changed.
func (e *ColumnError) Misuse() bool { return true }

// write adds a column that is read and written.
func (p *plan) write(c Column) {
	c.at = p.add(c.Column)
	p.columns = append(p.columns, c)
}

// add adds a column that is read, and returns its number.
func (p *plan) add(c rowfile.Column) int {
	p.byName[events.ColumnKey(c.Name)] = len(p.read)
	p.read = append(p.read, c)
	return len(p.read) - 1
}

// makeBooks makes a book for each column that may have one: what settling counts with has none.
func (p *plan) makeBooks() {
	k := &p.key
	plain := slices.Concat([]int{k.requestID, k.requestTS, k.revision, k.weight, k.order, k.file, k.ghost}, p.labels,
		p.labelWeights)
	p.books = make([]*book, len(p.read))
	for i := range p.read {
		if !slices.Contains(plain, i) {
			p.books[i] = newBook(p.read[i].Type)
		}
	}
}

// vectors are columns without rows.
func (p *plan) vectors() []*vector {
	vectors := make([]*vector, len(p.read))
	for i := range p.read {
		vectors[i] = newVector(p.read[i].Type, p.books[i])
	}
	return vectors
}

// featureColumns are the features of all files, those of the request before those of
// items, each part by name.
func featureColumns(files []export.TableFile, schema []tablelog.SchemaColumn) []rowfile.Column {
	known := map[string]*rowfile.Column{}
	for i := range files {
		for _, c := range files[i].Features {
			key := events.ColumnKey(c.Name)
			if before := known[key]; before == nil {
				known[key] = &c
			} else {
				before.Type = widen(before.Type, c.Type)
			}
		}
	}
	for _, c := range schema {
		of := known[events.ColumnKey(c.Name)]
		t, err := rowfile.ParseColumnType(c.Type)
		if of == nil || err != nil || c.Kind != tablelog.SchemaFeature {
			continue
		}
		if t.Scalar == rowfile.ScalarJSON {
			t.Scalar = rowfile.ScalarString
		}
		of.Type = t
	}
	out := make([]rowfile.Column, 0, len(known))
	for _, c := range known {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(x, y rowfile.Column) int {
		return cmp.Or(cmp.Compare(itemRank(x.Name), itemRank(y.Name)), cmp.Compare(x.Name, y.Name))
	})
	return out
}

func itemRank(name string) int {
	if strings.HasPrefix(events.ColumnKey(name), itemPrefix) {
		return 1
	}
	return 0
}

// widen is the type of a column that has one type and meets another: integers and
// doubles are doubles, and else the first type stays. A file in which all lists are empty
// calls them lists of integers, so any other kind of list comes before that.
func widen(first, other rowfile.Type) rowfile.Type {
	integers := first.List == other.List && first.Scalar == rowfile.ScalarInt64
	if integers && (first.List || other.Scalar == rowfile.ScalarDouble) {
		return other
	}
	return first
}
