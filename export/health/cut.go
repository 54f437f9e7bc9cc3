package health

import (
	"context"
	"math"

	"github.com/labeljoin/labeljoin/export/stats"
)

// Cut says, per label, how long rows were watched whose label is not known: by
// milliseconds, up to the last event of any row. Their windows were cut short by the
// end of the log or by a gap.
func Cut(ctx context.Context, sources []stats.Source, labels []string) ([]map[int64]uint64, error) {
	columns := []string{"request_ts"}
	for _, l := range labels {
		columns = append(columns, l, l+"_ts")
	}
	last := math.Inf(-1)
	if err := stats.Scan(ctx, sources, columns, func(rows int, values []*stats.Values) error {
		for k, v := range values {
			if v == nil || k > 0 && k%2 == 1 {
				continue // a label itself, which is no time
			}
			for row := range rows {
				if !v.Null[row] {
					last = max(last, v.Numbers[row])
				}
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := make([]map[int64]uint64, len(labels))
	for i := range out {
		out[i] = map[int64]uint64{}
	}
	return out, stats.Scan(ctx, sources, columns, func(rows int, values []*stats.Values) error {
		ts := values[0]
		if ts == nil {
			return nil
		}
		for i := range labels {
			label, at := values[1+2*i], values[2+2*i]
			if label == nil {
				continue
			}
			for row := range rows {
				if label.Null[row] && (at == nil || at.Null[row]) && !ts.Null[row] {
					out[i][coarse(int64((last-ts.Numbers[row])/1e3))]++
				}
			}
		}
		return nil
	})
}
