package rowfile

import (
	"math"
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
		if (item != nil) != (itemOf(&rows[0]) != nil) || !b.distinct[index(item != nil)] {
			break
		}
		// The rows of a request follow each other.
		if (n == 0 || req != rows[n-1].Request) && !isGuess(b.guess[0], req.Features) {
			break
		}
		if item != nil && !isGuess(b.guess[1], item.Features) {
			break
		}
	}
	return n
}

func isGuess(g []guess, fields []events.Field) bool {
	return len(fields) == len(g) && startsWith(g, fields)
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
	// requests are those of the rows, and times how many rows each has: what is of the
	// request is looked at once.
	requests []*events.Request
	times    []int
	once     []int // 1 for each row
	// values are those of the column at hand, and repeat how many rows have each.
	values []*events.Value
	repeat []int
}

func (r *run) begin(rows []joiner.Labeled, first int) {
	r.rows, r.first, r.least = rows, first, events.MaxTime
	r.requests, r.times = r.requests[:0], r.times[:0]
	for i := range rows {
		req := rows[i].Request
		if last := len(r.requests) - 1; last >= 0 && r.requests[last] == req {
			r.times[last]++
			continue
		}
		r.requests, r.times = append(r.requests, req), append(r.times, 1)
		r.least = min(r.least, req.TS)
	}
	for len(r.once) < len(rows) {
		r.once = append(r.once, 1)
	}
}

// end lets go of the rows, which their owner uses again.
func (r *run) end() {
	clear(r.values[:cap(r.values)])
	clear(r.requests)
	r.rows = nil
}

// take makes the values those of the i-th feature.
func (r *run) take(i int, ofItem bool) {
	r.values = r.values[:0]
	if !ofItem {
		for _, req := range r.requests {
			r.values = append(r.values, &req.Features[i].Value)
		}
		r.repeat = r.times
		return
	}
	for k := range r.rows {
		row := &r.rows[k]
		r.values = append(r.values, &row.Request.Items[row.Row.Item].Features[i].Value)
	}
	r.repeat = r.once[:len(r.rows)]
}

// requestOf is the request that has the k-th value.
func (r *run) requestOf(k int, ofItem bool) *events.Request {
	if ofItem {
		return r.rows[k].Request
	}
	return r.requests[k]
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
		size, bad := c.addRun(&b.run, &g[i], ofItem)
		b.size += size
		unfit += bad
	}
	return unfit
}

// addRun adds the values of a feature.
func (c *column) addRun(r *run, g *guess, ofItem bool) (size int, unfit int64) {
	done, rows := 0, c.rows
	if c.typed && !c.typ.List && (c.of.by == nil || c.of.by.ts < r.least) {
		switch c.typ.Scalar {
		case ScalarDouble, ScalarFloat32:
			done = c.addDoubles(r)
		case ScalarInt64:
			done = c.addInts(r)
		case ScalarString:
			done, size = c.addTexts(r)
		}
		if c.typ.Scalar != ScalarString {
			size = (c.rows - rows) * (tagBytes + numBytes)
		}
	}
	for k := done; k < len(r.values); k++ {
		req := r.requestOf(k, ofItem)
		for range r.repeat[k] {
			n, bad := c.addValue(req, r.values[k], g)
			size += n
			unfit += bad
		}
	}
	return size, unfit
}

// addValue adds the value of a feature of a request. It returns about how many bytes that
// takes, and how many values did not fit.
func (c *column) addValue(req *events.Request, v *events.Value, g *guess) (size int, unfit int64) {
	if !c.typed {
		c.note(req, v, g)
		return c.add(v), 0
	}
	if by := c.of.by; by != nil && by.after(req) && c.early(req, v, g) {
		v = &events.Value{}
	}
	return c.addFitting(v)
}

// tagRun begins n rows of kind k.
func (c *column) tagRun(k events.ValueKind, n int) {
	switch {
	case n == 0:
		return
	case c.tags == nil && (c.rows == 0 || c.only == k):
		c.only, c.seen = k, c.seen|1<<k
		c.rows += n
		return
	case c.tags == nil:
		c.tag(k) // which gives every row its tag
		n--
	}
	c.tags = grown(c, c.tags, n)
	for range n {
		c.tags = append(c.tags, k)
	}
	c.seen |= 1 << k
	c.rows += n
}

// addDoubles adds values as long as they are numbers that the column holds, and returns how many.
func (c *column) addDoubles(r *run) (n int) {
	c.nums = grown(c, c.nums, len(r.rows))
	before, single := len(c.nums), c.typ.Scalar == ScalarFloat32
	for ; n < len(r.values); n++ {
		v := r.values[n]
		x, fits := v.Float, v.Kind == events.ValueDouble
		if v.Kind == events.ValueInt {
			x, fits = float64(v.Int), true
		}
		if single && fits {
			x, fits = Single(x)
		}
		if !fits {
			break
		}
		if v.Kind == events.ValueInt && !single {
			c.of.notes.Rounded += inexact(v.Int) * int64(r.repeat[n])
		}
		for range r.repeat[n] {
			c.nums = append(c.nums, math.Float64bits(x))
		}
	}
	c.tagRun(events.ValueDouble, len(c.nums)-before)
	return n
}

// addInts adds values as long as they are integers, and returns how many.
func (c *column) addInts(r *run) (n int) {
	c.nums = grown(c, c.nums, len(r.rows))
	before := len(c.nums)
	for ; n < len(r.values) && r.values[n].Kind == events.ValueInt; n++ {
		for range r.repeat[n] {
			c.nums = append(c.nums, uint64(r.values[n].Int))
		}
	}
	c.tagRun(events.ValueInt, len(c.nums)-before)
	return n
}

// addTexts adds values as long as they are texts, and returns how many, and about how many
// bytes they take.
func (c *column) addTexts(r *run) (n, size int) {
	for n < len(r.values) && r.values[n].Kind == events.ValueString {
		size += (tagBytes + textBytes + len(r.values[n].Str)) * r.repeat[n]
		n++
	}
	c.addStrings(r.repeat[:n], func(i int) string { return r.values[i].Str })
	return n, size
}

func sum(times []int) (all int) {
	for _, n := range times {
		all += n
	}
	return all
}

// addStrings adds texts, each so many times.
func (c *column) addStrings(times []int, at func(int) string) {
	rows := sum(times)
	if rows == 0 {
		return
	}
	c.offsets = grown(c, c.offsets, rows+1)
	if len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
	before, texts := len(c.text), len(c.offsets)
	c.appendStrings(times, at)
	if !isASCII(c.text[before:]) { // each text has to be valid by itself
		c.text, c.offsets = c.text[:before], c.offsets[:texts]
		c.appendStrings(times, func(i int) string { return valid(at(i)) })
	}
	c.tagRun(events.ValueString, rows)
}

// appendStrings appends texts, for which there are offsets.
func (c *column) appendStrings(times []int, at func(int) string) {
	text, offsets := c.text, c.offsets
	for i, n := range times {
		s := at(i)
		if cap(text)-len(text) < n*len(s) {
			text = grown(c, text, n*len(s))
		}
		for range n {
			text = append(text, s...)
			offsets = append(offsets, uint32(len(text)))
		}
	}
	c.text, c.offsets = text, offsets
}

// addOptionalStrings adds texts, each so many times, or null where one is empty.
func (c *column) addOptionalStrings(times []int, at func(int) string) {
	empty, rows := 0, sum(times)
	for i, n := range times {
		if at(i) == "" {
			empty += n
		}
	}
	switch empty {
	case 0:
		c.addStrings(times, at)
	case rows:
		c.tagRun(events.ValueNull, rows)
	default:
		for i, n := range times {
			for range n {
				c.addOptionalText(at(i))
			}
		}
	}
}

// addNums adds numbers of a kind, each so many times.
func (c *column) addNums(k events.ValueKind, times []int, at func(int) uint64) {
	rows, before := sum(times), len(c.nums)
	c.nums = grown(c, c.nums, rows)
	for i, n := range times {
		for word := at(i); n > 0; n-- {
			c.nums = append(c.nums, word)
		}
	}
	c.tagRun(k, len(c.nums)-before)
}

// addOptionalNums adds numbers of a kind, or null where there is none.
func (c *column) addOptionalNums(k events.ValueKind, n int, at func(int) (word uint64, ok bool)) {
	c.nums = grown(c, c.nums, n)
	for i := 0; i < n; {
		from := i
		for ; i < n; i++ {
			word, ok := at(i)
			if !ok {
				break
			}
			c.nums = append(c.nums, word)
		}
		c.tagRun(k, i-from)
		for from = i; i < n; i++ {
			if _, ok := at(i); ok {
				break
			}
		}
		c.tagRun(events.ValueNull, i-from)
	}
}

// addRunHead adds the columns that come from requests and items.
func (b *Builder) addRunHead(rows []joiner.Labeled) {
	h, reqs, times := &b.head, b.run.requests, b.run.times
	h[requestID].addStrings(times, func(i int) string { return reqs[i].ID })
	h[requestTS].addNums(events.ValueInt, times, func(i int) uint64 { return uint64(reqs[i].TS.Micros()) })
	h[model].addOptionalStrings(times, func(i int) string { return reqs[i].Model })
	h[modelVersion].addOptionalStrings(times, func(i int) string { return reqs[i].ModelVersion })
	h[userID].addOptionalStrings(times, func(i int) string { return reqs[i].UserID })
	for i, req := range reqs {
		b.size += times[i] * (rowOverhead + len(req.ID) + len(req.Model) + len(req.ModelVersion) + len(req.UserID))
		b.minTS, b.maxTS = min(b.minTS, req.TS), max(b.maxTS, req.TS)
	}
	b.addRunItems(rows)
}

// addRunItems adds the columns of items, and the scores that requests have without them.
func (b *Builder) addRunItems(rows []joiner.Labeled) {
	h, n := &b.head, len(rows)
	if itemOf(&rows[0]) == nil {
		h[itemID].tagRun(events.ValueNull, n)
		h[position].tagRun(events.ValueNull, n)
		h[score].addOptionalNums(events.ValueDouble, n, func(i int) (uint64, bool) {
			return math.Float64bits(rows[i].Request.Score), rows[i].Request.HasScore
		})
		return
	}
	item := func(i int) *events.Item { return &rows[i].Request.Items[rows[i].Row.Item] }
	h[itemID].addStrings(b.run.once[:n], func(i int) string { return item(i).ID })
	h[position].addOptionalNums(events.ValueInt, n, func(i int) (uint64, bool) {
		return uint64(item(i).Position), item(i).HasPosition
	})
	h[score].addOptionalNums(events.ValueDouble, n, func(i int) (uint64, bool) {
		return math.Float64bits(item(i).Score), item(i).HasScore
	})
	for i := range rows {
		b.size += len(item(i).ID)
	}
}

// addRunLabels adds the columns that come from the decisions.
func (b *Builder) addRunLabels(rows []joiner.Labeled) {
	n := len(rows)
	for l := range rows[0].Row.Cells {
		value, ts := &b.labels[2*l], &b.labels[2*l+1]
		value.addOptionalNums(value.kindOfCells(), n, func(i int) (uint64, bool) {
			return value.wordOf(&rows[i].Row.Cells[l])
		})
		ts.addOptionalNums(events.ValueInt, n, func(i int) (uint64, bool) {
			at := rows[i].Row.Cells[l].TS
			return uint64(at.Micros()), at != events.MinTime
		})
	}
	if len(b.layout.extra) > 0 {
		for i := range rows {
			b.addExtra(rows[i].Row)
		}
	}
	once := b.run.once[:n]
	b.tail[weight].addNums(events.ValueDouble, once, func(i int) uint64 { return math.Float64bits(rows[i].Row.Weight) })
	b.tail[revision].addNums(events.ValueInt, once, func(i int) uint64 {
		return uint64(min(rows[i].Row.Revision, math.MaxInt32))
	})
	for i := 0; i < n; {
		from := i
		for i++; i < n && rows[i].Row.Reason == rows[from].Row.Reason; i++ {
		}
		b.tail[reason].addStrings([]int{i - from}, func(int) string { return rows[from].Row.Reason.String() })
	}
	if b.table.pending || b.table.staged {
		for i := range rows {
			b.addStage(rows[i].Row)
		}
	}
	b.size += labelOverhead * len(rows[0].Row.Cells) * n
	for i := range rows {
		b.count(rows[i].Row)
	}
}
