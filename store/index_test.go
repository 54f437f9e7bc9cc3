package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// TestPlaces holds places against lists of timestamps, with hashes that share their
// low bits.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, want := newKeySlots(), map[uint64][]events.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h := rapid.Uint64Range(0, 3).Draw(t, "hash")*nearSize + rapid.Uint64Range(0, 1).Draw(t, "low")
			at := events.Time(rapid.IntRange(0, 2).Draw(t, "time"))
			if rapid.Bool().Draw(t, "add") {
				p.add(h, at)
				want[h] = append(want[h], at)
			} else {
				p.remove(h, at)
				if i := slices.Index(want[h], at); i >= 0 {
					want[h] = slices.Delete(want[h], i, i+1)
				}
			}
			for h, times := range want {
				var got []events.Time
				p.each(h, func(at events.Time) { got = append(got, at) })
				slices.Sort(got)
				if sorted := slices.Sorted(slices.Values(times)); !slices.Equal(got, sorted) {
					t.Fatalf("hash %x has %v, want %v", h, got, sorted)
				}
				if p.has(h) != (len(times) > 0) || p.holds(h, at) != slices.Contains(times, at) {
					t.Fatalf("hash %x has %v: has says %v, holds(%d) says %v", h, times, p.has(h), at, p.holds(h, at))
				}
			}
		}
	})
}
