package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// indexed is a request in the model of an index.
type indexed struct {
	key string
	hit keyHit
}

// TestKeyIndexIsItsModel: what is found is what was added and neither removed nor forgotten, in
// order from either end, and so much is counted.
func TestKeyIndexIsItsModel(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
			within := time.Duration(1+r.IntN(1000)) * time.Millisecond
			x, now := newKeyIndex(within), events.Time(0)
			keys := []string{"a", "b", strings.Repeat("c", 31), strings.Repeat("d", 32), strings.Repeat("e", 90)}
			var model []indexed
			for n := range 400 {
				now = now.Add(time.Duration(r.IntN(20)) * time.Millisecond)
				switch r.IntN(8) {
				case 0:
					if len(model) > 0 {
						at := r.IntN(len(model))
						x.remove(model[at].key, model[at].hit.ts, model[at].hit.request)
						model = slices.Delete(model, at, at+1)
					}
				case 1:
					if before := now.Add(-time.Duration(r.IntN(2000)) * time.Millisecond); r.IntN(5) == 0 {
						// Up to a slice is forgotten later.
						whole := events.Time(x.number(before) * int64(x.width))
						x.forget(whole)
						model = slices.DeleteFunc(model, func(m indexed) bool { return m.hit.request.TS < whole })
					}
				case 2:
					key := keys[r.IntN(len(keys))]
					from := now.Add(-within)
					var want []keyHit
					for _, m := range model {
						if m.key == key && m.hit.ts >= from && m.hit.ts <= now {
							want = append(want, m.hit)
						}
					}
					slices.SortFunc(want, compareHits)
					first := r.IntN(2) == 0
					if !first {
						slices.Reverse(want)
					}
					if got := slices.Collect(x.find(key, from, now, first)); !slices.Equal(got, want) {
						t.Fatalf("step %d: found %v, want %v", n, got, want)
					}
				default:
					m := indexed{keys[r.IntN(len(keys))], keyHit{now, joiner.RequestKey{TS: now, ID: fmt.Sprint("r", n)}}}
					if r.IntN(4) == 0 {
						m.hit.ts = now.Add(-time.Duration(1+r.IntN(50)) * time.Millisecond)
					}
					x.add(m.key, m.hit.ts, m.hit.request)
					model = append(model, m)
				}
				bytes := int64(0)
				for _, m := range model {
					bytes += keyEntryBytes + int64(len(m.hit.request.ID)+len(checkOf(m.key)))
				}
				if x.requests != int64(len(model)) || x.bytes != bytes {
					t.Fatalf("step %d: %d requests and %d bytes are counted, want %d and %d", n, x.requests, x.bytes, len(model), bytes)
				}
			}
		})
	}
}
