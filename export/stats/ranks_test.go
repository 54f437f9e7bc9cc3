package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// checkRanks compares the statistics of the column price with its numbers.
func checkRanks(t *testing.T, seed uint64, d *tfmd.DatasetFeatureStatistics, numbers []float64) {
	t.Helper()
	slices.Sort(numbers)
	var s *tfmd.NumericStatistics
	for _, f := range d.Features {
		if f.GetPath().Step[0] == "price" {
			s = f.GetNumStats()
		}
	}
	n := len(numbers)
	if s.Median != numbers[n/2] || s.Min != numbers[0] || s.Max != numbers[n-1] {
		t.Errorf("seed %d: median %v of %v to %v, want %v of %v to %v", seed, s.Median, s.Min, s.Max, numbers[n/2], numbers[0], numbers[n-1])
	}
	for k, b := range s.Histograms[1].Buckets {
		low, high := numbers[k*n/10], numbers[min((k+1)*n/10, n-1)]
		if b.LowValue != low || b.HighValue != high {
			t.Errorf("seed %d: quantile %d is from %v to %v, want %v to %v", seed, k, b.LowValue, b.HighValue, low, high)
		}
	}
	total := 0.0
	for _, b := range s.Histograms[0].Buckets {
		want := 0
		for _, x := range numbers {
			if (x > b.LowValue || x == numbers[0] && b.LowValue == x) && x <= b.HighValue {
				want++
			}
		}
		if b.SampleCount != float64(want) {
			t.Errorf("seed %d: %v numbers from %v to %v, want %d", seed, b.SampleCount, b.LowValue, b.HighValue, want)
		}
		total += b.SampleCount
	}
	if total != float64(n) {
		t.Errorf("seed %d: %v numbers of %d in the histogram", seed, total, n)
	}
	mean := 0.0
	for _, x := range numbers {
		mean += x / float64(n)
	}
	if math.Abs(mean-s.Mean) > 1e-9*math.Abs(mean) {
		t.Errorf("seed %d: mean %v, want %v", seed, s.Mean, mean)
	}
}
