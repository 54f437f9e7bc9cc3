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

// Builder buffers the rows of a file. It is used by one goroutine.
type Builder struct {
	layout *Layout
	rows   int
	size   int

	head   [8]column // request_id to score
	labels []column  // per label its value and its ts
	tail   [3]column // weight, revision, reason

	features map[source]guess   // what was found for each feature by itself
	byName   map[string]*column // features by column, in lower case
	// guess holds the features of the row before, in its order: mostly the next
	// row has the same.
	guess [2][]guess
	// apart says that all columns of the guess, or of its first part alone,
	// differ: rows with the same features need no more looking.
	apart [2]bool
	// spellings are names that columns may have once the row is added: of several
	// that differ in case only, the first by bytes is written.
	spellings []spelling
	moved     map[movedKey]*Moved // the features that have another column than their own
	dropped   int64               // values of features that were too many for their row
	tooWide   string              // the request of the first such row
	spare     memory              // of columns that come

	minTS, maxTS events.Time
	maxRevision  uint32
	early        int64
}

// guess is what was found for a feature.
type guess struct {
	name  string
	col   *column // nil: the feature is left out, or one too many for the row
	fate  fate
	moved *Moved // where it has another column than its own: counts its values
}

type spelling struct {
	col  *column
	name string
	item bool
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
)

// NewBuilder returns an empty file.
func (l *Layout) NewBuilder() *Builder {
	b := &Builder{
		layout: l, spare: l.takeMemory(), labels: make([]column, 2*len(l.labels)),
		features: map[source]guess{}, byName: map[string]*column{}, moved: map[movedKey]*Moved{},
		minTS: events.MaxTime, maxTS: events.MinTime,
	}
	str, num, when := Type{Scalar: String}, Type{Scalar: Int64}, Type{Scalar: Timestamp}
	b.head = [8]column{
		fixed("request_id", str, true), fixed("request_ts", when, true), fixed("model", str, false),
		fixed("model_version", str, false), fixed("user_id", str, false), fixed("item_id", str, false),
		fixed("position", num, false), fixed("score", Type{Scalar: Double}, false),
	}
	for i, label := range l.labels {
		t := Type{Scalar: Double}
		if label.Agg.Integer() {
			t.Scalar = Int32
		}
		b.labels[2*i] = fixed(label.Name, t, false)
		b.labels[2*i+1] = fixed(label.Name+"_ts", when, false)
	}
	b.tail = [3]column{
		fixed("weight", Type{Scalar: Double}, true), fixed("revision", Type{Scalar: Int32}, true),
		fixed("reason", str, true),
	}
	for _, d := range l.declared {
		c := fixed(d.name, d.typ, false)
		c.item = strings.HasPrefix(strings.ToLower(d.name), itemPrefix)
		b.byName[strings.ToLower(d.name)] = &c
		b.spare.giveTo(&c)
	}
	b.eachFixed(b.spare.giveTo)
	b.size = columnOverhead * (len(b.head) + len(b.labels) + len(b.tail) + len(b.byName))
	return b
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
	return column{name: name, declared: true, typ: t, required: required}
}

// Rows is how many rows were added.
func (b *Builder) Rows() int { return b.rows }

// Size is about how many bytes the rows take in memory.
func (b *Builder) Size() int { return b.size }

// Add adds a row and returns how many of its feature values did not fit: their
// declared type, or the number of features that a row can have. After ErrFull the
// rows added before are as they were and no more can be added; after any other
// error the builder is of no use.
func (b *Builder) Add(req *events.Request, row *joiner.Row) (unfit int64, err error) {
	var item *events.Item
	switch {
	case row.Item < -1 || row.Item >= len(req.Items):
		return 0, fmt.Errorf("row of request %q: item %d of %d", req.ID, row.Item, len(req.Items))
	case len(row.Cells) != len(b.layout.labels):
		return 0, fmt.Errorf("row of request %q: %d labels, want %d", req.ID, len(row.Cells), len(b.layout.labels))
	case row.Reason >= joiner.Reasons:
		return 0, fmt.Errorf("row of request %q: reason %d is not known", req.ID, uint8(row.Reason))
	case row.Item >= 0:
		item = &req.Items[row.Item]
	}
	if !b.guessed(req, item) {
		if err := b.resolveAll(req, item); err != nil {
			return 0, err
		}
	}
	before := b.dropped
	unfit = b.addFeatures(req.Features, false)
	if item != nil {
		unfit += b.addFeatures(item.Features, true)
	}
	if before == 0 && b.dropped > 0 {
		b.tooWide = strings.Clone(req.ID)
	}
	b.addHead(req, item)
	b.addLabels(row)
	b.rows++
	return unfit, nil
}

func (b *Builder) addFeatures(fields []events.Field, item bool) (unfit int64) {
	g := b.guess[index(item)]
	for i := range fields {
		c, v := g[i].col, &fields[i].Value
		if c == nil {
			if g[i].fate == tooMany {
				unfit++
				b.dropped++
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
		if !c.declared {
			b.size += c.add(v)
			continue
		}
		fitting, bad := fit(v, c.typ)
		unfit += bad
		b.size += c.add(&fitting)
	}
	return unfit
}

func (b *Builder) addHead(req *events.Request, item *events.Item) {
	h := &b.head
	h[requestID].addText(events.String, req.ID)
	h[requestTS].addInt(micros(req.TS))
	h[model].addOptionalText(req.Model)
	h[modelVersion].addOptionalText(req.ModelVersion)
	h[userID].addOptionalText(req.UserID)
	b.size += rowOverhead + len(req.ID) + len(req.Model) + len(req.ModelVersion) + len(req.UserID)
	has, value := req.HasScore, req.Score
	if item == nil {
		h[itemID].addNull()
		h[position].addNull()
	} else {
		b.size += len(item.ID)
		h[itemID].addText(events.String, item.ID)
		h[position].addIntIf(item.HasPosition, item.Position)
		has, value = item.HasScore, item.Score
	}
	if has {
		h[score].addDouble(value)
	} else {
		h[score].addNull()
	}
	b.minTS, b.maxTS = min(b.minTS, req.TS), max(b.maxTS, req.TS)
}

func (b *Builder) addLabels(row *joiner.Row) {
	for i := range row.Cells {
		cell, c := &row.Cells[i], &b.labels[2*i]
		switch {
		case cell.Null || math.IsNaN(cell.Value):
			c.addNull()
		case c.typ.Scalar == Int32:
			c.addInt(int64(min(max(cell.Value, math.MinInt32), math.MaxInt32)))
		default:
			c.addDouble(cell.Value)
		}
		b.labels[2*i+1].addIntIf(cell.TS != events.MinTime, micros(cell.TS))
	}
	b.tail[weight].addDouble(row.Weight)
	b.tail[revision].addInt(int64(min(row.Revision, math.MaxInt32)))
	b.tail[reason].addText(events.String, row.Reason.String())
	b.size += labelOverhead * len(row.Cells)
	b.maxRevision = max(b.maxRevision, row.Revision)
	if row.Reason == joiner.Early {
		b.early++
	}
}

func (c *column) addIntIf(ok bool, v int64) {
	if ok {
		c.addInt(v)
	} else {
		c.addNull()
	}
}

// micros is the microsecond that t lies in.
func micros(t events.Time) int64 {
	us := int64(t) / 1000
	if int64(t)%1000 < 0 {
		us--
	}
	return us
}

// columns are the file's columns in their order: features sorted by name, the
// request's before the items', and none that holds only nulls unless declared.
func (b *Builder) columns() []*column {
	var features []*column
	for _, c := range b.byName {
		if _, ok := c.shape(); ok {
			features = append(features, c)
		}
	}
	slices.SortFunc(features, func(x, y *column) int {
		if d := index(x.item) - index(y.item); d != 0 {
			return d
		}
		return strings.Compare(x.name, y.name)
	})
	cols := make([]*column, 0, len(b.head)+len(features)+len(b.labels)+len(b.tail))
	for i := range b.head {
		cols = append(cols, &b.head[i])
	}
	cols = append(cols, features...)
	for i := range b.labels {
		cols = append(cols, &b.labels[i])
	}
	for i := range b.tail {
		if i != weight || b.layout.weight {
			cols = append(cols, &b.tail[i])
		}
	}
	return cols
}
