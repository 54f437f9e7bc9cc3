package raters

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestTableIsVotesOfTwo: what a table of two says is what the votes of two raters say.
func TestTableIsVotesOfTwo(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			table, votes, texts := Table{}, &Votes{}, r.IntN(2) == 0
			kinds := 1 + r.IntN(4)
			for range r.IntN(40) {
				a, b := r.IntN(kinds), r.IntN(kinds)
				if r.IntN(2) == 0 {
					b = a
				}
				said := map[string]any{"a": float64(3 * a), "b": float64(3 * b)}
				both := Both{fmt.Sprint(3 * a), fmt.Sprint(3 * b)}
				if texts {
					both = Both{fmt.Sprint("v", a), fmt.Sprint("v", b)}
					said = map[string]any{"a": both.A, "b": both.B}
				}
				table.Add(both, 1)
				if err := votes.Add(said); err != nil {
					t.Fatal(err)
				}
			}
			want, alpha := votes.Agreement(), table.Alpha()
			check := func(what string, got, want *float64) {
				t.Helper()
				if (got == nil) != (want == nil) || got != nil && math.Abs(*got-*want) > 1e-9 {
					t.Errorf("%s is %s, want %s", what, Figure(got), Figure(want))
				}
			}
			check("alpha of names", alpha.Nominal, want.Alpha.Nominal)
			check("alpha of ranks", alpha.Ordinal, want.Alpha.Ordinal)
			check("alpha of numbers", alpha.Interval, want.Alpha.Interval)
			if table.Rows > 0 {
				check("kappa", table.Kappa(), want.Pairs[0].Kappa)
				check("agreement", table.Agree(), &want.Pairs[0].Agree)
			}
		})
	}
}

// A table of more values than it holds says how many rows are equal, and nothing that needs all pairs.
func TestTableCrowded(t *testing.T) {
	table := Table{}
	for i := range MostPairs + 5 {
		table.Add(Both{fmt.Sprint(i), fmt.Sprint(i)}, 1)
	}
	table.Add(Both{"0", "1"}, 5)
	if !table.Crowded || table.Kappa() != nil || table.Alpha().Nominal != nil || len(table.Counts) != MostPairs {
		t.Errorf("crowded %v, kappa %s, %d pairs", table.Crowded, Figure(table.Kappa()), len(table.Counts))
	}
	if got, want := *table.Agree(), float64(MostPairs+5)/(MostPairs+10); math.Abs(got-want) > 1e-12 {
		t.Errorf("agreement %v, want %v", got, want)
	}
}
