package stats

// Options say which statistics are computed. The zero value has no slices and
// no weights.
type Options struct {
	// Slices are columns by whose values the rows are divided. Each column is a
	// division of its own.
	Slices []string
	// MaxSlices bounds the slices of one column: those with the most rows are
	// kept, and of equal ones the first by bytes. 0 is 100.
	MaxSlices int
	// Weight is the column that says how many rows a row stands for. Empty is
	// none. Weights are rounded to a multiple of 2^-24.
	Weight string
	// Categorical are columns of integers whose values are names.
	Categorical []string
	// Buckets of the histogram of equal width, and of the one of quantiles; 0 is
	// 10.
	Buckets, Quantiles int
	// TopValues and Ranks bound the lists of frequent values; 0 is 20 and 1000.
	TopValues, Ranks int
	// Distinct bounds how many different texts of a column are counted in one
	// slice; 0 is 1 << 20. Where there are more, their number is an estimate
	// and no value is listed.
	Distinct int
	// Hold is how many bytes of decoded numbers are kept between the two passes
	// over a column, for each processor; what is beyond is read again. 0 is 64
	// MiB.
	Hold int
	// Pins are edges per column of numbers, ascending. How many values are
	// below, between, above and exactly at them is added as the custom statistic
	// PinnedName. PinOwn pins columns that have no pins to their own quantiles.
	// PinNext adds the pins to their own quantiles besides, as PinnedNextName, for rows that are
	// compared with these later.
	Pins    map[string][]float64
	PinOwn  bool
	PinNext bool
	// Columns bounds the statistics to these columns; empty is all of them.
	Columns []string
}

// PinnedName is the custom statistic with the counts between pins: a histogram
// whose buckets are below the first pin, at it, between it and the second one,
// at that, and so on, above the last one.
const PinnedName = "pinned"

// PinnedNextName is the same between the quantiles of the rows themselves.
const PinnedNextName = "pinned_next"

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	for _, d := range []struct {
		at    *int
		value int
	}{
		{&o.MaxSlices, 100}, {&o.Buckets, 10}, {&o.Quantiles, 10}, {&o.TopValues, 20},
		{&o.Ranks, 1000}, {&o.Distinct, 1 << 20}, {&o.Hold, 64 << 20},
	} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	return o
}
