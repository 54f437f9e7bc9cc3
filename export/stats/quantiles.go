package stats

import (
	"sort"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// known is a number whose place among all is known.
type known struct {
	entry
	countBefore  uint64
	weightBefore int64
}

// placed are the numbers that a needs for its quantiles, in order.
func (a *numbers) placed() []known {
	var out []known
	if a.few != nil {
		k := known{}
		for _, e := range a.few.sorted() {
			k.entry = e
			out = append(out, k)
			k.countBefore, k.weightBefore = k.countBefore+e.count, k.weightBefore+e.weight
		}
		return out
	}
	for _, b := range a.spread.buckets {
		out = append(out, b.found...)
	}
	return out
}

// boundaries are the numbers at the ends of q equal parts, and how much weight
// all numbers up to each have.
func boundaries(at []known, q int, total uint64, measure func(known) (before, here uint64)) (values, upTo []float64) {
	for k := range q + 1 {
		rank := rankOf(uint64(k), uint64(q), total)
		i := sort.Search(len(at), func(i int) bool {
			before, here := measure(at[i])
			return before+here > rank
		})
		before, here := measure(at[min(i, len(at)-1)])
		values = append(values, at[min(i, len(at)-1)].value)
		upTo = append(upTo, float64(before+here))
	}
	return values, upTo
}

// byCount and byWeight are the two measures of boundaries.
func byCount(k known) (before, here uint64) { return k.countBefore, k.count }
func byWeight(k known) (before, here uint64) {
	return uint64(k.weightBefore), uint64(k.weight)
}

// quantileHistogram spreads the counts up to the boundaries evenly over buckets
// that are equal, as TFDV's quantiles_util._get_bin_weights does. unit is what a
// count of 1 is in upTo.
func quantileHistogram(values, upTo []float64, unit float64) *tfmd.Histogram {
	n := len(values) - 1
	counts := make([]float64, n)
	for i := range counts {
		counts[i] = (upTo[i+1] - upTo[i]) / unit
	}
	for i := 0; i < n; {
		j, total := i, 0.0
		for j < n && values[j+1] == values[i+1] {
			total += counts[j]
			j++
		}
		for k := i; k < j; k++ {
			counts[k] = total / float64(j-i)
		}
		i = j
	}
	same := 0
	for same < n && values[same] == values[0] && values[same+1] == values[1] {
		same++
	}
	h := &tfmd.Histogram{Type: tfmd.Histogram_QUANTILES}
	for i := range counts {
		if i < same {
			counts[i] += upTo[0] / unit / float64(same)
		}
		h.Buckets = append(h.Buckets, &tfmd.Histogram_Bucket{LowValue: values[i], HighValue: values[i+1],
			SampleCount: counts[i]})
	}
	return h
}

// valencies counts rows by how many values they have.
type valencies struct {
	counts  map[int]uint64
	one     uint64 // rows with one value, which are most
	weight  int64  // of rows that have the column
	missing uint64
	missedW int64
	values  uint64
	valuesW int64
}

// add takes in a row; n is -1 where the column is null.
func (v *valencies) add(n int, weight int64) {
	switch n {
	case -1:
		v.missing++
		v.missedW += weight
		return
	case 1:
		v.one++
	default:
		if v.counts == nil {
			v.counts = map[int]uint64{}
		}
		v.counts[n]++
	}
	v.weight += weight
	v.values += uint64(n)
	v.valuesW += weight * int64(n)
}

// addScalars takes in rows of weight 1: those with one value, and those where the column is null.
func (v *valencies) addScalars(ones, nulls uint64) {
	v.one, v.values, v.missing = v.one+ones, v.values+ones, v.missing+nulls
	v.weight, v.valuesW = v.weight+int64(ones)*weightScale, v.valuesW+int64(ones)*weightScale
	v.missedW += int64(nulls) * weightScale
}

// valencyBuckets are the buckets of the histogram of valencies; TFDV has no
// option for it.
const valencyBuckets = 10

// common are the statistics that every kind of column has.
func (v *valencies) common(weighted bool) *tfmd.CommonStatistics {
	t := newNumbers(false)
	t.fewOf(float64(1), v.one)
	for n, count := range v.counts {
		t.fewOf(float64(n), count)
	}
	at := t.placed()
	c := &tfmd.CommonStatistics{NumMissing: v.missing}
	for _, k := range at {
		c.NumNonMissing += k.count
	}
	if c.NumNonMissing > 0 {
		c.MinNumValues, c.MaxNumValues = uint64(at[0].value), uint64(at[len(at)-1].value)
		c.TotNumValues = v.values
		c.AvgNumValues = float32(float64(v.values) / float64(c.NumNonMissing))
		values, upTo := boundaries(at, valencyBuckets, c.NumNonMissing, byCount)
		c.NumValuesHistogram = quantileHistogram(values, upTo, 1)
	}
	if weighted {
		w := &tfmd.WeightedCommonStatistics{NumNonMissing: float64(v.weight) / weightScale,
			NumMissing: float64(v.missedW) / weightScale, TotNumValues: float64(v.valuesW) / weightScale}
		if v.weight > 0 {
			w.AvgNumValues = float64(v.valuesW) / float64(v.weight)
		}
		c.WeightedCommonStats = w
	}
	return c
}

// fewOf counts a number that few others are beside.
func (a *numbers) fewOf(x float64, count uint64) {
	if count > 0 {
		a.few.add(x, count, 0)
	}
}
