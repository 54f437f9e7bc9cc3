package review

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"sort"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/export/tally"
	"github.com/labeljoin/labeljoin/joiner"
)

// Decided says what became of the events of a day like 2026-11-22: of those that were decided in the commits
// that closed its requests. It is nil where no manifest says so: there are none, or those of that time were
// ended. Commits close requests in the order of time, so that the first and the last one are found with few
// manifests; but where outcomes were orphans all manifests between are read, 1,440 of a commit a minute. So
// known, what was said of the day before or nil, is returned where nothing came to it since.
func (o *Output) Decided(ctx context.Context, day string, known *health.Events) (*health.Events, error) {
	from, err := events.ParseDay(day)
	if err != nil {
		return nil, &DayError{day}
	}
	s, err := o.state()
	if err != nil || s == nil || s.Last == nil {
		return nil, err
	}
	log := o.archive.Log()
	to := from.Add(24 * time.Hour)
	first, err := firstThrough(log, s, from+1) // it closed some request of the day
	if err != nil || first == nil {
		return nil, err
	}
	last, err := firstThrough(log, s, to)
	if err != nil {
		return nil, err
	}
	end := s.Last // the day goes on
	if last != nil {
		end = &last.Cut
	}
	if known != nil && known.From == first.Cut.Number && known.To == end.Number {
		return known, nil
	}
	var before joiner.Ledger
	if first.Cut.Number > 1 {
		earlier, err := commitAt(log, first.number-1, s.Begins, -1)
		if err != nil || earlier == nil {
			return nil, err
		}
		before = earlier.Cut.Progress.Ledger
	}
	of := func(k events.Kind) map[string]int64 {
		out := map[string]int64{}
		for d, n := range end.Progress.Ledger.Kinds[k].Disposed {
			if n -= before.Kinds[k].Disposed[d]; n > 0 {
				out[joiner.Disposition(d).String()] = n
			}
		}
		return out
	}
	out := &health.Events{From: first.Cut.Number, To: end.Number, Requests: of(events.KindRequest),
		Outcomes: of(events.KindOutcome)}
	if out.Outcomes[joiner.DispositionOrphan.String()] > 0 {
		err = eachCounted(ctx, log, first.number, end.Number, health.DecodeLabels, func(t *health.Table) {
			out.Orphans = out.Orphans.Plus(t.Orphans, 0)
		})
	}
	return out, err
}

// eachCounted visits the counts that commits carry, from an operation on, up to a commit. Those that cannot
// be read, and those of operations that were ended meanwhile, are left out.
func eachCounted(ctx context.Context, log *tablelog.Log, from, through uint64,
	decode func([]byte) (*health.Table, []string, error), visit func(*health.Table)) error {
	for n := from; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		op, err := log.Read(n)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if op.Commit == nil {
			continue
		}
		if counts, _, err := decode(op.Statistics); err == nil {
			visit(counts)
		}
		if op.Commit.Number >= through {
			return nil
		}
	}
}

// features are the counts of columns of so many days before a day, and of it, as far as the manifests are kept.
func (o *Output) features(ctx context.Context, start time.Time, days int) (*tally.Table, error) {
	out := &tally.Table{}
	s, err := o.state()
	if err != nil || s == nil || s.Last == nil {
		return out, err
	}
	log, from, to := o.archive.Log(), start.AddDate(0, 0, -days), start.AddDate(0, 0, 1)
	first, err := firstThrough(log, s, events.At(from)+1)
	if err != nil || first == nil {
		return out, err
	}
	last, err := firstThrough(log, s, events.At(to))
	if err != nil {
		return out, err
	}
	end := s.Last.Number // the day goes on
	if last != nil {
		end = last.Cut.Number
	}
	return out, eachCounted(ctx, log, first.number, end, health.Decode, func(t *health.Table) {
		maps.DeleteFunc(t.Features.Hours, func(h int64, _ *tally.Hour) bool {
			return h < from.Unix()/3600 || h >= to.Unix()/3600
		})
		out.Join(&t.Features)
	})
}

// numbered is a commit with the number of its operation.
type numbered struct {
	Cut    joiner.Cut
	number uint64
}

// firstThrough is the first commit after which requests before a time are closed; nil: there is none.
func firstThrough(log *tablelog.Log, s *tablelog.State, at events.Time) (*numbered, error) {
	begins := max(s.Begins, 1)
	if s.Last.Progress.ClosedThrough < at {
		return nil, nil
	}
	var failed error
	n := sort.Search(int(s.Number-begins)+1, func(i int) bool {
		c, err := commitAt(log, begins+uint64(i), s.Number, 1)
		if err != nil && failed == nil {
			failed = err
		}
		return err != nil || c == nil || c.Cut.Progress.ClosedThrough >= at
	})
	if failed != nil {
		return nil, failed
	}
	return commitAt(log, begins+uint64(n), s.Number, 1)
}

// commitAt is the commit at an operation's number, or the next one in a direction up to an end; nil:
// there is none.
func commitAt(log *tablelog.Log, n, end uint64, step int) (*numbered, error) {
	for ; n > 0 && (step > 0 && n <= end || step < 0 && n >= end); n = uint64(int64(n) + int64(step)) {
		op, err := log.Read(n)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // it was ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		if op.Commit != nil {
			return &numbered{Cut: *op.Commit, number: n}, nil
		}
	}
	return nil, nil
}
