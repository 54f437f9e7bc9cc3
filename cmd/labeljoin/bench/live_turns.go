package bench

import (
	"context"
	"fmt"
	"path/filepath"
)

// countingResult is what bench live prints of turns with and without what counts the rows.
type countingResult struct {
	With    []*liveResult `json:"with_statistics"`
	Without []*liveResult `json:"without_statistics"`
	// Cost is how much more CPU the cheapest turn with statistics takes than the cheapest without, as a part of
	// the latter.
	Cost float64 `json:"statistics_cost"`
}

func (r *countingResult) Lines() (lines []string) {
	for i, without := range r.Without {
		lines = append(lines, turnLine("without statistics", without), turnLine("with statistics", r.With[i]))
	}
	return append(lines, fmt.Sprintf("statistics: %.1f %% more CPU", 100*r.Cost))
}

// Counting measures by turns what it costs to count rows while they are written.
func (b *Live) Counting(ctx context.Context, turns int) (*countingResult, error) {
	r := &countingResult{}
	for i := range turns {
		for _, off := range []bool{true, false} {
			one := *b
			one.NoStatistics = off
			if b.Dir != "" {
				one.Dir = filepath.Join(b.Dir, fmt.Sprintf("turn%d-%v", i+1, off))
			}
			result, err := one.Run(ctx)
			if err != nil {
				return nil, err
			}
			if off {
				r.Without = append(r.Without, result)
			} else {
				r.With = append(r.With, result)
			}
		}
	}
	r.Cost = leastCPUOf(r.With)/leastCPUOf(r.Without) - 1
	return r, nil
}
