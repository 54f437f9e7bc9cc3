package stats

import (
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// pins count numbers between edges that are given, and exactly at them: so that
// a value far out moves one count and not the edges.
type pins struct {
	edges  []float64
	counts []uint64
}

func newPins(edges []float64) *pins {
	return &pins{edges: edges, counts: make([]uint64, 2*len(edges)+1)}
}

// add takes in a number that is not NaN.
func (p *pins) add(x float64, count uint64) {
	p.counts[p.place(x)] += count
}

// place is the place of a number's count.
func (p *pins) place(x float64) int {
	i, at := slices.BinarySearch(p.edges, x)
	if at {
		return 2*i + 1
	}
	return 2 * i
}

// histogram is the custom statistic.
func (p *pins) histogram(name string, nan uint64) *tfmd.CustomStatistic {
	h := &tfmd.Histogram{NumNan: nan}
	low := math.Inf(-1)
	for i, n := range p.counts {
		high := math.Inf(1)
		if i/2 < len(p.edges) {
			high = p.edges[i/2]
		}
		if i%2 == 1 {
			low = high
		}
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: low, HighValue: high, SampleCount: float64(n)})
	}
	return &tfmd.CustomStatistic{Name: name, Val: &tfmd.CustomStatistic_Histogram{Histogram: h}}
}

// ownPins are the counts between the quantiles of the numbers themselves.
func (a *numbers) ownPins(quantiles int) *pins {
	at := a.placed()
	values, _ := boundaries(at, quantiles, a.n, byCount)
	p := newPins(slices.Compact(values))
	before := uint64(0)
	for i, edge := range p.edges {
		k, ok := slices.BinarySearchFunc(at, edge, func(k known, x float64) int { return compareFloats(k.value, x) })
		if !ok {
			continue // the edge is one of the numbers
		}
		p.counts[2*i] = at[k].countBefore - before
		p.counts[2*i+1] = at[k].count
		before = at[k].countBefore + at[k].count
	}
	p.counts[2*len(p.edges)] = a.n - before
	return p
}

// PinsOf are the edges for the statistics of rows that are compared with these, by column.
func PinsOf(d *tfmd.DatasetFeatureStatistics) map[string][]float64 {
	out := map[string][]float64{}
	for _, f := range d.GetFeatures() {
		if h := PinnedNext(f); h != nil {
			var edges []float64
			for i := 1; i < len(h.Buckets); i += 2 {
				edges = append(edges, h.Buckets[i].LowValue)
			}
			out[NameOf(f)] = edges
		}
	}
	return out
}

// Pinned is the histogram of counts between pins, or nil.
func Pinned(f *tfmd.FeatureNameStatistics) *tfmd.Histogram { return customHistogram(f, PinnedName) }

// PinnedNext is the histogram of counts between the pins for rows that are compared with these:
// their own quantiles, or else the pins they have themselves; nil: there are none.
func PinnedNext(f *tfmd.FeatureNameStatistics) *tfmd.Histogram {
	if h := customHistogram(f, PinnedNextName); h != nil {
		return h
	}
	return Pinned(f)
}

func customHistogram(f *tfmd.FeatureNameStatistics, name string) *tfmd.Histogram {
	for _, s := range f.GetCustomStats() {
		if s.Name == name {
			return s.GetHistogram()
		}
	}
	return nil
}
