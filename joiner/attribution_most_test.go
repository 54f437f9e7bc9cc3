package joiner

import (
	"fmt"
	"iter"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestAnOutcomeLooksAtSoManyRequests: one outcome costs no more than MaxLooked requests, however
// many have its key, and no more than MaxShares have it. What is looked at is counted.
func TestAnOutcomeLooksAtSoManyRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to             AttributeTo
		there          int // requests that have the key
		lists          int // each so many-th lists the item
		looked, chosen int
	}{
		"as many shares as there may be": {ToEven, MaxShares, 1, MaxShares, MaxShares},
		"one request more":               {ToEven, MaxShares + 1, 1, MaxShares, MaxShares},
		"the last one that lists it":     {ToLast, MaxLooked, MaxLooked, MaxLooked, 1},
		"just beyond what is looked at":  {ToLast, MaxLooked + 1, MaxLooked + 1, MaxLooked, 0},
		"very many, and few list it":     {ToEven, 100 * MaxLooked, 20, MaxLooked, MaxLooked / 20},
		"very many, and none lists it":   {ToFirst, 100 * MaxLooked, 1 << 30, MaxLooked, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			looked := 0
			a := Attribution{To: c.to}
			chosen, err := a.Choose(numbered(c.there), func(RequestKey) (bool, error) {
				looked++
				return looked%c.lists == 0, nil
			})
			if err != nil || looked != c.looked || len(chosen) != c.chosen {
				t.Fatalf("%d requests were looked at, want %d; %d have it, want %d; %v", looked, c.looked, len(chosen), c.chosen, err)
			}
			sum := 0.0
			for _, x := range chosen {
				sum += x.Share
			}
			if c.to.Splits() && (sum < 1-1e-9 || sum > 1+1e-9) {
				t.Errorf("the shares add up to %v", sum)
			}
		})
	}
}

// numbered are so many requests.
func numbered(n int) iter.Seq2[RequestKey, error] {
	return func(yield func(RequestKey, error) bool) {
		for i := range n {
			if !yield(RequestKey{TS: events.Time(i), ID: fmt.Sprint(i)}, nil) {
				return
			}
		}
	}
}
