package sample

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBestIsTheBeginningOfAll: what best holds are the first rows of all in order, and no more than n.
func TestBestIsTheBeginningOfAll(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for _, n := range []int{1, 2, 7, 100, 1000} {
		b := best{n: n}
		var all []Row
		for i := range 500 {
			row := Row{request: fmt.Sprint("r", r.IntN(200)), worth: float64(r.IntN(5)), rowIndex: rowIndex{group: i / 10, row: i % 10}}
			row.hash = Hash("salt", row.request, "")
			all = append(all, row)
			if b.add(row); len(b.rows) > n {
				t.Fatalf("it holds %d rows, want at most %d", len(b.rows), n)
			}
		}
		slices.SortFunc(all, compareRows)
		got := slices.SortedFunc(slices.Values(b.rows), compareRows)
		if !slices.Equal(got, all[:min(n, len(all))]) {
			t.Errorf("of %d: %v", n, got)
		}
	}
}

// TestChoiceIsTheBeginningOfALargerOne: -n says how many rows are taken, and not which.
func TestChoiceIsTheBeginningOfALargerOne(t *testing.T) {
	for _, s := range []Sample{
		{By: ByRandom}, {By: ByUncertainty}, {By: ByDisagreement}, {By: BySlice, Slices: []string{"device"}},
	} {
		s.N = 1000
		all, _ := ids(t, s)
		for _, s.N = range []int{1, 5, 13} {
			if some, _ := ids(t, s); !slices.Equal(some, all[:s.N]) {
				t.Errorf("%s: the first %d of %q are %q", s.By, s.N, all, some)
			}
		}
	}
	s := Sample{By: BySlice, N: 2, Slices: []string{"device"}}
	if c, err := s.Choose(t.Context(), rows(t)); err != nil || c.From == 0 || c.Slices != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}
