package schema

import (
	"slices"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Drift is how far a column is from the same column of other rows.
type Drift struct {
	Column string
	// TFDV's measures; nil where it has none. L-infinity is of texts only.
	LInfinity     *float64
	JensenShannon *float64
	// Pinned is the Jensen-Shannon divergence, in bits, over bins that are
	// pinned to the quantiles of the other rows, or over the texts. It is what
	// TFDV's measure would be without its traps: one value far out moves one
	// count, and NaN and infinities equal themselves. nil where nothing can be
	// compared.
	Pinned *float64
}

// Drifts compares the columns that both statistics have, the farthest first.
// Numbers are compared by pins where both have the same ones: see
// stats.Options.Pins.
func Drifts(before, now *tfmd.DatasetFeatureStatistics) []Drift {
	a, b := newView(before, false, ""), newView(now, false, "")
	var out []Drift
	for _, c := range b.features {
		other := a.byPath[serialize(c.path)]
		if other == nil {
			continue
		}
		d := Drift{Column: stats.NameOf(c.FeatureNameStatistics)}
		if x, y := c.texts(), other.texts(); len(x) > 0 && len(y) > 0 {
			_, far := LInfinity(x, y)
			d.LInfinity = &far
		}
		if far, err := columnDivergence(c, other, tfmd.Histogram_STANDARD); err == nil {
			d.JensenShannon = &far
		}
		d.Pinned = pinned(c, other)
		out = append(out, d)
	}
	size := func(d Drift) float64 {
		if d.Pinned == nil {
			return -1
		}
		return *d.Pinned
	}
	slices.SortStableFunc(out, func(a, b Drift) int {
		switch x, y := size(a), size(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out
}

// pinned is the divergence that holds; nil where nothing can be compared.
func pinned(c, other *column) *float64 {
	if x, y := c.texts(), other.texts(); len(x) > 0 && len(y) > 0 {
		if far, err := JensenShannon(x, y); err == nil {
			return &far
		}
		return nil
	}
	h, g := stats.Pinned(c.FeatureNameStatistics), stats.PinnedNext(other.FeatureNameStatistics)
	if h == nil || g == nil || len(h.Buckets) != len(g.Buckets) {
		return nil
	}
	p, q := []float64{float64(h.NumNan)}, []float64{float64(g.NumNan)}
	for i := range h.Buckets {
		if h.Buckets[i].HighValue != g.Buckets[i].HighValue {
			return nil
		}
		p, q = append(p, h.Buckets[i].SampleCount), append(q, g.Buckets[i].SampleCount)
	}
	far, err := divergence(p, q)
	if err != nil {
		return nil
	}
	return &far
}
