package main

import (
	"encoding/json"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exporter"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
)

func daysCommand() *cli.Command {
	return &cli.Command{
		Name:      "days",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "list the days of the output: rows, whether they are complete, and which version is exported",
		Flags: []cli.Flag{
			configFileFlag(),
			fromFlag(),
			&cli.BoolFlag{Name: "count",
				Usage: "count the positives of days that are not exported too, for which their rows are read"},
			&cli.BoolFlag{Name: "json", Usage: "the days as one JSON array"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			t, err := tableOf(c)
			if err != nil {
				return err
			}
			days, err := shards.List(t.Table, t.opts)
			if err != nil {
				return err
			}
			listed := exporter.ListedDays(days, events.At(time.Now()))
			if c.Bool("count") {
				output := review.Of(t.dir, t.archive)
				if err := exporter.CountPositives(c.Context, output, t.opts.Rules.Labels, listed); err != nil {
					return err
				}
			}
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(listed)
			}
			return exporter.PrintDays(c.App.Writer, listed)
		},
	}
}
