package stats_test

import (
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// TestPinsOfTheirOwnAndGivenOnesAgree counts rows by the quantiles that they have
// themselves, and once more with these as given edges.
func TestPinsOfTheirOwnAndGivenOnesAgree(t *testing.T) {
	file := fileOf(t, examples(rand.New(rand.NewPCG(3, 4)), 4000))
	own := pinnedStats(t, file, stats.Options{PinOwn: true})
	given := pinnedStats(t, file, stats.Options{Pins: stats.PinsOf(own)})
	seen := 0
	for i, f := range own.Features {
		h, g := stats.Pinned(f), stats.Pinned(given.Features[i])
		if h == nil {
			continue
		}
		seen++
		total := 0.0
		for k, b := range h.Buckets {
			total += b.SampleCount
			if b.SampleCount != g.Buckets[k].SampleCount {
				t.Errorf("%s: %v values from %v to %v, and %v if the edges are given", stats.NameOf(f), b.SampleCount, b.LowValue, b.HighValue, g.Buckets[k].SampleCount)
			}
		}
		if want := float64(f.GetNumStats().CommonStats.TotNumValues); total != want {
			t.Errorf("%s: %v values in all, want %v", stats.NameOf(f), total, want)
		}
	}
	if seen < 4 {
		t.Errorf("only %d columns are pinned", seen)
	}
}

func pinnedStats(t *testing.T, file stats.Source, o stats.Options) *tfmd.DatasetFeatureStatistics {
	t.Helper()
	r, err := stats.Of(t.Context(), []stats.Source{file}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Statistics.Datasets[0]
}
