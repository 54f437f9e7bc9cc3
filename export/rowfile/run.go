package rowfile

import (
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// AddAll adds rows, as Add does with each of them. Rows with the same features, as most
// that follow each other have, are added a column at a time. It returns what Add does,
// summed up. The rows are only read during the call.
func (b *Builder) AddAll(rows []joiner.Labeled) (unfit int64, err error) {
	for len(rows) > 0 {
		n := b.alike(rows)
		if n == 0 { // the first decides which columns the next have
			bad, err := b.Add(rows[0].Request, rows[0].Row)
			if unfit += bad; err != nil {
				return unfit, err
			}
			rows = rows[1:]
			continue
		}
		for i := range rows[:n] {
			if err := b.check(rows[i].Request, rows[i].Row); err != nil {
				return unfit, err
			}
		}
		unfit += b.addRun(rows[:n])
		rows = rows[n:]
	}
	return unfit, nil
}

// alike is how many rows have exactly the features of the guess.
func (b *Builder) alike(rows []joiner.Labeled) (n int) {
	for ; n < len(rows); n++ {
		req, item := rows[n].Request, itemOf(&rows[n])
		if (item != nil) != (itemOf(&rows[0]) != nil) || len(req.Features) != len(b.guess[0]) ||
			item != nil && len(item.Features) != len(b.guess[1]) || !b.guessed(req, item) {
			break
		}
	}
	return n
}

// itemOf is the item of a row; nil if it is of the whole request, or out of bounds.
func itemOf(r *joiner.Labeled) *events.Item {
	if i := r.Row.Item; i >= 0 && i < len(r.Request.Items) {
		return &r.Request.Items[i]
	}
	return nil
}

// addRun adds rows that are alike.
func (b *Builder) addRun(rows []joiner.Labeled) (unfit int64) {
	before := b.dropped
	b.run.begin(rows, b.rows)
	unfit = b.addRunFeatures(b.guess[0], false)
	if item := itemOf(&rows[0]); item != nil {
		unfit += b.addRunFeatures(b.guess[1], true)
	}
	if before == 0 && b.dropped > 0 {
		b.tooWide = strings.Clone(rows[0].Request.ID)
	}
	b.addRunHead(rows)
	b.addRunLabels(rows)
	b.rows += len(rows)
	b.run.end()
	return unfit
}

// run is rows that are being added.
type run struct {
	rows  []joiner.Labeled
	first int         // the row of the file that the first is
	least events.Time // of the requests
	// values are those of the column at hand.
	values []*events.Value
}

func (r *run) begin(rows []joiner.Labeled, first int) {
	r.rows, r.first, r.least = rows, first, events.MaxTime
	for i := range rows {
		r.least = min(r.least, rows[i].Request.TS)
	}
	r.values = slices.Grow(r.values[:0], len(rows))[:len(rows)]
}

// end lets go of the rows, which their owner uses again.
func (r *run) end() {
	clear(r.values)
	r.rows = nil
}

// take makes the values those of the i-th feature.
func (r *run) take(i int, ofItem bool) {
	for k := range r.rows {
		row := &r.rows[k]
		if ofItem {
			r.values[k] = &row.Request.Items[row.Row.Item].Features[i].Value
		} else {
			r.values[k] = &row.Request.Features[i].Value
		}
	}
}

// addRunFeatures adds the features of a part of the guess.
func (b *Builder) addRunFeatures(g []guess, ofItem bool) (unfit int64) {
	n := int64(len(b.run.rows))
	for i := range g {
		c := g[i].col
		if c == nil {
			switch g[i].assignment {
			case assignedTooMany:
				unfit += n
				b.dropped += n
			case assignedUndeclared:
				b.table.unplaced.values += n
			}
			continue
		}
		if m := g[i].moved; m != nil {
			m.Values += n
		}
		if c.rows != b.run.first {
			b.size += tagBytes * (b.run.first - c.rows)
			c.skipTo(b.run.first)
		}
		b.run.take(i, ofItem)
		size, bad := c.addRun(&b.run, &g[i])
		b.size += size
		unfit += bad
	}
	return unfit
}

// addRun adds the values of a feature.
func (c *column) addRun(r *run, g *guess) (size int, unfit int64) {
	done := 0
	if c.typed && !c.typ.List && (c.of.by == nil || c.of.by.ts < r.least) {
		switch c.typ.Scalar {
		case ScalarDouble:
			done = c.addDoubles(r.values)
		case ScalarInt64:
			done = c.addInts(r.values)
		case ScalarString:
			done, size = c.addTexts(r.values)
		}
		if c.typ.Scalar != ScalarString {
			size = done * (tagBytes + numBytes)
		}
	}
	for k := done; k < len(r.values); k++ {
		req, v := r.rows[k].Request, r.values[k]
		if !c.typed {
			c.note(req, v, g)
			size += c.add(v)
			continue
		}
		if by := c.of.by; by != nil && by.after(req) && c.early(req, v, g) {
			v = &events.Value{}
		}
		n, bad := c.addFitting(v)
		size += n
		unfit += bad
	}
	return size, unfit
}

// tagRun begins n rows of kind k.
func (c *column) tagRun(k events.ValueKind, n int) {
	if c.tags == nil && (c.rows == 0 || c.only == k) {
		if n > 0 {
			c.only, c.seen = k, c.seen|1<<k
			c.rows += n
		}
		return
	}
	for range n {
		c.tag(k)
	}
}

// grown has room for n more.
func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = slices.Grow(s, max(n, minGrow, len(s)))
	}
	return s
}

// addDoubles adds values as long as they are numbers, and returns how many.
func (c *column) addDoubles(values []*events.Value) (n int) {
	c.nums = grown(c.nums, len(values))
	for ; n < len(values); n++ {
		x := values[n].Float
		switch values[n].Kind {
		case events.ValueDouble:
		case events.ValueInt:
			c.of.notes.Rounded += inexact(values[n].Int)
			x = float64(values[n].Int)
		default:
			c.tagRun(events.ValueDouble, n)
			return n
		}
		c.nums = append(c.nums, math.Float64bits(x))
	}
	c.tagRun(events.ValueDouble, n)
	return n
}

// addInts adds values as long as they are integers, and returns how many.
func (c *column) addInts(values []*events.Value) (n int) {
	c.nums = grown(c.nums, len(values))
	for n < len(values) && values[n].Kind == events.ValueInt {
		c.nums = append(c.nums, uint64(values[n].Int))
		n++
	}
	c.tagRun(events.ValueInt, n)
	return n
}

// addTexts adds values as long as they are texts, and returns how many, and about how many
// bytes they take.
func (c *column) addTexts(values []*events.Value) (n, size int) {
	for n < len(values) && values[n].Kind == events.ValueString {
		size += tagBytes + textBytes + len(values[n].Str)
		n++
	}
	c.addStrings(n, func(i int) string { return values[i].Str })
	return n, size
}

// addStrings adds n texts.
func (c *column) addStrings(n int, at func(int) string) {
	if n == 0 {
		return
	}
	c.offsets = grown(c.offsets, n+1)
	if len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
	text, offsets := c.text, c.offsets
	for i := range n {
		s := valid(at(i))
		if cap(text)-len(text) < len(s) {
			text = grown(text, len(s))
		}
		text = append(text, s...)
		offsets = append(offsets, uint32(len(text)))
	}
	c.text, c.offsets = text, offsets
	c.tagRun(events.ValueString, n)
}

// addOptionalStrings adds n texts, or null where one is empty.
func (c *column) addOptionalStrings(n int, at func(int) string) {
	empty := 0
	for i := range n {
		if at(i) == "" {
			empty++
		}
	}
	switch empty {
	case 0:
		c.addStrings(n, at)
	case n:
		c.tagRun(events.ValueNull, n)
	default:
		for i := range n {
			c.addOptionalText(at(i))
		}
	}
}

// addRunInts adds n integers.
func (c *column) addRunInts(n int, at func(int) int64) {
	c.nums = grown(c.nums, n)
	for i := range n {
		c.nums = append(c.nums, uint64(at(i)))
	}
	c.tagRun(events.ValueInt, n)
}

// addRunDoubles adds n doubles.
func (c *column) addRunDoubles(n int, at func(int) float64) {
	c.nums = grown(c.nums, n)
	for i := range n {
		c.nums = append(c.nums, math.Float64bits(at(i)))
	}
	c.tagRun(events.ValueDouble, n)
}

// addRunHead adds the columns that come from requests and items.
func (b *Builder) addRunHead(rows []joiner.Labeled) {
	h, n := &b.head, len(rows)
	h[requestID].addStrings(n, func(i int) string { return rows[i].Request.ID })
	h[requestTS].addRunInts(n, func(i int) int64 { return rows[i].Request.TS.Micros() })
	h[model].addOptionalStrings(n, func(i int) string { return rows[i].Request.Model })
	h[modelVersion].addOptionalStrings(n, func(i int) string { return rows[i].Request.ModelVersion })
	h[userID].addOptionalStrings(n, func(i int) string { return rows[i].Request.UserID })
	for i := range rows {
		req := rows[i].Request
		b.size += rowOverhead + len(req.ID) + len(req.Model) + len(req.ModelVersion) + len(req.UserID)
		b.addItemHead(req, itemOf(&rows[i]))
		b.minTS, b.maxTS = min(b.minTS, req.TS), max(b.maxTS, req.TS)
	}
}

// addRunLabels adds the columns that come from the decisions.
func (b *Builder) addRunLabels(rows []joiner.Labeled) {
	n := len(rows)
	for l := range rows[0].Row.Cells {
		value, ts := &b.labels[2*l], &b.labels[2*l+1]
		for i := range rows {
			cell := &rows[i].Row.Cells[l]
			value.addCell(cell)
			ts.addIntIf(cell.TS != events.MinTime, cell.TS.Micros())
		}
	}
	if len(b.layout.extra) > 0 {
		for i := range rows {
			b.addExtra(rows[i].Row)
		}
	}
	b.tail[weight].addRunDoubles(n, func(i int) float64 { return rows[i].Row.Weight })
	b.tail[revision].addRunInts(n, func(i int) int64 { return int64(min(rows[i].Row.Revision, math.MaxInt32)) })
	b.tail[reason].addStrings(n, func(i int) string { return rows[i].Row.Reason.String() })
	b.size += labelOverhead * len(rows[0].Row.Cells) * n
	for i := range rows {
		b.count(rows[i].Row)
	}
}
