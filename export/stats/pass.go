package stats

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// cells are what is gathered of one column, per data set: all rows first, then
// each slice.
type cells struct {
	t         *rows
	kind      tfmd.FeatureNameStatistics_Type
	valencies []valencies
	numbers   []*numbers
	texts     []*texts
	// held are the decoded pages, as long as they fit.
	held  []heldPage
	room  int
	first bool // it is the first pass
	// scratch
	floats []float64
	times  []uint64
	counts []uint64
}

// fewHeld is after how many rows no more are kept, if the column has few different numbers: a second pass is
// not likely then.
const fewHeld = 1 << 14

// heldPage is a page that is kept for another pass.
type heldPage struct {
	group *group // nil: every row counts once, and in no slice
	first int
	page  page
}

// named reports whether a column has whole numbers that are names.
func (t *rows) named(name string) bool {
	return t.kinds[name] == tfmd.FeatureNameStatistics_INT && slices.Contains(t.o.Categorical, name)
}

// newCells are the cells of a column of which nothing was gathered.
func (t *rows) newCells(name string) *cells {
	n, kind := len(t.slices)+1, t.kinds[name]
	c := &cells{t: t, kind: kind, valencies: make([]valencies, n), room: t.o.Hold, first: true}
	weighted := t.o.Weight != ""
	for i := range n {
		if kind == tfmd.FeatureNameStatistics_STRING || t.named(name) {
			limit := t.o.Distinct
			if i > 0 {
				limit = max(limit/len(t.slices), 4096)
			}
			c.texts = append(c.texts, newTexts(weighted, limit))
		} else {
			a := newNumbers(weighted)
			if edges := t.o.Pins[name]; edges != nil && i == 0 {
				a.pins = newPins(edges)
			}
			c.numbers = append(c.numbers, a)
		}
	}
	return c
}

// column computes the statistics of a column, in every data set. c is what the first pass has gathered; nil:
// there was none.
func (t *rows) column(ctx context.Context, name string, c *cells) ([]*tfmd.FeatureNameStatistics, error) {
	want := t.kinds[name]
	if t.named(name) {
		want = tfmd.FeatureNameStatistics_STRING
	}
	if c == nil {
		c = t.newCells(name)
		if err := c.pass(ctx, name, want); err != nil {
			return nil, err
		}
	}
	if err := c.further(ctx, name, want); err != nil {
		return nil, err
	}
	out := make([]*tfmd.FeatureNameStatistics, len(c.valencies))
	for i := range out {
		out[i] = c.feature(i, name, t.o.Weight != "")
	}
	return out, nil
}

// feature is the result for one data set.
func (c *cells) feature(i int, name string, weighted bool) *tfmd.FeatureNameStatistics {
	f := &tfmd.FeatureNameStatistics{Type: c.kind,
		FieldId: &tfmd.FeatureNameStatistics_Path{Path: &tfmd.Path{Step: []string{name}}}}
	common := c.valencies[i].common(weighted)
	if c.texts != nil {
		f.Stats = &tfmd.FeatureNameStatistics_StringStats{StringStats: c.texts[i].result(common, c.t.o)}
		if c.texts[i].over {
			f.CustomStats = append(f.CustomStats, &tfmd.CustomStatistic{Name: estimatedName,
				Val: &tfmd.CustomStatistic_Num{Num: 1}})
		}
		return f
	}
	a := c.numbers[i]
	f.Stats = &tfmd.FeatureNameStatistics_NumStats{NumStats: a.result(common, c.t.o)}
	own := i == 0 && a.n > 0
	if a.pins == nil && c.t.o.PinOwn && own {
		a.pins = a.ownPins(c.t.o.Quantiles)
	}
	if a.pins != nil {
		f.CustomStats = append(f.CustomStats, a.pins.histogram(PinnedName, a.nan))
	}
	if c.t.o.PinNext && own {
		f.CustomStats = append(f.CustomStats, a.ownPins(c.t.o.Quantiles).histogram(PinnedNextName, a.nan))
	}
	return f
}

// further makes the passes after the first one.
func (c *cells) further(ctx context.Context, name string, want tfmd.FeatureNameStatistics_Type) error {
	again := false
	for _, a := range c.numbers {
		again = a.finishFirst(c.t.o) || again
	}
	c.first = false
	for again {
		if err := c.pass(ctx, name, want); err != nil {
			return err
		}
		again = false
		for _, a := range c.numbers {
			if a.few == nil {
				again = a.settle(2*c.t.o.Quantiles) || again
			}
		}
	}
	return nil
}

// pass goes once over the column.
func (c *cells) pass(ctx context.Context, name string, want tfmd.FeatureNameStatistics_Type) error {
	if !c.first && c.room >= 0 {
		for i := range c.held {
			h := &c.held[i]
			if h.group == nil {
				c.numbersOf(&h.page)
			} else if err := c.take(h.group, &h.page, h.first); err != nil {
				return err
			}
		}
		return nil
	}
	for _, file := range c.t.files {
		l, ok := file.leaves[name]
		for i := range file.groups {
			g := &file.groups[i]
			if !ok {
				c.absent(g)
				continue
			}
			r := reader{leaf: l, want: want}
			row := 0
			err := r.each(g.ColumnChunks()[l.index], func(p *page) error {
				if row+p.rows > g.rows {
					return fmt.Errorf("it has more values than there are rows")
				}
				err := c.take(g, p, row)
				row += p.rows
				return err
			})
			if err == nil && row != g.rows {
				err = fmt.Errorf("it has values for %d of %d rows", row, g.rows)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file.name, err)
			}
		}
	}
	return nil
}

// hold keeps a page of numbers for the next pass, while there is room for all.
func (c *cells) hold(g *group, p *page, first int) {
	if !c.first || c.room < 0 || c.numbers == nil {
		return
	}
	kept := heldPage{g, first, page{rows: p.rows, floats: slices.Clone(p.floats), times: slices.Clone(p.times),
		indexes: slices.Clone(p.indexes), valency: slices.Clone(p.valency)}}
	if c.room -= kept.page.size(); c.numbers[0].few != nil && first > fewHeld {
		c.room = -1
	}
	if c.room < 0 {
		c.held = nil
		return
	}
	c.held = append(c.held, kept)
}

// size is how many bytes a page of numbers holds.
func (p *page) size() int { return 8*(len(p.floats)+len(p.times)) + 4*(len(p.valency)+len(p.indexes)) }

// absent takes in the rows of a file that has no such column.
func (c *cells) absent(g *group) {
	if !c.first {
		return
	}
	for row := range g.rows {
		c.valency(g, row, -1)
	}
}

// valency counts a row in every data set that it is in.
func (c *cells) valency(g *group, row, n int) {
	if g.dropped != nil && g.dropped[row] {
		return
	}
	w := g.weightOf(row)
	c.valencies[0].add(n, w)
	for _, in := range g.in {
		if s := in[row]; s > 0 {
			c.valencies[s].add(n, w)
		}
	}
}

// take takes in a page whose first row is the given one of the group.
func (c *cells) take(g *group, p *page, first int) error {
	if p.valency == nil && p.values() != p.rows {
		return fmt.Errorf("a page has %d values for %d rows", p.values(), p.rows)
	}
	if c.quick(g, p, first) {
		return nil
	}
	c.hold(g, p, first)
	at := 0
	for i := range p.rows {
		n := 1
		if p.valency != nil {
			n = int(p.valency[i])
		}
		row := first + i
		if c.first {
			c.valency(g, row, n)
		}
		for range max(n, 0) {
			if at >= p.values() {
				return fmt.Errorf("a page has fewer values than its levels say")
			}
			if g.dropped == nil || !g.dropped[row] {
				c.value(g, p, row, at)
			}
			at++
		}
	}
	return nil
}

// value takes in a value in every data set that its row is in.
func (c *cells) value(g *group, p *page, row, at int) {
	w := g.weightOf(row)
	c.valueIn(0, p, at, w)
	for _, in := range g.in {
		if s := in[row]; s > 0 {
			c.valueIn(int(s), p, at, w)
		}
	}
}

func (c *cells) valueIn(set int, p *page, at int, w int64) {
	switch {
	case c.texts != nil:
		c.texts[set].add(p.at(at), 1, w)
	case c.first:
		c.numbers[set].add(p.number(at), 1, w)
	case c.numbers[set].few == nil:
		c.numbers[set].spread.again(p.number(at), 1, w)
	}
}

// quick takes in a page where every row counts once and in no slice, and
// reports whether it could.
func (c *cells) quick(g *group, p *page, first int) bool {
	if len(g.in) > 0 || c.t.o.Weight != "" || g.dropped != nil {
		return false
	}
	if c.first && p.valency == nil {
		c.valencies[0].addScalars(uint64(p.rows), 0)
	} else if c.first {
		for _, n := range p.valency {
			c.valencies[0].add(int(n), weightScale)
		}
	}
	c.quickValues(p, first)
	return true
}

// quickValues takes in the values of a page where every row counts once and in no slice.
func (c *cells) quickValues(p *page, first int) {
	switch {
	case c.texts != nil && p.indexes == nil:
		c.texts[0].addAll(p.text, p.offsets)
	case c.texts != nil:
		c.quickTexts(p)
	default:
		together := c.together(p)
		c.numbersOf(&together)
		c.hold(nil, &together, first)
	}
}

// numbersOf takes in the numbers of a page that counts as quickValues says.
func (c *cells) numbersOf(p *page) {
	if a := c.numbers[0]; c.first {
		a.addAll(p.floats, p.times)
	} else if a.few == nil {
		a.spread.againAll(p.floats, p.times)
	}
}

// quickTexts counts the texts of a page by their place in its dictionary.
func (c *cells) quickTexts(p *page) {
	for i, n := range c.countIndexes(p, len(p.offsets)-1) {
		if n > 0 {
			c.texts[0].add(p.text[p.offsets[i]:p.offsets[i+1]], n, int64(n)*weightScale)
		}
	}
}

// countIndexes says how often a page has each of the n values of its dictionary.
func (c *cells) countIndexes(p *page, n int) []uint64 {
	c.counts = slices.Grow(c.counts[:0], n)[:n]
	clear(c.counts)
	for _, i := range p.indexes {
		c.counts[i]++
	}
	return c.counts
}

// together are the numbers of a page with equal ones together, as far as that is cheap: those of a dictionary, and
// neighbours, where rows of one request follow each other. It is of use until the next call.
func (c *cells) together(p *page) page {
	c.floats, c.times = c.floats[:0], c.times[:0]
	switch {
	case p.times != nil:
		return *p
	case p.indexes != nil && len(p.floats) <= len(p.indexes):
		for i, n := range c.countIndexes(p, len(p.floats)) {
			if n > 0 {
				c.floats, c.times = append(c.floats, p.floats[i]), append(c.times, n)
			}
		}
		return page{floats: c.floats, times: c.times}
	case p.indexes != nil:
		for _, i := range p.indexes {
			c.floats = append(c.floats, p.floats[i])
		}
		return page{floats: c.floats}
	case !repeats(p.floats):
		return page{floats: p.floats}
	}
	for i := 0; i < len(p.floats); {
		from := i
		for i++; i < len(p.floats) && math.Float64bits(p.floats[i]) == math.Float64bits(p.floats[from]); i++ {
		}
		c.floats, c.times = append(c.floats, p.floats[from]), append(c.times, uint64(i-from))
	}
	return page{floats: c.floats, times: c.times}
}

// repeats reports whether neighbours among the first numbers are mostly the same.
func repeats(xs []float64) bool {
	const sample = 512
	n, same := min(len(xs), sample), 0
	for i := 1; i < n; i++ {
		if math.Float64bits(xs[i]) == math.Float64bits(xs[i-1]) {
			same++
		}
	}
	return 2*same > n
}
