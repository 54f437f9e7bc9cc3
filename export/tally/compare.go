package tally

import (
	"fmt"
	"math"
)

// Difference is how much the values of a column differ in two sets of rows.
type Difference struct {
	// Divergence is the Jensen-Shannon divergence, in bits: from 0, the same, to 1, nothing in common. What
	// has no value is a value of its own.
	Divergence float64
	// P is how likely so large a difference is by chance: the G-test of independence, with as many
	// independent rows as there are requests.
	P float64
}

// Compare compares a column in two sets of rows. ok is false where they cannot be compared: one of them
// has no rows, or there are more texts than are counted.
func Compare(a, b *Hour, name string) (d Difference, ok bool) {
	x, y := a.Columns[name], b.Columns[name]
	if x == nil {
		x = newColumn()
	}
	if y == nil {
		y = newColumn()
	}
	if a.Rows == 0 || b.Rows == 0 || x.Texts.More || y.Texts.More {
		return d, false
	}
	n, m := float64(a.Rows), float64(b.Rows)
	kinds, g := 0, 0.0
	for _, c := range x.parts(y, a.Rows, b.Rows) {
		kinds++
		whole := c[0] + c[1]
		p, q := c[0]/n, c[1]/m
		mean := (p + q) / 2
		if c[0] > 0 {
			d.Divergence += p / 2 * math.Log2(p/mean)
			g += 2 * c[0] * math.Log(c[0]*(n+m)/(n*whole))
		}
		if c[1] > 0 {
			d.Divergence += q / 2 * math.Log2(q/mean)
			g += 2 * c[1] * math.Log(c[1]*(n+m)/(m*whole))
		}
	}
	rows := float64(a.Requests+b.Requests) / (n + m) // that are independent, of each
	d.P = chiSquare(max(g, 0)*min(rows, 1), kinds-1)
	return d, true
}

// parts are the rows of two sets by what they have: each bin, each text, zero, other values, and none.
func (c *Column) parts(o *Column, rows, others uint64) (out [][2]float64) {
	put := func(a, b uint64) {
		if a+b > 0 {
			out = append(out, [2]float64{float64(a), float64(b)})
		}
	}
	put(rows-min(rows, c.Present), others-min(others, o.Present))
	put(c.Zeros, o.Zeros)
	put(c.unnamed(), o.unnamed())
	a, b := c.Bins, o.Bins
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].At < b[0].At:
			put(a[0].Count, 0)
			a = a[1:]
		case len(a) == 0 || b[0].At < a[0].At:
			put(0, b[0].Count)
			b = b[1:]
		default:
			put(a[0].Count, b[0].Count)
			a, b = a[1:], b[1:]
		}
	}
	counts := map[string]uint64{}
	for _, t := range o.Texts.Counts {
		counts[t.Text] = t.Count
	}
	for _, t := range c.Texts.Counts {
		put(t.Count, counts[t.Text])
		delete(counts, t.Text)
	}
	for _, t := range o.Texts.Counts {
		put(0, counts[t.Text])
	}
	return out
}

// unnamed are the values that are in no bin and no text: lists.
func (c *Column) unnamed() uint64 {
	n := c.Numbers()
	for _, t := range c.Texts.Counts {
		n += t.Count
	}
	return c.Present - min(c.Present, n)
}

// chiSquare is the probability that a variable with the chi-square distribution is so large, by the
// approximation of Wilson and Hilferty (1931).
func chiSquare(x float64, freedom int) float64 {
	if freedom < 1 {
		return 1
	}
	k := 2 / (9 * float64(freedom))
	z := (math.Cbrt(x/float64(freedom)) - (1 - k)) / math.Sqrt(k)
	return math.Erfc(z/math.Sqrt2) / 2
}

// Median is a number in the middle of the numbers of a column, within the width of a bin: a fifth of
// itself. It is NaN where there are none.
func (c *Column) Median() float64 {
	total := c.Numbers()
	if total == 0 {
		return math.NaN()
	}
	at, zero := uint64(0), false
	for _, b := range c.ordered() {
		low, high := b.Edges()
		if !zero && low >= 0 {
			if at += c.Zeros; at > total/2 {
				return 0
			}
			zero = true
		}
		if at += b.Count; at > total/2 {
			part := (float64(total/2) - float64(at-b.Count) + 0.5) / float64(b.Count)
			return min(max(low+(high-low)*part, c.Min), c.Max)
		}
	}
	return 0
}

// ordered are the bins from the least number on.
func (c *Column) ordered() (out []Bin) {
	split := 0
	for split < len(c.Bins) && c.Bins[split].At>>(binBits-1) == 0 {
		split++
	}
	for i := len(c.Bins) - 1; i >= split; i-- {
		out = append(out, c.Bins[i])
	}
	return append(out, c.Bins[:split]...)
}

// unitFactors are factors between units that are mistaken for each other: of time, of money, of bytes.
func unitFactors() []float64 { return []float64{1000, 1e6, 1e9, 100, 60, 3600, 1024} }

// Unit says, if it looks as if the numbers of a column came in another unit than before, by which
// factor: their medians and their ends differ by it.
func Unit(before, now *Hour, name string) (text string) {
	a, b := before.Columns[name], now.Columns[name]
	if a == nil || b == nil || a.Numbers() == 0 || b.Numbers() == 0 {
		return ""
	}
	was, is := a.Median(), b.Median()
	for _, f := range unitFactors() {
		const about = 1.35 // medians of some hundred rows, read off bins
		for _, k := range []float64{f, 1 / f} {
			if r := is / was / k; r > 1/about && r < about {
				if k > 1 {
					return fmt.Sprintf("numbers are about %g times as large: another unit?", f)
				}
				return fmt.Sprintf("numbers are about a %gth of what they were: another unit?", f)
			}
		}
	}
	return ""
}
