package schema_test

import (
	"slices"

	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// sketched replaces the exact counts of equal width by those that TFDV reads off
// 1001 quantiles (quantiles_util.generate_equi_width_histogram), so that its
// measurements can be compared to the last digits. Only finite numbers, one a
// row, are handled.
func sketched(list *tfmd.DatasetFeatureStatisticsList, columns map[string]statstest.Series) {
	for _, f := range list.GetDatasets()[0].GetFeatures() {
		h := f.GetNumStats().GetHistograms()
		if len(h) == 0 || h[0].Type != tfmd.Histogram_STANDARD {
			continue
		}
		var values []float64
		for _, row := range columns[f.GetPath().Step[0]].Values {
			for _, x := range row {
				if x, ok := x.(float64); ok {
					values = append(values, x)
				}
			}
		}
		slices.Sort(values)
		if len(h[0].Buckets) > 0 && len(values) > 0 {
			interpolate(h[0].Buckets, values)
		}
	}
}

const sketchParts = 1000

func interpolate(buckets []*tfmd.Histogram_Bucket, values []float64) {
	type part struct{ low, high, count float64 }
	at := func(k int) float64 { return values[min(k*len(values)/sketchParts, len(values)-1)] }
	upTo := func(x float64) float64 {
		n, _ := slices.BinarySearchFunc(values, x, func(v, x float64) int {
			if v <= x {
				return -1
			}
			return 1
		})
		return float64(n)
	}
	parts := make([]part, sketchParts)
	for k := range parts {
		parts[k] = part{at(k), at(k + 1), upTo(at(k+1)) - upTo(at(k))}
	}
	for i := 0; i < len(parts); {
		j, sum := i, 0.0
		for ; j < len(parts) && parts[j].high == parts[i].high; j++ {
			sum += parts[j].count
		}
		for k := i; k < j; k++ {
			parts[k].count = sum / float64(j-i)
		}
		i = j
	}
	same := 0
	for same < len(parts) && parts[same].low == parts[0].low && parts[same].high == parts[0].high {
		same++
	}
	for k := range same {
		parts[k].count += upTo(at(0)) / float64(same)
	}
	for i, b := range buckets {
		b.SampleCount = 0
		for _, p := range parts {
			switch {
			case p.low == p.high && p.low == b.LowValue:
				if i == 0 {
					b.SampleCount += p.count
				}
			case p.high < b.LowValue || p.low > b.HighValue:
			case p.low == p.high:
				b.SampleCount += p.count
			default:
				b.SampleCount += p.count * max(0, min(p.high, b.HighValue)-max(p.low, b.LowValue)) / (p.high - p.low)
			}
		}
	}
}
