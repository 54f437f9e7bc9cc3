package raters

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Table counts what two say of the same rows, each a text or the text of a number: how often
// each pair of values comes. Its zero value has none.
type Table struct {
	Counts map[Both]int64
	Rows   int64
	// Crowded says that there were more than MostPairs different pairs, so that the counts are not all.
	Crowded bool
	equal   int64
}

// Both is what the two say of a row.
type Both struct{ A, B string }

// MostPairs is how many different pairs of values a table has at most.
const MostPairs = 10_000

// Add counts rows of which the two say this.
func (t *Table) Add(both Both, rows int64) {
	t.Rows += rows
	if both.A == both.B {
		t.equal += rows
	}
	if t.Counts == nil {
		t.Counts = map[Both]int64{}
	}
	if _, known := t.Counts[both]; !known && len(t.Counts) == MostPairs {
		t.Crowded = true
		return
	}
	t.Counts[both] += rows
}

// Values are the values that either says, in order: numbers by their size, before texts.
func (t *Table) Values() []string {
	known := map[string]bool{}
	for both := range t.Counts {
		known[both.A], known[both.B] = true, true
	}
	return slices.SortedFunc(maps.Keys(known), compareValues)
}

func compareValues(a, b string) int {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(x, y)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// Agree is the share of the rows of which both say the same. Nil: there are none.
func (t *Table) Agree() *float64 {
	if t.Rows == 0 {
		return nil
	}
	return new(float64(t.equal) / float64(t.Rows))
}

// Kappa is Cohen's kappa, as of Pair. Nil also where the table is crowded.
func (t *Table) Kappa() *float64 {
	a, b := t.margins()
	chance := 0.0 // pairs that would be equal by chance, of Rows squared
	for value, n := range a {
		chance += float64(n) * float64(b[value])
	}
	whole := float64(t.Rows) * float64(t.Rows)
	if t.Crowded || chance >= whole {
		return nil
	}
	return new((float64(t.equal)*float64(t.Rows) - chance) / (whole - chance))
}

// Alpha is Krippendorff's, as of Agreement: of the two as raters. Its numbers are nil where the table
// is crowded.
func (t *Table) Alpha() (alpha Alpha) {
	a, b := t.margins()
	if t.Crowded || t.Rows == 0 {
		return alpha
	}
	total := map[string]int64{}
	for value, n := range a {
		total[value] += n
	}
	for value, n := range b {
		total[value] += n
	}
	all := 2 * float64(t.Rows)
	same := 0.0 // pairs of two votes for one value
	for _, n := range total {
		same += float64(n) * float64(n)
	}
	if expected := all*all - same; expected > 0 {
		alpha.Nominal = new(1 - (all-1)*2*float64(t.Rows-t.equal)/expected)
	}
	values := t.Values()
	numbers, ranks := make(map[string]float64, len(values)), make(map[string]float64, len(values))
	before := int64(0)
	for _, value := range values {
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return alpha
		}
		numbers[value], ranks[value] = x, float64(before)+float64(total[value])/2
		before += total[value]
	}
	alpha.Ordinal, alpha.Interval = t.distant(values, total, ranks), t.distant(values, total, numbers)
	return alpha
}

// distant is alpha where the difference of two values is the square of how far they are apart.
func (t *Table) distant(values []string, total map[string]int64, at map[string]float64) *float64 {
	all, mean := 2*float64(t.Rows), 0.0
	for _, v := range values {
		mean += at[v] * float64(total[v]) / all
	}
	expected, observed := 0.0, 0.0
	for _, v := range values {
		expected += float64(total[v]) * (at[v] - mean) * (at[v] - mean)
	}
	for _, both := range slices.SortedFunc(maps.Keys(t.Counts), compareBoth) { // one order of adding
		apart := at[both.A] - at[both.B]
		observed += float64(t.Counts[both]) * apart * apart
	}
	if expected == 0 || math.IsInf(expected, 0) || math.IsNaN(expected) {
		return nil
	}
	return new(1 - (all-1)*observed/(all*expected))
}

func compareBoth(x, y Both) int {
	return cmp.Or(compareValues(x.A, y.A), compareValues(x.B, y.B))
}

// margins are how often each value comes, by who says it.
func (t *Table) margins() (a, b map[string]int64) {
	a, b = map[string]int64{}, map[string]int64{}
	for both, n := range t.Counts {
		a[both.A] += n
		b[both.B] += n
	}
	return a, b
}
