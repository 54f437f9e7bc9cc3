package partition

import (
	"context"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
)

// declareBeginning declares, as long as nothing was ever read or proven, that what is gone of
// the outcomes' streams is missing: outcomes that expired, were purged or were deleted before
// anything was read. Without it the requests of that time would be negatives.
func (s *Service) declareBeginning(ctx context.Context, logs []jetstream.Log) error {
	if s.Partition == nil || s.Gaps != nil || knownAt(s.Config, s.Partition, nil).start != events.MinTime {
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
		l := &logs[i]
		if !l.Has(events.KindOutcome) {
			continue
		}
		if l.First > 1 {
			if err := s.declareLost(ctx, l, &times[i]); err != nil {
				return err
			}
		}
		if err := s.declareHoles(ctx, l, &times[i]); err != nil {
			return err
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
	id, err := s.declareOnce(events.MinTime, times.End(next, stored),
		fmt.Sprintf("stream %s begins with message %d: what was before is gone", l.Stream, l.First))
	if err == nil && id > 0 {
		s.Log.Warn("the outcomes' stream does not begin with its first message: labels whose windows begin before it are null",
			"stream", l.Stream, "first", l.First, "stored", stored.String(), "gap", id)
	}
	return err
}

// declareHoles declares that messages are missing which are gone from the middle of a stream of
// outcomes. What subjects they had, no server knows.
func (s *Service) declareHoles(ctx context.Context, l *jetstream.Log, times *LostTimes) error {
	begin := events.Position{Input: l.Stream, Created: l.Created, Next: max(1, l.First)}
	losses, err := jetstream.FindLosses(ctx, s.Conn, *l, jetstream.Want{From: begin, Every: true})
	if err != nil {
		return err
	}
	var gaps []uint64
	for i := range losses {
		gone := &losses[i].Gap
		from, to := times.Span(&losses[i], events.MinTime) // where none of ours comes before, all of that time
		from = from.Add(-s.Config.Join.Lateness.Std())
		id, err := s.declareOnce(from, max(from, to),
			fmt.Sprintf("stream %s lacks messages from %d to %d", l.Stream, gone.From, gone.Next-1))
		if err != nil {
			return err
		}
		if id > 0 {
			gaps = append(gaps, id)
		}
	}
	if len(gaps) > 0 {
		s.Log.Warn("messages are gone from the middle of the outcomes' stream, which may have been outcomes: labels whose windows touch that time are null. "+
			"Where they were none, labeljoin gap remove takes a gap back",
			"stream", l.Stream, "gaps", gaps)
	}
	return nil
}

// declareOnce declares a gap in the outcomes. The number is 0 if it is declared already, by a
// start before this one.
func (s *Service) declareOnce(from, to events.Time, note string) (id uint64, err error) {
	gap := events.Gap{From: from, To: to, Note: note}
	gap.Kinds[events.KindOutcome] = true
	declared, err := s.Partition.Output.Declared()
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(declared, func(d events.Gap) bool { return d.From == gap.From && d.Note == gap.Note }) {
		return 0, nil
	}
	return export.OpenGaps(s.rows).Declare(gap, s.Partition.Output.Gaps())
}
