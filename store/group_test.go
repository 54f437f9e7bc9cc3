package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestGroupsRoundTrip: what a group was made of is found in it, and it is found
// by its id.
func TestGroupsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slice := sliceStart(times().Draw(t, "slice"))
		var list []newRequest
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			o := outcomes().Draw(t, "event")
			within := events.Time(rapid.Int64Range(0, 1<<sliceBits-1).Draw(t, "within"))
			list = append(list, newRequest{key: joiner.RequestKey{TS: slice + within, ID: ids().Draw(t, "id")}, origin: o.Origin, data: o.Data})
		}
		slices.SortFunc(list, newInOrder)
		value := appendList(nil, list)
		packed, _ := appendEvents(nil, list, nil)
		var g group
		if err := g.decode(slice, value); err != nil || len(g.slots) != len(list) {
			t.Fatalf("%d of %d requests are read, %v", len(g.slots), len(list), err)
		}
		text, from, err := g.text(packed)
		if err != nil {
			t.Fatal(err)
		}
		for i := range g.slots {
			s, want := &g.slots[i], &list[i]
			got := text[from+s.data.from : from+s.data.to]
			if s.ts != want.key.TS || string(g.id(s)) != want.key.ID || text[s.id.from:s.id.to] != want.key.ID || s.origin != want.origin || got != string(want.data) {
				t.Fatalf("request %d is read as %+v %q %q, was %+v", i, s, g.id(s), got, want)
			}
		}
		value[0]++
		if err := g.decode(slice, value); !errors.Is(err, errVersion) {
			t.Fatalf("another version is read with %v", err)
		}
	})
}

// TestGroupsEnd: a group ends at its slice's end, and before it is too large.
func TestGroupsEnd(t *testing.T) {
	s := Store{groupBytes: groupBytes}
	for name, c := range map[string]struct {
		size, step int
		want       int
	}{
		"small": {10, 1, groupMost}, "large": {groupBytes / 10, 1, 10}, "huge": {2 * groupBytes, 1, 1}, "across slices": {10, 1 << (sliceBits - 2), 4},
	} {
		t.Run(name, func(t *testing.T) {
			var list []newRequest
			for i := range 2 * groupMost {
				list = append(list, newRequest{key: joiner.RequestKey{TS: events.Time(i * c.step)}, data: make([]byte, c.size)})
			}
			if got := s.groupOf(list); got != c.want {
				t.Errorf("%s: %d requests make a group, want %d", name, got, c.want)
			}
		})
	}
}

// FuzzGroups reads lists and events of any bytes: none panics or asks for more
// memory than its size warrants.
func FuzzGroups(f *testing.F) {
	list := []newRequest{
		{key: joiner.RequestKey{TS: 5, ID: "a"}, data: []byte(`{"request_id":"a","ts":5}`)},
		{key: joiner.RequestKey{TS: 9, ID: "b"}, origin: events.Origin{Seq: 1 << 40, Index: 7}, data: []byte(strings.Repeat("x", 300))},
	}
	packed, _ := appendEvents(nil, list, nil)
	f.Add(appendList(nil, list), packed)
	f.Add([]byte{valueVersion, 1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F}, []byte{valueVersion, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F})
	f.Fuzz(func(t *testing.T, value, packed []byte) {
		var g group
		if g.decode(0, value) != nil || g.size > 1<<20 {
			return
		}
		text, from, err := g.text(packed)
		if err != nil {
			return
		}
		if from != len(g.ids) || len(text) != from+g.size {
			t.Fatalf("%d bytes, events from %d, of %d ids and %d bytes of events", len(text), from, len(g.ids), g.size)
		}
		for i := range g.slots {
			s := &g.slots[i]
			if !bytes.Equal(g.id(s), []byte(text[s.id.from:s.id.to])) || s.data.to > g.size {
				t.Fatalf("slot %d is beyond the group: %+v", i, s)
			}
		}
	})
}

// BenchmarkAppendEvents compresses requests of 709 bytes in groups of several
// sizes, which is what groupBytes was chosen by.
func BenchmarkAppendEvents(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, size := range []int{4, 8, 16, 32, 64} {
		var requests []newRequest
		for range size << 10 / 709 {
			r := fmt.Appendf(nil, `{"request_id":"%016x-%016x","features":{`, rng.Uint64(), rng.Uint64())
			for i := 0; len(r) < 709; i++ {
				r = fmt.Appendf(r, `"f%02d":%.6f,"n%02d":%d,"c%02d":"category-%d",`, i, rng.Float64(), i, rng.IntN(1000), i, rng.IntN(20))
			}
			requests = append(requests, newRequest{data: r[:709]})
		}
		b.Run(fmt.Sprint(size, "KiB"), func(b *testing.B) {
			var value, scratch []byte
			for b.Loop() {
				value, scratch = appendEvents(value[:0], requests, scratch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(requests)), "ns/request")
			b.ReportMetric(float64(len(value))/float64(len(requests)), "B/request")
		})
	}
}
