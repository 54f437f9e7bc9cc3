package raters

import (
	"cmp"
	"maps"
	"slices"
)

// pairable are the rows of which several raters said something: alpha is of them alone.
func pairable(rows [][]vote) (out [][]vote, votes int) {
	for _, row := range rows {
		if len(row) > 1 {
			out = append(out, row)
			votes += len(row)
		}
	}
	return out, votes
}

// nominal is alpha where votes are equal or not. Of a row with m votes, of which n are for a value,
// n(m-n)/(m-1) pairs disagree with that value; by chance n(N-n) pairs of all N votes would.
func nominal(rows [][]vote) *float64 {
	rows, all := pairable(rows)
	total, observed := map[float64]int{}, 0.0
	byVotes := map[int]int{} // pairs that differ, by the votes of their row: whole numbers have no order
	for _, row := range rows {
		count := map[float64]int{}
		for _, v := range row {
			count[v.value]++
			total[v.value]++
		}
		for _, n := range count {
			byVotes[len(row)] += n * (len(row) - n)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(byVotes)) {
		observed += float64(byVotes[m]) / float64(m-1)
	}
	expected := 0
	for _, n := range total {
		expected += n * (all - n)
	}
	if expected == 0 {
		return nil
	}
	return new(1 - float64(all-1)*observed/float64(expected))
}

// ordinal is alpha where votes are ranks: the difference of two is how many votes lie between them,
// with half of those that are for either.
func ordinal(rows [][]vote) *float64 {
	rows, _ = pairable(rows)
	count := map[float64]int{}
	for _, row := range rows {
		for _, v := range row {
			count[v.value]++
		}
	}
	rank, before := map[float64]float64{}, 0
	for _, value := range slices.Sorted(maps.Keys(count)) {
		rank[value] = float64(before) + float64(count[value])/2
		before += count[value]
	}
	ranked := make([][]vote, len(rows))
	for i, row := range rows {
		for _, v := range row {
			ranked[i] = append(ranked[i], vote{v.rater, rank[v.value]})
		}
	}
	return interval(ranked)
}

// interval is alpha where votes are numbers: the difference of two is the square of their distance.
// The sum of it over all pairs of m numbers is m times the sum of their squared distances from their mean.
func interval(rows [][]vote) *float64 {
	rows, all := pairable(rows)
	var values, parts []float64
	for _, row := range rows {
		said := make([]float64, len(row))
		for i, v := range row {
			said[i] = v.value
		}
		parts = append(parts, 2*float64(len(said))*spread(said)/float64(len(said)-1))
		values = append(values, said...)
	}
	slices.Sort(parts) // one order of adding, whatever that of the rows
	observed := 0.0
	for _, x := range parts {
		observed += x
	}
	expected := 2 * float64(all) * spread(values)
	if expected == 0 {
		return nil
	}
	return new(1 - float64(all-1)*observed/expected)
}

// spread is the sum of the squared distances of numbers from their mean. It sorts them.
func spread(values []float64) float64 {
	slices.Sort(values)
	mean := 0.0
	for _, x := range values {
		mean += x / float64(len(values))
	}
	sum := 0.0
	for _, x := range values {
		sum += (x - mean) * (x - mean)
	}
	return sum
}

// both counts what two raters said of the rows that both judged.
type both struct {
	a, b          map[float64]int // of each, by value
	common, equal int
}

// pairs compares all raters who have rows in common.
func (v *Votes) pairs() []Pair {
	found := map[[2]int]*both{}
	for _, row := range v.rows {
		for i := range row {
			for j := range row {
				x, y := row[i], row[j]
				if v.raters[x.rater] >= v.raters[y.rater] {
					continue
				}
				p := found[[2]int{x.rater, y.rater}]
				if p == nil {
					p = &both{a: map[float64]int{}, b: map[float64]int{}}
					found[[2]int{x.rater, y.rater}] = p
				}
				p.common++
				p.a[x.value]++
				p.b[y.value]++
				if x.value == y.value {
					p.equal++
				}
			}
		}
	}
	var out []Pair
	for at, p := range found {
		pair := Pair{A: v.raters[at[0]], B: v.raters[at[1]], Common: p.common, Agree: float64(p.equal) / float64(p.common)}
		chance := 0 // pairs that would be equal by chance, of common squared
		for value, n := range p.a {
			chance += n * p.b[value]
		}
		if whole := p.common * p.common; chance < whole {
			pair.Kappa = new(float64(p.equal*p.common-chance) / float64(whole-chance))
		}
		out = append(out, pair)
	}
	slices.SortFunc(out, func(x, y Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return out
}
