package batch_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/joiner/batch"
)

// TestSeveral: the hashes that come more than once are found, however they lie: at random, in one place of the table on
// purpose, and 0, which is no place of it.
func TestSeveral(t *testing.T) {
	for name, next := range map[string]func(*rand.Rand) uint64{
		"at random":    func(r *rand.Rand) uint64 { return r.Uint64() },
		"in one part":  func(r *rand.Rand) uint64 { return r.Uint64() >> 8 },
		"in one place": func(r *rand.Rand) uint64 { return r.Uint64() >> 44 },
		"small":        func(r *rand.Rand) uint64 { return r.Uint64N(5000) },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				r := rand.New(rand.NewPCG(seed, 0))
				var all []uint64
				times, want := map[uint64]int{}, map[uint64]struct{}{}
				for range r.IntN(5000) {
					hash := next(r)
					if len(all) > 0 && r.IntN(10) == 0 {
						hash = all[r.IntN(len(all))]
					}
					if r.IntN(1000) == 0 {
						hash = 0
					}
					all = append(all, hash)
					if times[hash]++; times[hash] == 2 {
						want[hash] = struct{}{}
					}
				}
				if got := batch.Several(all, 1+r.IntN(3)); !maps.Equal(got, want) {
					t.Fatalf("seed %d: %d of %d hashes are there several times; found %d", seed, len(want), len(all), len(got))
				}
			}
		})
	}
}
