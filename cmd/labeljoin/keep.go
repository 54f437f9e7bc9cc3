package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

func compactCommand() *cli.Command {
	return &cli.Command{
		Name:      "compact",
		ArgsUsage: argsConfig,
		Usage:     "merge the small files of past days into few",
		Description: "Rows stay as they are. A reader who lists data/ sees each row once, at every moment; one that opens a file it listed before may find it\n" +
			"gone, and lists again. It may run beside the joiner. Files that were merged stay in _removed/ until the next compact or retain.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "before", Usage: "merge only days before `DAY`, like 2026-11-22; else those before the newest event's"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be merged, and change nothing"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if day := c.String("before"); day != "" {
				if _, err := time.Parse(time.DateOnly, day); err != nil {
					return &usageError{fmt.Errorf("--before %q is no day like 2026-11-22", day)}
				}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return withKeeper(cfg, c.App.ErrWriter, func(k *export.Keeper) error {
				done, err := k.Compact(c.Context, export.CompactOptions{Before: c.String("before"), DryRun: c.Bool("dry-run")})
				if err != nil {
					return err
				}
				return printCompaction(c.App.Writer, &done, c.Bool("json"), c.Bool("dry-run"))
			})
		},
	}
}

func printCompaction(out io.Writer, done *export.Compaction, asJSON, dry bool) error {
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
	_, err := fmt.Fprintf(out, "%s %d files of %d days into %d: %d rows\n", did, done.FilesBefore, done.Days, done.FilesAfter, done.Rows)
	return err
}

func retainCommand() *cli.Command {
	return &cli.Command{
		Name:      "retain",
		ArgsUsage: argsConfig,
		Usage:     "end old days: remove their rows, and the manifests and dead letters that nothing needs any more",
		Description: "Days are counted back from the newest event's, which is the first. Try it with --dry-run. It may run beside the joiner. Each day leaves\n" +
			"as a whole. The days that corrections can still change cannot be ended.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.IntFlag{Name: "days", Usage: "how many `DAYS` to keep (required)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be ended, and change nothing"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Int("days") < 1 {
				return &usageError{errors.New("retain needs --days: how many days to keep, at least 1")}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return withKeeper(cfg, c.App.ErrWriter, func(k *export.Keeper) error { return retain(c.Context, c, cfg, k) })
		},
	}
}

func retain(ctx context.Context, c *cli.Context, cfg *config.Config, k *export.Keeper) error {
	last := k.State().Last
	if last == nil {
		return nil
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		return err
	}
	opts, err := retention(last, &rules, c.Int("days"))
	if err != nil {
		return err
	}
	opts.DryRun = c.Bool("dry-run")
	ended, err := k.Retain(ctx, opts)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(&ended)
	}
	did := "ended"
	if opts.DryRun {
		did = "would end"
	}
	if ended.Days == 0 {
		_, err = fmt.Fprintf(c.App.Writer, "no day before %s; %s %d manifests\n", opts.From, did, ended.Manifests)
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s %d days, %s to %s: %d files, %d rows; %d manifests\n",
		did, ended.Days, ended.First, ended.Last, ended.Files, ended.Rows, ended.Manifests)
	return err
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
		return export.RetainOptions{}, &usageError{fmt.Errorf("rows of requests since %s can still change: keep at least %d days", settled, least)}
	}
	needed := min(from, settled).Add(-rules.Longest()).Add(-rules.ClockSkew)
	return export.RetainOptions{From: tablelog.DayName(from), Needed: needed}, nil
}

// withKeeper keeps house in the output of a configuration.
func withKeeper(cfg *config.Config, talk io.Writer, do func(*export.Keeper) error) error {
	k, err := export.OpenKeeper(vfs.Default, cfg.Output.Dir, partition, newLog(cfg.Log, talk))
	if errors.Is(err, fs.ErrNotExist) {
		return &usageError{fmt.Errorf("there is no output at %s: nothing was committed yet", cfg.Output.Dir)}
	}
	if err != nil {
		return err
	}
	return errors.Join(do(k), k.Close())
}
