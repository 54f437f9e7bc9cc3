// Package keephouse is what the commands compact and retain do.
package keephouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// PrintCompaction prints what Compact did, or would do in a dry run.
func PrintCompaction(out io.Writer, done *export.Compaction, asJSON, dry bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(done)
	}
	if done.FilesBefore == 0 {
		_, err := fmt.Fprintln(out, "no day has files to merge")
		return err
	}
	did := "merged"
	if dry {
		did = "would merge"
	}
	_, err := fmt.Fprintf(out, "%s %s of %s into %d: %s\n", did, terminal.Count(done.FilesBefore, "file"),
		terminal.Count(done.Days, "day"), done.FilesAfter, terminal.Count(done.Rows, "row"))
	return err
}

// PrintRetention prints what Retain did, or would do in a dry run.
func PrintRetention(out io.Writer, ended *export.Retention, asJSON, dry bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(ended)
	}
	did := "ended"
	if dry {
		did = "would end"
	}
	if ended.Days == 0 {
		_, err := fmt.Fprintf(out, "no day is that old; %s %s\n", did, terminal.Count(ended.Manifests, "manifest"))
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s, %s to %s: %s, %s; %s\n",
		did, terminal.Count(ended.Days, "day"), ended.First, ended.Last, terminal.Count(ended.Files, "file"),
		terminal.Count(ended.Rows, "row"), terminal.Count(ended.Manifests, "manifest"))
	return err
}

// Retain keeps so many days, counted back from the newest event's, and ends those
// before.
func Retain(ctx context.Context, cfg *config.Config, k *export.Keeper, days int, dry bool) (export.Retention, error) {
	last := k.State().Last
	if last == nil {
		return export.Retention{}, nil
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		return export.Retention{}, err
	}
	opts, err := retention(last, &rules, days)
	if err != nil {
		return export.Retention{}, err
	}
	opts.DryRun = dry
	return k.Retain(ctx, opts)
}

// retention is what keeping so many days means for an output whose newest commit is
// given: which day is the first, and from which time on events may be read again.
func retention(last *joiner.Cut, rules *joiner.Rules, days int) (export.RetainOptions, error) {
	const day = 24 * time.Hour
	newest := last.MaxEvent.Std().Truncate(day)
	from := events.At(newest.AddDate(0, 0, 1-days))
	// A request before this is not remembered, and its rows do not change any more.
	settled := rules.ForgottenThrough(last.Progress.Watermark(rules.Lateness))
	if last.Progress.ClosedThrough == events.MaxTime { // the log has ended
		settled = events.MaxTime
	}
	if from > settled {
		least := int(newest.Sub(settled.Std().Truncate(day))/day) + 1
		return export.RetainOptions{},
			&terminal.UsageError{Err: fmt.Errorf("rows of requests since %s can still change: keep at least %s", settled,
				terminal.Count(least, "day"))}
	}
	needed := min(from, settled).Add(-rules.Longest()).Add(-rules.ClockSkew)
	return export.RetainOptions{From: tablelog.DayName(from), Needed: needed}, nil
}

// With keeps house in the output of a configuration.
func With(ctx context.Context, cfg *config.Config, talk io.Writer, do func(*export.Keeper) error) error {
	rows, err := place.Of(ctx, cfg, cfg.Output.Dir)
	if err != nil {
		return err
	}
	k, err := export.OpenKeeper(rows, partition.Default, terminal.NewLog(cfg.Log, talk))
	if errors.Is(err, fs.ErrNotExist) {
		return &terminal.UsageError{Err: fmt.Errorf("there is no output at %s: nothing was committed yet", cfg.Output.Dir)}
	}
	if err != nil {
		return err
	}
	return errors.Join(do(k), k.Close())
}
