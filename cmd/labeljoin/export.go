package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exporter"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/shards"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "write whole days as training data: settled, shuffled, split and versioned",
		Description: "A day is exported when it is complete: every window has ended and, by export.settle, no correction\n" +
			"can change it any more. It may run beside the joiner, after it, and on an output of `replay` (--from).\n" +
			"What is there already stays; --refresh makes another version where rows have changed.\n" +
			"A day that is not as export.validate asks is refused, with exit code 4.\n\n" +
			"Examples:\n  labeljoin export --date 2026-11-21\n" +
			"  labeljoin export --date 2026-11-21 --to 2026-11-27 --wait\n" +
			"  labeljoin export --print-loader pandas",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "date", Usage: "the UTC `DAY` to export, like 2026-11-21"},
			&cli.StringFlag{Name: "to", Usage: "the last `DAY`, where there are several"},
			fromFlag(),
			&cli.StringFlag{Name: "out", Usage: "write to `DIR` instead of export.dir"},
			&cli.StringFlag{Name: "format", Usage: "parquet or tfrecord, instead of export.format"},
			&cli.IntFlag{Name: "shards", Usage: "`N` files of each split", DefaultText: "export.shards"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and write nothing"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until the day is complete"},
			&cli.BoolFlag{Name: "partial",
				Usage: "export what is decided of a day that is not complete; its version is called partial"},
			&cli.BoolFlag{Name: "refresh",
				Usage: "make another version if the day's rows, or how they are exported, have changed"},
			&cli.BoolFlag{Name: "allow-anomalies",
				Usage: "export a day although it is not as export.validate asks; its manifest counts the anomalies"},
			&cli.StringFlag{Name: "print-loader",
				Usage: "print the Python lines that read the export: torch, tf, pandas, polars or spark"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			r := exporter.Exporting{Config: cfg, From: cfg.Output.Dir, Wait: c.Bool("wait"), DryRun: c.Bool("dry-run"),
				Allow: c.Bool("allow-anomalies"),
				Out:   c.App.Writer, Talk: c.App.ErrWriter}
			if c.IsSet("from") {
				r.From = c.String("from")
			}
			if err := readExportFlags(c, &r); err != nil {
				return err
			}
			if c.IsSet("print-loader") {
				return r.PrintLoader(c.String("print-loader"))
			}
			return r.Run(c.Context)
		},
	}
}

// readExportFlags makes the options of what the configuration and the command line say.
func readExportFlags(c *cli.Context, r *exporter.Exporting) (err error) {
	cfg := *r.Config
	if c.IsSet("format") {
		cfg.Export.Format = config.ExportFormat(c.String("format"))
		if f := cfg.Export.Format; f != config.ExportParquet && f != config.ExportTFRecord {
			return &terminal.UsageError{Err: fmt.Errorf("--format is parquet or tfrecord, and not %q", f)}
		}
	}
	if c.IsSet("shards") {
		cfg.Export.Shards = int64(c.Int("shards"))
		if n := cfg.Export.Shards; n < 0 || n > shards.MaxShards {
			return &terminal.UsageError{Err: fmt.Errorf("--shards is from 0 to %d, and not %d", shards.MaxShards, n)}
		}
	}
	if c.IsSet("out") {
		if cfg.Export.Dir, err = place.Abs(c.String("out")); err != nil {
			return err
		}
	}
	if err := errors.Join(cfg.Validate(), cfg.ExportProblems()); err != nil {
		return err
	}
	if r.Opts, err = exports.OptionsOf(&cfg); err != nil {
		return err
	}
	if err := exports.Place(c.Context, &cfg, &r.Opts); err != nil {
		return err
	}
	r.Opts.Partial, r.Opts.Refresh = c.Bool("partial"), c.Bool("refresh")
	if c.IsSet("print-loader") {
		return nil
	}
	if err := commandline.Required(c, "date"); err != nil {
		return err
	}
	return r.ReadDays(c.String("date"), c.String("to"))
}
