package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIDTableIsAMap holds the table of ids against a map, with few hashes so that
// entries collide, share homes and stand far from them.
func TestIDTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, model, held := idTable{}, map[uint64][]uint32{}, 0
		hashes := rapid.Custom(func(t *rapid.T) uint64 {
			shard := rapid.Uint64Range(0, 1).Draw(t, "shard") * (idShards - 1) << (64 - idShardBits)
			tag := rapid.OneOf(rapid.Uint32Range(0, 40), rapid.Uint32Range(1<<32-40, 1<<32-1), rapid.Uint32()).Draw(t, "tag")
			return shard | uint64(tag)
		})
		check := func(t *rapid.T, h uint64) {
			got := x.find(nil, h)
			slices.Sort(got)
			slices.Sort(model[h])
			if !slices.Equal(got, model[h]) || x.has(h) != (len(got) > 0) || x.used != held {
				t.Fatalf("%x has %v of %d entries, want %v of %d", h, got, x.used, model[h], held)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				h, group := hashes.Draw(t, "hash"), rapid.Uint32Range(1, 9).Draw(t, "group")
				x.add(h, group)
				model[h] = append(model[h], group)
				held++
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("nothing to remove")
				}
				var known []uint64
				for h := range model {
					known = append(known, h)
				}
				slices.Sort(known)
				h, group := rapid.SampledFrom(known).Draw(t, "hash"), rapid.Uint32Range(1, 9).Draw(t, "group")
				at := slices.Index(model[h], group)
				if x.remove(h, group) != (at >= 0) {
					t.Fatalf("removing %d of %v", group, model[h])
				}
				if at >= 0 {
					model[h] = slices.Delete(model[h], at, at+1)
					held--
				}
			},
			"": func(t *rapid.T) {
				check(t, hashes.Draw(t, "hash"))
				for h := range model {
					check(t, h)
				}
			},
		})
	})
}

// TestIDTableFillsAndEmpties: a table is as large as what it holds warrants, before and
// after most of it is gone.
func TestIDTableFillsAndEmpties(t *testing.T) {
	const n = 200_000
	x, r := idTable{}, rand.New(rand.NewPCG(1, 2))
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = r.Uint64()
		x.add(hashes[i], uint32(i+1))
	}
	size := func() (entries int) {
		for i := range x.shards {
			entries += len(x.shards[i].entries)
		}
		return entries
	}
	if full := size(); full > 2*n {
		t.Errorf("%d places for %d entries", full, n)
	}
	for i, h := range hashes {
		if got := x.find(nil, h); !slices.Contains(got, uint32(i+1)) {
			t.Fatalf("entry %d is lost: %v", i, got)
		}
	}
	for i, h := range hashes[:n-n/100] {
		if !x.remove(h, uint32(i+1)) {
			t.Fatalf("entry %d cannot be removed", i)
		}
	}
	if left := size(); left > n/2 || x.used != n/100 {
		t.Errorf("%d places for the last %d entries", left, x.used)
	}
}

// BenchmarkIDTable adds an entry, looks for one that is not there and removes the
// oldest, with a million held.
func BenchmarkIDTable(b *testing.B) {
	x := idTable{}
	hash := func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }
	const held = 1_000_000
	for i := range held {
		x.add(hash(i), uint32(i/32+1))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := held; i < held+b.N; i++ {
		x.add(hash(i), uint32(i/32+1))
		if x.has(hash(i) + 1) {
			b.Fatal("what was never added is there")
		}
		if !x.remove(hash(i-held), uint32((i-held)/32+1)) {
			b.Fatal("what was added is not there")
		}
	}
}
