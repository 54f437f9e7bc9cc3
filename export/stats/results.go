package stats

import (
	"math"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// edges are the ends of the buckets of equal width, computed as numpy.linspace
// does; none if there is no finite number, one bucket if there is only one.
func (a *numbers) edges(buckets int) []float64 {
	low, high := a.finiteMin, a.finiteMax
	switch {
	case low > high:
		return nil
	case low == high:
		return []float64{low, high}
	}
	step := (high - low) / float64(buckets)
	if math.IsInf(step, 0) {
		return nil // the range is beyond what a double holds
	}
	out := make([]float64, buckets+1)
	for i := range out {
		out[i] = low + float64(i)*step
	}
	out[buckets] = high
	return out
}

// finishFirst ends the first pass, and reports whether another one is needed.
func (a *numbers) finishFirst(o Options) (again bool) {
	a.settleSmall()
	if a.few == nil {
		if a.powers != nil {
			a.powers.fold(&a.sum, &a.squares)
			a.powers = nil
		}
		a.prepare(2*o.Quantiles, a.edges(o.Buckets))
		return true
	}
	entries := a.few.sorted()
	for _, e := range entries {
		a.note(e.value, e.count, e.weight)
		if a.pins != nil {
			a.pins.add(e.value, e.count)
		}
	}
	s := &spread{edges: a.edges(o.Buckets)}
	if n := len(s.edges); n > 0 {
		s.counts, s.weights = make([]uint64, n-1), make([]int64, n-1)
		s.scale = float64(n-1) / (s.edges[n-1] - s.edges[0])
		for _, e := range entries {
			if !math.IsInf(e.value, 0) {
				i := s.cell(e.value)
				s.counts[i] += e.count
				s.weights[i] += e.weight
			}
		}
	}
	a.spread = s
	return false
}

// result are the statistics, after all passes.
func (a *numbers) result(common *tfmd.CommonStatistics, o Options) *tfmd.NumericStatistics {
	out := &tfmd.NumericStatistics{CommonStats: common}
	if a.n+a.nan == 0 {
		return out
	}
	if a.n == 0 {
		out.Histograms = []*tfmd.Histogram{{NumNan: a.nan}, {NumNan: a.nan, Type: tfmd.Histogram_QUANTILES}}
		if a.weighted {
			out.WeightedNumericStats = &tfmd.WeightedNumericStatistics{Histograms: []*tfmd.Histogram{{NumNan: a.nan},
				{NumNan: a.nan, Type: tfmd.Histogram_QUANTILES}}}
		}
		return out
	}
	at := a.placed()
	out.Mean, out.StdDev = a.moments(&a.sum, &a.squares, int64(a.n))
	out.NumZeros, out.Min, out.Max = a.zeros, a.min, a.max
	values, upTo := boundaries(at, 2*o.Quantiles, a.n, byCount)
	out.Median = values[o.Quantiles]
	out.Histograms = []*tfmd.Histogram{
		a.standard(float64(a.below), float64(a.above), func(i int) float64 { return float64(a.spread.counts[i]) }),
		quantileHistogram(everySecond(values), everySecond(upTo), 1),
	}
	if a.weighted && a.weight > 0 {
		w := &tfmd.WeightedNumericStatistics{}
		w.Mean, w.StdDev = a.moments(&a.weightSum, &a.weightSq, a.weight)
		values, upTo := boundaries(at, 2*o.Quantiles, uint64(a.weight), byWeight)
		w.Median = values[o.Quantiles]
		w.Histograms = []*tfmd.Histogram{
			a.standard(float64(a.belowW)/weightScale, float64(a.aboveW)/weightScale,
				func(i int) float64 { return float64(a.spread.weights[i]) / weightScale }),
			quantileHistogram(everySecond(values), everySecond(upTo), weightScale),
		}
		for _, h := range w.Histograms {
			h.NumNan = a.nan
		}
		out.WeightedNumericStats = w
	}
	for _, h := range out.Histograms {
		h.NumNan = a.nan
	}
	return out
}

// everySecond leaves out the boundaries between the quantiles, of which one is
// the median.
func everySecond(x []float64) []float64 {
	var out []float64
	for i := 0; i < len(x); i += 2 {
		out = append(out, x[i])
	}
	return out
}

// moments are mean and deviation as TFDV gives them where there are infinities.
func (a *numbers) moments(s, q *sum, n int64) (mean, deviation float64) {
	switch {
	case a.below > 0 && a.above > 0:
		return math.NaN(), 0
	case a.above > 0:
		return math.Inf(1), 0
	case a.below > 0:
		return math.Inf(-1), 0
	}
	return moments(s, q, n)
}

// standard is the histogram of equal width, with the infinities in buckets of
// their own.
func (a *numbers) standard(below, above float64, count func(i int) float64) *tfmd.Histogram {
	h := &tfmd.Histogram{}
	if a.finiteMin > a.finiteMax {
		h.Buckets = []*tfmd.Histogram_Bucket{{LowValue: math.Inf(1), HighValue: math.Inf(-1), SampleCount: below + above}}
		return h
	}
	if below > 0 {
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: math.Inf(-1), HighValue: math.Inf(-1),
			SampleCount: below})
	}
	for i := range len(a.spread.edges) - 1 {
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: a.spread.edges[i], HighValue: a.spread.edges[i+1],
			SampleCount: count(i)})
	}
	if above > 0 {
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: math.Inf(1), HighValue: math.Inf(1),
			SampleCount: above})
	}
	return h
}
