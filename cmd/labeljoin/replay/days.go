package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// CheckReplace reports why days cannot be replaced by what the flags ask for. The error is
// about the command line.
func (r *Replay) CheckReplace() error {
	flag := "--replace"
	if len(r.Labels) > 0 {
		flag = "--labels"
	}
	refuse := func(format string, args ...any) error {
		return &terminal.UsageError{Err: fmt.Errorf(flag+" "+format, args...)}
	}
	switch {
	case !r.Replace && len(r.Labels) == 0:
		return nil
	case r.Replace && len(r.Labels) > 0:
		return refuse("leaves the other values as they are, and --replace computes all of them: give one of the two")
	case r.Parts > 0:
		return refuse("takes the place of whole days, and --partition gives a part of them")
	case r.From != events.MinTime && int64(r.From)%int64(24*time.Hour) != 0, r.To != events.MaxTime &&
		int64(r.To)%int64(24*time.Hour) != 0:
		return refuse("takes the place of whole days (UTC): write --from and --to as days")
	}
	return nil
}

// gaps are those that count: of the output that a flag names, or that gets rows in the
// place of others.
func (r *Replay) gaps(ctx context.Context) ([]events.Gap, error) {
	if !r.Replace && len(r.Labels) == 0 || r.GapsOf != "" {
		return GapsOf(ctx, r.Config, r.GapsOf)
	}
	gaps, err := GapsOf(ctx, r.Config, r.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.nothingToReplace()
	}
	return gaps, err
}

func (r *Replay) nothingToReplace() error {
	return &terminal.UsageError{Err: fmt.Errorf("--replace, --labels: %s holds no commits: leave the flag out", r.Out)}
}

// openDays opens an output whose days are to be replaced. Its joiner may be running. What
// was declared to be a gap of it counts.
func (r *Replay) openDays(place bucket.Bucket, o export.Options, rules *joiner.Rules) (t target, err error) {
	t.keeper, err = export.OpenKeeperAgain(place, partition.Default, o.Keep, r.Log)
	if empty := (*export.EmptyError)(nil); errors.As(err, &empty) {
		return t, r.nothingToReplace()
	}
	if err != nil {
		return t, err
	}
	if len(r.Labels) > 0 {
		t.cells = newLabelCells(r, rules)
		t.relabel, err = t.keeper.Relabel(o, r.Labels)
	} else {
		t.again, err = t.keeper.Recompute(o)
	}
	if err != nil {
		return target{}, errors.Join(err, t.keeper.Close())
	}
	return t, nil
}

// commitDays puts the rows in the place of their days, and of the days without rows
// between --from and --to where both are given.
func (r *Replay) commitDays(ctx context.Context, again *export.Recomputed, sink *rowSink, p *report) error {
	for _, d := range p.Days {
		if n := sink.incomplete[d.Day]; n > 0 && !r.Trusted {
			return incompleteDay(n, d.Rows, d.Day)
		}
	}
	bounded := r.From != events.MinTime && r.To != events.MaxTime
	from, to := "", ""
	if bounded {
		from, to = tablelog.DayName(r.From), tablelog.DayName(r.To)
	}
	changes, err := again.Commit(context.WithoutCancel(ctx),
		func(day string) bool { return bounded && day >= from && day < to })
	if tablelog.NotMade(err) {
		return fmt.Errorf("%w; the days are as they were", err)
	}
	p.Replaced = changes
	return err
}

// incompleteDay refuses a day that the outcomes do not cover.
func incompleteDay(incomplete, rows int64, day string) error {
	return &EvidenceError{fmt.Sprintf("%d of %d rows of %s are incomplete, because their windows reach past the last outcome: "+
		"give --to %s, so that the day stays as it is, or outcomes of a longer time, or --complete if the logs are whole; "+
		"--trust-logs replaces it all the same", incomplete, rows, day, day)}
}
