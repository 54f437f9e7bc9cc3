package stats

import (
	"context"
	"fmt"
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
}

// fewHeld is after how many rows no more are kept, if the column has few different numbers: a second pass is
// not likely then.
const fewHeld = 1 << 14

// heldPage is a page that is kept for another pass.
type heldPage struct {
	group *group
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
			if err := c.take(h.group, &h.page, h.first); err != nil {
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
				c.hold(g, p, row)
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
	if c.room -= 8*len(p.floats) + 4*len(p.valency); c.numbers[0].few != nil && first > fewHeld {
		c.room = -1
	}
	if c.room < 0 {
		c.held = nil
		return
	}
	c.held = append(c.held, heldPage{g, first, page{rows: p.rows, floats: slices.Clone(p.floats),
		valency: slices.Clone(p.valency)}})
}

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
	if c.quick(g, p) {
		return nil
	}
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
		c.numbers[set].add(p.floats[at], w)
	case c.numbers[set].few == nil:
		c.numbers[set].spread.again(p.floats[at], w)
	}
}

// quick takes in a page where every row counts once and in no slice, and
// reports whether it could.
func (c *cells) quick(g *group, p *page) bool {
	if len(g.in) > 0 || g.weights != nil || g.dropped != nil {
		return false
	}
	if c.first {
		c.quickValencies(p)
	}
	switch a := c.numbers; {
	case c.texts != nil && p.indexes == nil:
		c.texts[0].addAll(p.text, p.offsets)
	case c.texts != nil:
		c.quickTexts(p)
	case c.first:
		a[0].addAll(p.floats)
	case a[0].few == nil:
		a[0].spread.againAll(p.floats)
	}
	return true
}

func (c *cells) quickValencies(p *page) {
	v := &c.valencies[0]
	if p.valency == nil {
		v.one += uint64(p.rows)
		v.values += uint64(p.rows)
		v.weight += int64(p.rows) * weightScale
		v.valuesW += int64(p.rows) * weightScale
		return
	}
	for _, n := range p.valency {
		v.add(int(n), weightScale)
	}
}

// quickTexts counts the texts of a page by their place in its dictionary.
func (c *cells) quickTexts(p *page) {
	counts := make([]uint64, len(p.offsets)-1)
	for _, i := range p.indexes {
		counts[i]++
	}
	for i, n := range counts {
		if n > 0 {
			c.texts[0].add(p.text[p.offsets[i]:p.offsets[i+1]], n, int64(n)*weightScale)
		}
	}
}
