package tally

import (
	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// gatherer puts the stretches of an hour together. Corrected rows, and rows of other hours, make stretches
// short, and each look at the values of a column costs the same however few they are.
type gatherer struct {
	hour        []int            // by stretch: the number of its hour
	first, last []int            // by the number of an hour: its first and its last stretch
	values      []colfile.Column // by the number of an hour: those of one column so far
}

// begin is called with the stretches of a file.
func (g *gatherer) begin(parts []rowfile.Stretch) {
	numbers := map[int64]int{}
	g.hour, g.first, g.last = g.hour[:0], g.first[:0], g.last[:0]
	for i, p := range parts {
		n, known := numbers[p.Hour]
		if !known {
			n = len(numbers)
			numbers[p.Hour] = n
			g.first, g.last = append(g.first, i), append(g.last, i)
		}
		g.hour, g.last[n] = append(g.hour, n), i
	}
	for len(g.values) < len(numbers) {
		g.values = append(g.values, colfile.Column{})
	}
}

// add adds the values of a stretch, and returns those of its whole hour once it is the last one; else nil. They
// are good until there is another column. Of a list only the levels are there.
func (g *gatherer) add(part int, list bool, v *colfile.Column) *colfile.Column {
	n := g.hour[part]
	if g.first[n] == g.last[n] {
		return v
	}
	to := &g.values[n]
	if part == g.first[n] {
		*to = colfile.Column{Rep: to.Rep[:0], Def: to.Def[:0], Bools: to.Bools[:0], Int32s: to.Int32s[:0],
			Int64s: to.Int64s[:0], Doubles: to.Doubles[:0], Text: to.Text[:0], Offsets: to.Offsets[:0],
			Codes: to.Codes[:0]}
	}
	if list {
		to.Rep, to.Def = append(to.Rep, v.Rep...), append(to.Def, v.Def...)
	} else {
		to.Bools, to.Int32s = append(to.Bools, v.Bools...), append(to.Int32s, v.Int32s...)
		to.Int64s, to.Doubles = append(to.Int64s, v.Int64s...), append(to.Doubles, v.Doubles...)
		appendTexts(to, v)
	}
	if part != g.last[n] {
		return nil
	}
	return to
}

func appendTexts(to, v *colfile.Column) {
	if v.Book != nil { // the stretches of a column have the same one
		to.Book, to.Codes = v.Book, append(to.Codes, v.Codes...)
		return
	}
	if len(v.Offsets) == 0 {
		return
	}
	if len(to.Offsets) == 0 {
		to.Offsets = append(to.Offsets, 0)
	}
	from, at := v.Offsets[0], uint32(len(to.Text))
	to.Text = append(to.Text, v.Text[from:v.Offsets[len(v.Offsets)-1]]...)
	for _, end := range v.Offsets[1:] {
		to.Offsets = append(to.Offsets, end-from+at)
	}
}
