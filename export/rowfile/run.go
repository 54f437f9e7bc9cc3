package rowfile

import (
	"math"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// addRun adds rows that are alike.
func (b *Builder) addRun(rows *gathered.Rows, from, to int) (unfit int64) {
	before, list := b.dropped, rows.List[from:to]
	b.run.begin(rows, from, to, b.rows)
	unfit = b.addRunFeatures(b.guess[0], false)
	if gathered.ItemOf(&list[0]) != nil {
		unfit += b.addRunFeatures(b.guess[1], true)
	}
	if before == 0 && b.dropped > 0 {
		b.tooWide = strings.Clone(list[0].Request.ID)
	}
	b.addRunHead(list)
	b.addRunLabels(list)
	b.rows += len(list)
	b.run.end()
	return unfit
}

// run is rows that are being added.
type run struct {
	gathered *gathered.Rows
	at       int // which of them the first row is
	rows     []joiner.Labeled
	first    int         // the row of the file that the first is
	least    events.Time // of the requests
	// requests are those of the rows, and times how many rows each has: what is of the
	// request is looked at once.
	requests []*events.Request
	times    []int
	once     []int // 1 for each row
	// column is the feature at hand: of the requests or of the items, and which.
	column  *events.FeatureColumn
	ofItem  bool
	feature int
	made    events.Value // the one at hand, of a column that was attached
}

func (r *run) begin(rows *gathered.Rows, from, to, first int) {
	r.gathered, r.at, r.rows = rows, from, rows.List[from:to]
	r.first, r.least = first, events.MaxTime
	r.requests, r.times = r.requests[:0], r.times[:0]
	for i := range r.rows {
		req := r.rows[i].Request
		if last := len(r.requests) - 1; last >= 0 && r.requests[last] == req {
			r.times[last]++
			continue
		}
		r.requests, r.times = append(r.requests, req), append(r.times, 1)
		r.least = min(r.least, req.TS)
	}
	for len(r.once) < len(r.rows) {
		r.once = append(r.once, 1)
	}
}

// end lets go of the rows, which their owner uses again.
func (r *run) end() {
	clear(r.requests)
	r.gathered, r.rows, r.column = nil, nil, nil
}

// take makes the i-th feature the one at hand.
func (r *run) take(i int, ofItem bool) {
	r.column, r.feature, r.ofItem = &r.gathered.Columns(ofItem)[i], i, ofItem
}

// value is the value of a row.
func (r *run) value(row int) *events.Value {
	if r.gathered.Attached() {
		r.made = r.column.Value(r.at + row)
		return &r.made
	}
	l := &r.rows[row]
	if r.ofItem {
		return &l.Request.Items[l.Row.Item].Features[r.feature].Value
	}
	return &l.Request.Features[r.feature].Value
}

// words are the numbers of the rows.
func (r *run) words() []uint64 { return r.column.Words[r.at : r.at+len(r.rows)] }

// kind is that of the number of a row.
func (r *run) kind(row int) events.ValueKind { return r.column.KindOf(r.at + row) }

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
	done, rows := 0, c.rows
	switch {
	case !c.typed && c.first != nil && c.first.ts < r.least: // the values say no more than how large they are
		done, size = c.addUntyped(r)
	case c.typed && !c.typ.List && (c.of.by == nil || c.of.by.ts < r.least):
		switch s := c.typ.Scalar; {
		case s.IsFloat() && r.column.Numbers():
			done = c.addDoubles(r)
		case s == ScalarInt64 && r.column.Numbers():
			done = c.addInts(r)
		case s == ScalarString && r.column.Only(events.ValueString):
			done, size = c.addTexts(r)
		}
		if c.typ.Scalar != ScalarString {
			size = (c.rows - rows) * (tagBytes + numBytes)
		}
	}
	for row := done; row < len(r.rows); row++ {
		n, bad := c.addValue(r.rows[row].Request, r.value(row), g)
		size += n
		unfit += bad
	}
	return size, unfit
}

// addUntyped adds the values, if they are numbers or texts, to a column without a type, and returns how many, and about
// how many bytes they take.
func (c *column) addUntyped(r *run) (n, size int) {
	if r.column.Only(events.ValueString) {
		return c.addTexts(r)
	}
	if !r.column.Numbers() {
		return 0, 0
	}
	words := r.words()
	if kind := r.kind(0); r.column.Only(kind) {
		c.nums = append(grown(c, c.nums, len(words)), words...)
		c.tagRun(kind, len(words))
	} else {
		for i, word := range words {
			c.addNum(r.kind(i), word)
		}
	}
	return len(words), len(words) * (tagBytes + numBytes)
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

// addDoubles adds numbers as long as the column holds them, and returns how many.
func (c *column) addDoubles(r *run) (n int) {
	words, single := r.words(), c.typ.Scalar == ScalarFloat32
	c.nums = grown(c, c.nums, len(words))
	if r.column.Only(events.ValueDouble) {
		if n = len(words); single {
			c.nums, n = appendSingles(c.nums, words)
		} else {
			c.nums = append(c.nums, words...)
		}
		c.tagRun(events.ValueDouble, n)
		return n
	}
	for n < len(words) {
		whole, x, fits := r.kind(n) == events.ValueInt, 0.0, true
		if whole {
			x = float64(int64(words[n]))
		} else {
			x = math.Float64frombits(words[n])
		}
		if single {
			x, fits = Single(x)
		}
		if !fits {
			break
		}
		if whole && !single {
			c.of.notes.Rounded += inexact(int64(words[n]))
		}
		c.nums = append(c.nums, math.Float64bits(x))
		n++
	}
	c.tagRun(events.ValueDouble, n)
	return n
}

// appendSingles appends doubles with single precision, as long as they are not too large for it, and says how many.
// There is room for all.
func appendSingles(to, words []uint64) (_ []uint64, n int) {
	at := len(to)
	to = to[:at+len(words)]
	for i, word := range words {
		single, fits := Single(math.Float64frombits(word))
		if !fits {
			return to[:at+i], i
		}
		to[at+i] = math.Float64bits(single)
	}
	return to, len(words)
}

// addInts adds numbers as long as they are integers, and returns how many.
func (c *column) addInts(r *run) (n int) {
	words := r.words()
	for n < len(words) && r.kind(n) == events.ValueInt {
		n++
	}
	c.nums = append(grown(c, c.nums, n), words[:n]...)
	c.tagRun(events.ValueInt, n)
	return n
}

// addTexts adds texts, and returns how many, and about how many bytes they take.
func (c *column) addTexts(r *run) (n, size int) {
	if r.column.Book != nil {
		return c.addCodes(r)
	}
	offsets := r.column.Offsets[r.at : r.at+len(r.rows)+1]
	n = len(offsets) - 1
	from := offsets[0]
	text := r.column.Text[from:offsets[n]]
	size = n*(tagBytes+textBytes) + len(text)
	if c.book != nil || !isASCII(text) { // each text has to be valid by itself
		c.addStrings(r.once[:n], func(i int) string { return r.value(i).Str })
		return n, size
	}
	c.text = append(grown(c, c.text, len(text)), text...)
	c.offsets = grown(c, c.offsets, n+1)
	if len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
	by := uint32(len(c.text)-len(text)) - from
	for _, end := range offsets[1:] {
		c.offsets = append(c.offsets, end+by)
	}
	c.tagRun(events.ValueString, n)
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
	if c.book != nil {
		c.addToBook(times, at)
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
	h[model].addNames(times, func(i int) string { return reqs[i].Model })
	h[modelVersion].addNames(times, func(i int) string { return reqs[i].ModelVersion })
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
	if gathered.ItemOf(&rows[0]) == nil {
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
		b.tail[reason].addNames([]int{i - from}, func(int) string { return rows[from].Row.Reason.String() })
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
