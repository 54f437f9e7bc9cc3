package export

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// watched tells when a file is opened.
type watched struct {
	vfs.FS
	before func(name string)
}

func (w *watched) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	w.before(name)
	return w.FS.Open(name, opts...)
}

// mergedOnOpening is an output whose files are merged, so many times, when one of them is to
// be opened: merged twice, so that the old ones are gone. -1 is always.
func mergedOnOpening(t *testing.T, times int) (a *Archive, happened *int) {
	t.Helper()
	mem := vfs.NewMem()
	b := grown(t, able(mem), 9)
	happened = new(int)
	busy := false
	a, err := OpenArchive(placeOf(&watched{mem, func(name string) {
		if busy || *happened == times || !strings.Contains(name, "/data/") || !strings.HasSuffix(name, tablelog.FileSuffix) {
			return
		}
		busy = true
		for turn := range 2 {
			k := keeperOf(t, able(mem))
			if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
				t.Fatal(err)
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			n := 200 + 4**happened + 2*turn
			b.commit(t, 0, [2]int{n, 0}, [2]int{n + 1, 0})
			b.commit(t, 1, [2]int{n, 1}, [2]int{n + 1, 1})
		}
		*happened++
		busy = false
	}}), 0)
	if err != nil {
		t.Fatal(err)
	}
	return a, happened
}

// Files that were merged while an output is verified are not missing.
func TestVerifyWhatIsMergedMeanwhile(t *testing.T) {
	for what, times := range map[string]int{"once": 1, "three times": 3} {
		t.Run(what, func(t *testing.T) {
			a, happened := mergedOnOpening(t, times)
			v, err := a.Verify(t.Context(), VerifyOptions{})
			if err != nil || !v.Sound() || v.Rows == 0 || *happened != times {
				t.Fatalf("%+v, %v, after %d times", v, err, *happened)
			}
		})
	}
	t.Run("again and again", func(t *testing.T) {
		a, _ := mergedOnOpening(t, -1)
		v, err := a.Verify(t.Context(), VerifyOptions{})
		if merged, ok := errors.AsType[*MergedError](err); !ok || !strings.Contains(merged.Error(), "compact") {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}

// Files that were merged while outputs are compared are read where they are now.
func TestCompareWhatIsMergedMeanwhile(t *testing.T) {
	through := uint64(9) // the commits that both have
	for what, c := range map[string]struct {
		times  int
		merged bool
	}{"once": {1, false}, "three times": {3, false}, "again and again": {-1, true}} {
		t.Run(what, func(t *testing.T) {
			a, happened := mergedOnOpening(t, c.times)
			mem := vfs.NewMem()
			other := closed(t, grown(t, able(mem), int(through)).out, mem)
			got, err := a.Compare(t.Context(), other, CompareOptions{
				Labels: []string{"clicked"}, From: events.MinTime, To: events.MaxTime, Through: through,
			})
			if _, merged := errors.AsType[*MergedError](err); merged != c.merged {
				t.Fatalf("%+v, %v", got, err)
			}
			if !c.merged && (err != nil || !got.Same() || got.Compared == 0 || *happened != c.times) {
				t.Fatalf("%+v, %v, after %d times", got, err, *happened)
			}
		})
	}
}
