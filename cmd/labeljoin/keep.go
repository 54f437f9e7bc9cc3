package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/keephouse"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export"
)

func compactCommand() *cli.Command {
	return &cli.Command{
		Name:      "compact",
		ArgsUsage: commandline.ArgsConfig,
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
				if _, err := time.Parse(time.DateOnly, day); err != nil { // any day: days are compared by their names
					return &terminal.UsageError{Err: fmt.Errorf("--before %q is no day: write it like 2026-11-22", day)}
				}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return keephouse.With(c.Context, cfg, c.App.ErrWriter, func(k *export.Keeper) error {
				done, err := k.Compact(c.Context, export.CompactOptions{Before: c.String("before"), DryRun: c.Bool("dry-run")})
				if err != nil {
					return err
				}
				return keephouse.PrintCompaction(c.App.Writer, &done, c.Bool("json"), c.Bool("dry-run"))
			})
		},
	}
}

func retainCommand() *cli.Command {
	return &cli.Command{
		Name:      "retain",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "end old days: remove their rows, and the manifests and dead letters that nothing needs any more",
		Description: "Days are counted back from the newest event's, which is the first. Try it with --dry-run. It may run beside the joiner. Each day leaves\n" +
			"as a whole. The days that corrections can still change cannot be ended.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.IntFlag{Name: "days", Usage: "how many `DAYS` to keep", DefaultText: "none, so it is required"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be ended, and change nothing"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Int("days") < 1 {
				return &terminal.UsageError{Err: errors.New("retain needs --days: how many days to keep, at least 1")}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return keephouse.With(c.Context, cfg, c.App.ErrWriter, func(k *export.Keeper) error {
				ended, err := keephouse.Retain(c.Context, cfg, k, c.Int("days"), c.Bool("dry-run"))
				if err != nil {
					return err
				}
				return keephouse.PrintRetention(c.App.Writer, &ended, c.Bool("json"), c.Bool("dry-run"))
			})
		},
	}
}
