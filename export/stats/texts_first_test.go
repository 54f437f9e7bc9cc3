package stats

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFirst: the first of many are those that sorting all of them would give.
func TestFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i, c := range []struct{ all, n, values int }{{0, 3, 5}, {1, 3, 5}, {3, 3, 9}, {5, 3, 2}, {6, 3, 9}, {1000, 7, 50}, {1000, 1, 1000}, {1000, 0, 9}, {2000, 1000, 1 << 30}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			all := make([]int, c.all)
			for i := range all {
				all[i] = rng.IntN(c.values)
			}
			want := slices.Sorted(slices.Values(all))
			want = want[:min(len(want), c.n)]
			if got := first(all, c.n, cmp.Compare[int]); !slices.Equal(got, want) {
				t.Errorf("the first %d of %d are %v, want %v", c.n, c.all, got, want)
			}
		})
	}
}
