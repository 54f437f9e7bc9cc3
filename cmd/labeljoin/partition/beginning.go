package partition

import (
	"context"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
)

// declareBeginning declares, at the first start of all, that what is gone from the
// beginning of the outcomes' stream is missing: outcomes that expired or were purged
// before anything was read. Without it the requests of that time would be negatives.
func (s *Service) declareBeginning(ctx context.Context, logs []jetstream.Log) error {
	if s.Partition == nil || s.Gaps != nil || len(s.Partition.Store.Progress().Progress.Inputs) > 0 {
		return nil
	}
	if _, _, any := s.Partition.Output.Last(); any {
		return nil
	}
	times, err := NewLostTimes(s.Config, logs, events.MinTime)
	if err != nil {
		return err
	}
	for i := range logs {
		if l := &logs[i]; l.Has(events.KindOutcome) && l.First > 1 {
			if err := s.declareLost(ctx, l, &times[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// declareLost declares that what a stream of outcomes had before its first message is
// missing.
func (s *Service) declareLost(ctx context.Context, l *jetstream.Log, times *LostTimes) error {
	next, stored, err := jetstream.FirstFrom(ctx, s.Conn, l, l.First)
	if err != nil {
		return err
	}
	gap := events.Gap{From: events.MinTime, To: times.End(next, stored)}
	gap.Note = fmt.Sprintf("stream %s begins with message %d: what was before is gone", l.Stream, l.First)
	gap.Kinds[events.KindOutcome] = true
	declared, err := s.Partition.Output.Declared()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(declared, func(d events.Gap) bool { return d.From == gap.From && d.Note == gap.Note }) {
		return nil // a first start did that, and was killed
	}
	id, err := export.OpenGaps(s.rows).Declare(gap, s.Partition.Output.Gaps())
	if err != nil {
		return err
	}
	s.Log.Warn("the outcomes' stream does not begin with its first message: labels whose windows begin before it are null",
		"stream", l.Stream, "first", l.First, "stored", stored.String(), "gap", id)
	return nil
}
