package schema

import (
	"errors"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// The measures of TFDV between two columns, as anomalies/metrics.cc computes
// them.

// LInfinity is the largest difference between the parts that a value has in two
// counts, and the value. Nothing is smoothed; counts of nothing differ by 0.
func LInfinity(a, b map[string]float64) (value string, distance float64) {
	return largestDifference(a, b, total(a), total(b))
}

// NormalizedDifference is the largest difference of counts by the sum of all.
func NormalizedDifference(a, b map[string]float64) (value string, distance float64) {
	both := total(a) + total(b)
	return largestDifference(a, b, both, both)
}

func total(m map[string]float64) float64 {
	s := 0.0
	for _, k := range sortedKeys(m) {
		s += m[k]
	}
	return s
}

// largestDifference scales by what is not 0. Of equal differences the last value
// by bytes counts.
func largestDifference(a, b map[string]float64, scaleA, scaleB float64) (value string, distance float64) {
	all := map[string]float64{}
	for k, n := range a {
		if scaleA != 0 {
			n /= scaleA
		}
		all[k] += n
	}
	for k, n := range b {
		if scaleB != 0 {
			n /= scaleB
		}
		all[k] -= n
	}
	for _, k := range sortedKeys(all) {
		if d := math.Abs(all[k]); d >= distance {
			value, distance = k, d
		}
	}
	return value, distance
}

// errNoMeasure says that two columns have nothing that could be compared.
var errNoMeasure = errors.New("nothing to compare")

// JensenShannon is the divergence between two counts of texts, in bits: from 0
// to 1. It is an error if one of them is empty or has a count that is not
// positive.
func JensenShannon(a, b map[string]float64) (float64, error) {
	if len(a) == 0 || len(b) == 0 {
		return 0, errNoMeasure
	}
	var p, q []float64
	keys := map[string]float64{}
	for _, m := range []map[string]float64{a, b} {
		for k, n := range m {
			if n <= 0 {
				return 0, errNoMeasure
			}
			keys[k] = 0
		}
	}
	for _, k := range sortedKeys(keys) {
		p, q = append(p, a[k]), append(q, b[k])
	}
	return divergence(p, q)
}

// divergence is the Jensen-Shannon divergence of two lists of counts.
func divergence(p, q []float64) (float64, error) {
	sumP, sumQ := 0.0, 0.0
	for i := range p {
		sumP, sumQ = sumP+p[i], sumQ+q[i]
	}
	if sumP == 0 || sumQ == 0 {
		return 0, errNoMeasure
	}
	d := 0.0
	for i := range p {
		x, y := p[i]/sumP, q[i]/sumQ
		m := (x + y) / 2
		if x > 0 {
			d += x * math.Log2(x/m)
		}
		if y > 0 {
			d += y * math.Log2(y/m)
		}
	}
	return min(d/2, 1), nil
}

// span is a bucket of a histogram.
type span struct{ low, high, count float64 }

// JensenShannonHistograms is the divergence between two histograms of numbers.
// Values are taken to be spread evenly in their buckets; NaN and infinite values
// never equal those of the other side, not even of the same column.
func JensenShannonHistograms(a, b *tfmd.Histogram) (float64, error) {
	if a == nil || b == nil || a.Type != b.Type {
		return 0, errNoMeasure
	}
	spansA, pointsA, infiniteA := strip(a)
	spansB, pointsB, infiniteB := strip(b)
	var edges []float64
	for _, s := range append(slices.Clone(spansA), spansB...) {
		edges = append(edges, s.low, s.high)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	p, q := divide(spansA, edges), divide(spansB, edges)
	var points []float64
	for x := range pointsA {
		points = append(points, x)
	}
	for x := range pointsB {
		points = append(points, x)
	}
	slices.Sort(points)
	for _, x := range slices.Compact(points) {
		p, q = append(p, pointsA[x]), append(q, pointsB[x])
	}
	p, q = append(p, infiniteA, 0), append(q, 0, infiniteB)
	p, q = append(p, 0, float64(a.NumNan)), append(q, float64(b.NumNan), 0)
	return divergence(p, q)
}

// strip takes points and infinities out of a histogram.
func strip(h *tfmd.Histogram) (spans []span, points map[float64]float64, infinite float64) {
	points = map[float64]float64{}
	for _, b := range h.Buckets {
		switch {
		case math.IsInf(b.LowValue, 0) || math.IsInf(b.HighValue, 0) || math.IsNaN(b.LowValue) || math.IsNaN(b.HighValue):
			infinite += b.SampleCount
		case b.LowValue == b.HighValue:
			points[b.LowValue] += b.SampleCount
		default:
			spans = append(spans, span{b.LowValue, b.HighValue, b.SampleCount})
		}
	}
	return spans, points, infinite
}

// divide spreads buckets over finer ones, of which they have all edges.
func divide(spans []span, edges []float64) []float64 {
	out := make([]float64, max(len(edges)-1, 0))
	for _, s := range spans {
		i, _ := slices.BinarySearch(edges, s.low)
		for ; i < len(out) && edges[i+1] <= s.high; i++ {
			out[i] += (edges[i+1] - edges[i]) / (s.high - s.low) * s.count
		}
	}
	return out
}
