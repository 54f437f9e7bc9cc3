package main

import (
	"errors"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/preview"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// mapCommand is `labeljoin map`.
func mapCommand() *cli.Command {
	return &cli.Command{
		Name:      "map",
		Usage:     "show what an input makes of records: events, unused fields, what fails and why",
		ArgsUsage: "[FILE...]",
		Description: "It reads the first records of files, or with --nats the newest messages of the input, and shows beside each\n" +
			"record the event that becomes of it, field by field. Nothing is written anywhere. Without a configuration it\n" +
			"suggests a mapping by the names and values that it sees: labeljoin help mapping. It ends with 4 if an input\n" +
			"rejects records.\n\n" +
			"Examples:\n  labeljoin map events.jsonl\n  labeljoin map --input clicks clicks.csv\n" +
			"  labeljoin map --input clicks --nats --last 5\n  labeljoin map --preset ubi queries.jsonl",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "input",
				Usage: "the input `NAME` that the records are of (default: the one that has a mapping)"},
			&cli.StringFlag{Name: "preset", Usage: "the preset `NAME` instead of a configuration"},
			&cli.StringFlag{Name: "kind", Usage: "suggest fields of a `KIND`: request or outcome"},
			&cli.BoolFlag{Name: "nats", Usage: "look at messages in NATS"},
			&cli.IntFlag{Name: "last", Value: 20, Usage: "look at `N` records at most"},
			&cli.BoolFlag{Name: "json", Usage: "one JSON object for each event, and one for the summary"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			p := preview.Preview{
				Input: c.String("input"), Kind: c.String("kind"), Files: c.Args().Slice(), NATS: c.Bool("nats"),
				Last: c.Int("last"), JSON: c.Bool("json"), Out: c.App.Writer, Columns: replay.ReadColumns,
			}
			switch {
			case p.Kind != "" && p.Kind != config.KindRequest && p.Kind != config.KindOutcome:
				return &terminal.UsageError{Err: errors.New("--kind is request or outcome")}
			case p.Last < 1:
				return &terminal.UsageError{Err: errors.New("--last is 1 at least")}
			}
			var err error
			if p.Config, err = mapConfig(c); err != nil {
				return err
			}
			return p.Run(c.Context)
		},
	}
}

// mapConfig is the configuration that a command line names, or that of a preset; nil if
// neither is there and none was asked for.
func mapConfig(c *cli.Context) (*config.Config, error) {
	if name := c.String("preset"); name != "" {
		src, err := config.Preset(name)
		if err != nil {
			return nil, &terminal.UsageError{Err: err}
		}
		return config.Decode("preset "+name, src)
	}
	cfg, err := configOf(c)
	if errors.Is(err, fs.ErrNotExist) && !c.IsSet("config") && !c.IsSet("input") && !c.Bool("nats") {
		return nil, nil
	}
	return cfg, err
}
