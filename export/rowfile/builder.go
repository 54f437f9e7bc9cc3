// Package rowfile holds one file of labeled rows: its rows in memory, column by
// column, its encoding as Parquet, and the reading back of what was written.
package rowfile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// MaxFeatures bounds the feature columns of one file, and so the features of a
// row: a footer describes every one of them, and keys made of ids would make a
// column each.
const MaxFeatures = 4096

// rowOverhead and columnOverhead are what a row costs in the fixed columns and
// a column costs empty, in bytes, roughly.
const (
	rowOverhead    = 64
	labelOverhead  = 2 * (tagBytes + numBytes)
	columnOverhead = 512
)

// Builder buffers the rows of a file. It is used by one goroutine, which is that of all
// builders of its table.
type Builder struct {
	layout *Layout
	table  *Table
	rows   int
	size   int

	head   [8]column // request_id to score
	labels []column  // per label its value and its ts, then what labels keep, then those of labels before
	tail   [5]column // weight, revision, reason, pending, stage

	features map[source]guess   // what was found for each feature by itself
	byName   map[string]*column // features that rows have, by column, in lower case
	// guess holds the features of the row before, in its order: mostly the next
	// row has the same.
	guess [2][]guess
	// distinct[0] says that the features of the request are in distinct columns, and
	// distinct[1] that those of the item are too: a row with the same features needs no
	// look-up then.
	distinct [2]bool
	moved    map[movedKey]*Moved // the features that have another column than their own
	dropped  int64               // values of features that were too many for their row or the table
	tooWide  string              // the request of the first such row
	spare    memory              // of columns that come
	run      run                 // of rows that are added together
	gathered gathered.Rows       // of those that come without
	// finished are the file's columns in their order, once no row can come; ofFeatures is how many of them are
	// of features.
	finished   []*column
	ofFeatures int

	minTS, maxTS events.Time
	maxRevision  uint32
	early        int64
}

// guess is what was found for a feature.
type guess struct {
	name       string
	column     string  // as this feature spells it
	col        *column // nil: the feature is left out, or one too many for the row
	assignment assignment
	moved      *Moved // where it has another column than its own: counts its values
}

// Positions in Builder.head and Builder.tail.
const (
	requestID = iota
	requestTS
	model
	modelVersion
	userID
	itemID
	position
	score
)
const (
	weight = iota
	revision
	reason
	pending
	stage
)

// NewBuilder returns an empty file of the table.
func (t *Table) NewBuilder() *Builder {
	b := t.layout.builder(t)
	b.spare = t.layout.takeMemory()
	b.eachFixed(b.spare.giveTo)
	b.size = columnOverhead * (len(b.head) + len(b.labels) + len(b.tail) + len(t.features))
	return b
}

// builder has the columns that every file has.
func (l *Layout) builder(t *Table) *Builder {
	b := &Builder{
		layout: l, table: t, labels: make([]column, 2*len(l.labels), 2*len(l.labels)+len(l.extra)+len(l.former)),
		features: map[source]guess{}, byName: map[string]*column{}, moved: map[movedKey]*Moved{},
		minTS: events.MaxTime, maxTS: events.MinTime,
	}
	str, num, when := Type{Scalar: ScalarString}, Type{Scalar: ScalarInt64}, Type{Scalar: ScalarTimestamp}
	b.head = [8]column{
		fixed("request_id", str, true), fixed("request_ts", when, true), fixed("model", str, false),
		fixed("model_version", str, false), fixed("user_id", str, false), fixed("item_id", str, false),
		fixed("position", num, false), fixed("score", Type{Scalar: ScalarDouble}, false),
	}
	for i, label := range l.labels {
		typ, _ := LabelTypes(label.Agg)
		if double := (Type{Scalar: ScalarDouble}); t.labels[events.ColumnKey(label.Name)] == double {
			typ = double
		}
		b.labels[2*i] = fixed(label.Name, typ, false)
		b.labels[2*i+1] = fixed(label.Name+"_ts", when, false)
	}
	for _, c := range l.extra {
		b.labels = append(b.labels, fixed(c.Name, c.Type, false))
	}
	for _, c := range l.former {
		b.labels = append(b.labels, fixed(c.Name, c.Type, false))
	}
	b.tail = [5]column{
		fixed("weight", Type{Scalar: ScalarDouble}, true), fixed("revision", Type{Scalar: ScalarInt32}, true),
		fixed("reason", str, true), fixed(pendingColumn, str, false), fixed(stageColumn, str, false),
	}
	return b
}

// LabelTypes are the types of a label's value and of its time.
func LabelTypes(agg joiner.Agg) (value, when Type) {
	value, when = Type{Scalar: ScalarDouble}, Type{Scalar: ScalarTimestamp}
	if agg.Integer() {
		value.Scalar = ScalarInt32
	}
	return value, when
}

// eachFixed calls f with the columns that every file has.
func (b *Builder) eachFixed(f func(*column)) {
	for _, cols := range [...][]column{b.head[:], b.labels, b.tail[:]} {
		for i := range cols {
			f(&cols[i])
		}
	}
}

func fixed(name string, t Type, required bool) column {
	return column{name: name, typed: true, typ: t, required: required}
}

// Rows is how many rows were added.
func (b *Builder) Rows() int { return b.rows }

// Size is about how many bytes the rows take in memory.
func (b *Builder) Size() int { return b.size }

// Foresee gives the columns memory for so many times the rows that there are, which are like
// those to come.
func (b *Builder) Foresee(times float64) {
	b.eachFixed(func(c *column) { c.foresee(times) })
	for _, c := range b.byName {
		c.foresee(times)
	}
}

// Add adds a row and returns how many of its feature values did not fit: their
// column's type, or the number of features that a row and the table can have. Values of
// columns that are not decided yet are counted by Table.Settle. After an error the
// builder is of no use.
func (b *Builder) Add(req *events.Request, row *joiner.Row) (unfit int64, err error) {
	if err := b.check(req, row); err != nil {
		return 0, err
	}
	var item *events.Item
	if row.Item >= 0 {
		item = &req.Items[row.Item]
	}
	if !b.guessed(req, item) {
		b.resolveAll(req, item)
	}
	before := b.dropped
	unfit = b.addFeatures(req, req.Features, false)
	if item != nil {
		unfit += b.addFeatures(req, item.Features, true)
	}
	if before == 0 && b.dropped > 0 {
		b.tooWide = strings.Clone(req.ID)
	}
	b.addHead(req, item)
	b.addLabels(row)
	b.rows++
	return unfit, nil
}

// check reports what is wrong with a row, which only a defect can be.
func (b *Builder) check(req *events.Request, row *joiner.Row) error {
	switch {
	case row.Item < -1 || row.Item >= len(req.Items):
		return fmt.Errorf("row of request %q: item %d of %d", req.ID, row.Item, len(req.Items))
	case len(row.Cells) != len(b.layout.labels):
		return fmt.Errorf("row of request %q: %d labels, want %d", req.ID, len(row.Cells), len(b.layout.labels))
	case len(row.Extra) != 0 && len(row.Extra) != len(b.layout.extra):
		return fmt.Errorf("row of request %q: %d values of labels' columns, want %d", req.ID, len(row.Extra),
			len(b.layout.extra))
	case row.Reason >= joiner.Reasons:
		return fmt.Errorf("row of request %q: reason %d is not known", req.ID, uint8(row.Reason))
	}
	return nil
}

func (b *Builder) addFeatures(req *events.Request, fields []events.Field, item bool) (unfit int64) {
	g := b.guess[index(item)]
	for i := range fields {
		c, v := g[i].col, &fields[i].Value
		if c == nil {
			switch g[i].assignment {
			case assignedTooMany:
				unfit++
				b.dropped++
			case assignedUndeclared:
				b.table.unplaced.values++
			}
			continue
		}
		if m := g[i].moved; m != nil {
			m.Values++
		}
		if c.rows != b.rows {
			b.size += tagBytes * (b.rows - c.rows)
			c.skipTo(b.rows)
		}
		if !c.typed {
			c.note(req, v, &g[i])
			b.size += c.add(v)
			continue
		}
		if by := c.of.by; by != nil && by.after(req) && c.early(req, v, &g[i]) {
			v = &events.Value{}
		}
		size, bad := c.addFitting(v)
		b.size += size
		unfit += bad
	}
	return unfit
}

func (b *Builder) addHead(req *events.Request, item *events.Item) {
	h := &b.head
	h[requestID].addText(events.ValueString, req.ID)
	h[requestTS].addInt(req.TS.Micros())
	h[model].addOptionalText(req.Model)
	h[modelVersion].addOptionalText(req.ModelVersion)
	h[userID].addOptionalText(req.UserID)
	b.size += rowOverhead + len(req.ID) + len(req.Model) + len(req.ModelVersion) + len(req.UserID)
	b.addItemHead(req, item)
	b.minTS, b.maxTS = min(b.minTS, req.TS), max(b.maxTS, req.TS)
}

// addItemHead adds the columns of an item, and the score that the request has without one.
func (b *Builder) addItemHead(req *events.Request, item *events.Item) {
	h := &b.head
	has, value := req.HasScore, req.Score
	if item == nil {
		h[itemID].addNull()
		h[position].addNull()
	} else {
		b.size += len(item.ID)
		h[itemID].addText(events.ValueString, item.ID)
		h[position].addIntIf(item.HasPosition, item.Position)
		has, value = item.HasScore, item.Score
	}
	if has {
		h[score].addDouble(value)
	} else {
		h[score].addNull()
	}
}

func (b *Builder) addLabels(row *joiner.Row) {
	for i := range row.Cells { // those of labels before are null, for they get no values
		cell := &row.Cells[i]
		b.labels[2*i].addCell(cell)
		b.labels[2*i+1].addIntIf(cell.TS != events.MinTime, cell.TS.Micros())
	}
	if len(b.layout.extra) > 0 {
		b.addExtra(row)
	}
	b.tail[weight].addDouble(row.Weight)
	b.tail[revision].addInt(int64(min(row.Revision, math.MaxInt32)))
	b.tail[reason].addText(events.ValueString, row.Reason.String())
	b.addStage(row)
	b.size += labelOverhead * len(row.Cells)
	b.count(row)
}

// addCell adds the value of a label.
func (c *column) addCell(cell *joiner.Cell) {
	if word, ok := c.wordOf(cell); ok {
		c.addNum(c.kindOfCells(), word)
	} else {
		c.addNull()
	}
}

// kindOfCells is the kind of the values of a label.
func (c *column) kindOfCells() events.ValueKind {
	if c.typ.Scalar == ScalarInt32 {
		return events.ValueInt
	}
	return events.ValueDouble
}

// wordOf is the value of a label as its column holds it, if it is not null.
func (c *column) wordOf(cell *joiner.Cell) (word uint64, ok bool) {
	switch {
	case cell.Null || math.IsNaN(cell.Value):
		return 0, false
	case c.typ.Scalar == ScalarInt32:
		return uint64(int64(min(max(cell.Value, math.MinInt32), math.MaxInt32))), true
	}
	return math.Float64bits(cell.Value), true
}

// count counts a row for the summary.
func (b *Builder) count(row *joiner.Row) {
	b.maxRevision = max(b.maxRevision, row.Revision)
	if row.Reason == joiner.ReasonEarly {
		b.early++
	}
}

// addExtra adds what labels keep. A value of another kind than its column's is none.
func (b *Builder) addExtra(row *joiner.Row) {
	columns := b.labels[2*len(b.layout.labels):]
	for i := range b.layout.extra {
		v := events.Value{}
		if len(row.Extra) > 0 && ExtraType(row.Extra[i].Kind) == columns[i].typ {
			v = row.Extra[i]
		}
		b.size += columns[i].add(&v)
	}
}

func (c *column) addIntIf(ok bool, v int64) {
	if ok {
		c.addInt(v)
	} else {
		c.addNull()
	}
}

// parts are the columns of a file, in their order.
type parts struct{ head, features, labels, tail []*column }

// parts are the file's columns: those of features that the table has, whether a row has
// a value there or not, the request's before the items', and each part by name.
func (b *Builder) parts() (p parts) {
	for i := range b.head {
		p.head = append(p.head, &b.head[i])
	}
	p.features = b.table.missing(b)
	for key, c := range b.byName {
		if f := b.table.features[key]; f.decided {
			c.retype(f)
			p.features = append(p.features, c)
		}
	}
	inOrder(p.features)
	for i := range b.labels {
		p.labels = append(p.labels, &b.labels[i])
	}
	for i := range b.tail {
		if (i != weight || b.table.weight) && (i != pending || b.table.pending) && (i != stage || b.table.staged) {
			p.tail = append(p.tail, &b.tail[i])
		}
	}
	return p
}

// Finish fixes the columns of the file. No row can be added any more; Encode may run
// beside other builders of the table from then on.
func (b *Builder) Finish() {
	b.table.Settle(b)
	p := b.parts()
	b.finished, b.ofFeatures = slices.Concat(p.head, p.features, p.labels, p.tail), len(p.features)
	var repeats Repeats
	for _, c := range b.finished {
		if c.book != nil && !repeats.ofColumn(c, b.layout.groupRows) {
			c.decode() // the file has no dictionary of it
		}
	}
}
