package store

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// TestGroupTableIsAMap holds the table of groups against a map, also where the
// lower halves of numbers begin anew.
func TestGroupTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := groupTable{first: rapid.SampledFrom([]uint64{1, 1<<32 - 3, 5<<32 - 1}).Draw(t, "first")}
		model := map[uint64]events.Time{}
		numbers := func() (list []uint64) {
			for n := range model {
				list = append(list, n)
			}
			slices.Sort(list)
			return list
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				g := groupRef{slice: events.Time(rapid.IntRange(-3, 3).Draw(t, "slice")) << sliceBits, number: table.next()}
				if uint32(g.number) == 0 {
					t.Fatalf("%d is the number of a group, and in the index it is none", g.number)
				}
				table.add(g)
				model[g.number] = g.slice
			},
			"drop": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("no group")
				}
				n := rapid.SampledFrom(numbers()).Draw(t, "number")
				table.drop(n)
				delete(model, n)
			},
			"reload": func(t *rapid.T) {
				var list []groupRef
				for n, slice := range model {
					list = append(list, groupRef{slice: slice, number: n})
				}
				if len(list) == 0 {
					t.Skip("no group")
				}
				var err error
				if table, err = newGroupTable(list); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if table.count != len(model) {
					t.Fatalf("%d groups, want %d", table.count, len(model))
				}
				for _, n := range numbers() {
					if got, ok := table.find(uint32(n)); !ok || got.number != n || got.slice != model[n] {
						t.Fatalf("group %d is found as %+v, %v", n, got, ok)
					}
				}
				for n := table.first; n < table.next()+2; n++ {
					if _, there := model[n]; !there {
						if got, ok := table.find(uint32(n)); ok {
							t.Fatalf("group %d is none, and found as %+v", n, got)
						}
					}
				}
			},
		})
	})
	if _, err := newGroupTable([]groupRef{{number: 1}, {number: 1 << 33}}); err == nil {
		t.Error("groups whose numbers the index cannot tell apart are taken")
	}
}
