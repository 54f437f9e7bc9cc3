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
// anything was read. Without it the requests of that time would be negatives. Of a stream that
// is added later, what is gone from its beginning is missing for the requests that are open.
func (s *Service) declareBeginning(ctx context.Context, logs []jetstream.Log) error {
	if s.Partition == nil || s.Gaps != nil {
		return nil
	}
	_, _, any := s.Partition.Output.Last()
	first := !any && knownAt(s.Config, s.Partition, nil).start == events.MinTime
	times, err := NewLostTimes(s.Config, logs, events.MinTime)
	if err != nil {
		return err
	}
	for i := range logs {
		l := &logs[i]
		if !l.Has(events.KindOutcome) || !first && s.wasRead(l) {
			continue
		}
		from := events.MinTime
		if !first {
			from = s.oldestOpen()
		}
		if l.First > 1 {
			if err := s.declareLost(ctx, l, from, &times[i]); err != nil {
				return err
			}
		}
		if !first {
			continue // messages that are gone from the middle are refused, as gap log explains
		}
		if err := s.declareHoles(ctx, l, &times[i]); err != nil {
			return err
		}
	}
	return nil
}

// wasRead reports whether a stream was an input before.
func (s *Service) wasRead(l *jetstream.Log) bool {
	return slices.ContainsFunc(s.readBefore(), func(p events.Position) bool { return p.Input == l.Stream })
}

// oldestOpen is the bound before which all requests have closed.
func (s *Service) oldestOpen() events.Time {
	if saved := s.Partition.Store.Progress(); len(saved.Progress.Inputs) > 0 {
		return saved.Progress.ClosedThrough
	}
	cut, _, _ := s.Partition.Output.Last()
	return cut.Progress.ClosedThrough
}

// declareLost declares that what a stream of outcomes had before its first message is
// missing, of the time from one on.
func (s *Service) declareLost(ctx context.Context, l *jetstream.Log, from events.Time, times *LostTimes) error {
	next, stored, err := jetstream.FirstFrom(ctx, s.Conn, l, l.First)
	if err != nil {
		return err
	}
	to := times.End(next, stored)
	if to < from {
		return nil
	}
	id, err := s.declareOnce(from, to,
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
