package tally

import (
	"cmp"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// shownBuckets is how many buckets of equal width the histogram of a page has.
const shownBuckets = 10

// Statistics are the counts in the messages of package stats, for pages: the figures of numbers but their
// least and largest are read off bins.
func (h *Hour) Statistics() *tfmd.DatasetFeatureStatistics {
	out := &tfmd.DatasetFeatureStatistics{NumExamples: h.Rows}
	for _, name := range h.Names() {
		c := h.Columns[name]
		f := &tfmd.FeatureNameStatistics{FieldId: &tfmd.FeatureNameStatistics_Path{Path: &tfmd.Path{Step: []string{name}}}}
		common := &tfmd.CommonStatistics{NumNonMissing: c.Present, NumMissing: h.Rows - min(h.Rows, c.Present),
			TotNumValues: c.Present}
		if len(c.Texts.Counts) > 0 {
			f.Type = tfmd.FeatureNameStatistics_STRING
			f.Stats = &tfmd.FeatureNameStatistics_StringStats{StringStats: c.strings(common)}
		} else {
			f.Type = tfmd.FeatureNameStatistics_FLOAT
			f.Stats = &tfmd.FeatureNameStatistics_NumStats{NumStats: c.numbers(common)}
		}
		out.Features = append(out.Features, f)
	}
	return out
}

func (c *Column) strings(common *tfmd.CommonStatistics) *tfmd.StringStatistics {
	out := &tfmd.StringStatistics{CommonStats: common, Unique: uint64(len(c.Texts.Counts)),
		RankHistogram: &tfmd.RankHistogram{}}
	if c.Texts.More { // the hashes are spread evenly
		largest := float64(c.Texts.Counts[len(c.Texts.Counts)-1].hash)
		out.Unique = uint64(float64(len(c.Texts.Counts)-1) / (largest / math.MaxUint64))
		return out // which texts are known says nothing of which are frequent
	}
	counts := slices.Clone(c.Texts.Counts)
	slices.SortFunc(counts, func(a, b TextCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Text, a.Text))
	})
	for i, t := range counts {
		out.TopValues = append(out.TopValues, &tfmd.StringStatistics_FreqAndValue{Value: t.Text, Frequency: float64(t.Count)})
		out.RankHistogram.Buckets = append(out.RankHistogram.Buckets, &tfmd.RankHistogram_Bucket{LowRank: uint64(i),
			HighRank: uint64(i), Label: t.Text, SampleCount: float64(t.Count)})
	}
	return out
}

func (c *Column) numbers(common *tfmd.CommonStatistics) *tfmd.NumericStatistics {
	out := &tfmd.NumericStatistics{CommonStats: common}
	n := float64(c.Numbers())
	if common.TotNumValues = uint64(n); n == 0 {
		return out
	}
	sum, squares := 0.0, 0.0
	for _, b := range c.Bins {
		s := b.Sum()
		sum += s
		squares += s * s / float64(b.Count)
	}
	out.Mean, out.Min, out.Max, out.NumZeros, out.Median = sum/n, c.Min, c.Max, c.Zeros, c.Median()
	out.StdDev = math.Sqrt(max(squares/n-out.Mean*out.Mean, 0))
	out.Histograms = []*tfmd.Histogram{c.histogram()}
	return out
}

// histogram spreads the bins evenly over buckets of equal width.
func (c *Column) histogram() *tfmd.Histogram {
	h := &tfmd.Histogram{}
	width := (c.Max - c.Min) / shownBuckets
	if width == 0 || math.IsInf(width, 0) {
		h.Buckets = []*tfmd.Histogram_Bucket{{LowValue: c.Min, HighValue: c.Max, SampleCount: float64(c.Numbers())}}
		return h
	}
	for i := range shownBuckets {
		low := c.Min + float64(i)*width
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: low, HighValue: low + width})
	}
	put := func(low, high, n float64) {
		low, high = max(low, c.Min), min(high, c.Max)
		for _, b := range h.Buckets {
			switch shared := min(high, b.HighValue) - max(low, b.LowValue); {
			case high <= low && low >= b.LowValue && low < b.HighValue:
				b.SampleCount += n
			case shared > 0:
				b.SampleCount += n * shared / (high - low)
			}
		}
	}
	put(0, 0, float64(c.Zeros))
	for i := range c.Bins {
		low, high := c.Bins[i].Edges()
		put(low, high, float64(c.Bins[i].Count))
	}
	return h
}
