package scenario

import (
	"bytes"
	"math"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// expectation is what must have come of the events so far. What is nil is not
// compared.
type expectation struct {
	line      int
	open      []string
	rows      []wantedRow
	counts    []wantedCount
	letters   []string
	published []wantedRow
}

func (x *expectation) empty() bool {
	return x.open == nil && x.rows == nil && x.counts == nil && x.letters == nil && x.published == nil
}

// wantedRow is a row, as far as it is given.
type wantedRow struct {
	line  int
	cells []wantedCell
}

// wantedCell is a column of a row. What the value means depends on the column,
// which depends on the configuration, so every reading of it is kept.
type wantedCell struct {
	column  string
	node    ast.Node // its name's place
	json    string   // as a value of JSON
	text    string   // as it is spelled
	ts      events.Time
	badTime error
}

// wantedCount is a number of the books.
type wantedCount struct {
	line int
	name string
	of   []events.Kind
	n    int64
}

// The names that are known in expectations.
var (
	expectKeys = []string{"open", "rows", "counts", "dead_letters", "published"}
	bookKeys   = []string{"rows", "unseen", "sampled_out", "heartbeats", "unknown_fields"}
)

// tallyKeys are the counts that either kind of events has.
func tallyKeys() []string {
	keys := []string{"read", "pending"}
	for d := range joiner.Disposition(joiner.Dispositions) {
		keys = append(keys, d.String())
	}
	return keys
}

func (r *reader) expectations(n ast.Node) *expectation {
	x := &expectation{line: lineOf(n)}
	for e := range r.entries(n, expectKeys) {
		r.expectation(e, x)
	}
	if x.empty() {
		r.problem(n, "nothing is expected: add open, rows, counts, dead_letters or published")
	}
	return x
}

func (r *reader) expectation(e entry, x *expectation) {
	switch e.name {
	case "open":
		x.open = r.texts(e.value)
	case "rows":
		x.rows = r.wantedRows(e.value)
	case "counts":
		x.counts = r.counts(e.value)
	case "dead_letters":
		x.letters = r.texts(e.value)
	case "published":
		x.published = r.wantedRows(e.value)
	}
}

func (r *reader) wantedRows(n ast.Node) []wantedRow {
	rows := []wantedRow{}
	for _, one := range r.list(n) {
		row := wantedRow{line: lineOf(one)}
		for e := range r.entries(one, nil) {
			row.cells = append(row.cells, r.wantedCell(e))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *reader) wantedCell(e entry) wantedCell {
	c := wantedCell{column: e.name, node: e.key, text: scalarText(e.value)}
	var value bytes.Buffer
	r.json(&value, e.value)
	c.json = value.String()
	c.ts, c.badTime = r.parseTime(c.text)
	return c
}

// counts reads numbers of the books, those of both kinds of events together or
// of one of them.
func (r *reader) counts(n ast.Node) []wantedCount {
	counts := []wantedCount{}
	add := func(e entry, of []events.Kind) {
		counts = append(counts, wantedCount{line: lineOf(e.key), name: e.name, of: of, n: r.count(e.value)})
	}
	keys := append(append(tallyKeys(), bookKeys...), sourceNames...)
	for e := range r.entries(n, keys) {
		kind := -1
		for i, name := range sourceNames {
			if e.name == name {
				kind = i
			}
		}
		if kind < 0 {
			add(e, bothKinds())
			continue
		}
		for inner := range r.entries(e.value, tallyKeys()) {
			add(inner, []events.Kind{events.Kind(kind)})
		}
	}
	return counts
}

func (r *reader) count(n ast.Node) int64 {
	count, err := strconv.ParseInt(scalarText(n), 10, 64)
	if _, number := n.(*ast.IntegerNode); !number || err != nil || count < 0 {
		r.problem(n, "%s is not a count", shown(n))
	}
	return count
}

// in is the count as the books have it.
func (w *wantedCount) in(l *joiner.Ledger) int64 {
	switch w.name {
	case "rows":
		return l.Rows
	case "unseen":
		return l.Unseen
	case "sampled_out":
		return l.SampledOut
	case "heartbeats":
		return l.Heartbeats
	case "unknown_fields":
		return l.UnknownFields
	}
	sum := int64(0)
	for _, k := range w.of {
		t := &l.Kinds[k]
		switch w.name {
		case "read":
			sum += t.Read
		case "pending":
			sum += t.Pending
		}
		for d, n := range t.Disposed {
			if joiner.Disposition(d).String() == w.name {
				sum += n
			}
		}
	}
	return sum
}

// sameValue compares two values of JSON. Fractions are compared to twelve
// digits: people do not write the seventeen of a sum.
func sameValue(a, b string) bool {
	_, errA := strconv.ParseInt(a, 10, 64)
	_, errB := strconv.ParseInt(b, 10, 64)
	if a == b || errA == nil && errB == nil {
		return a == b
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
}
