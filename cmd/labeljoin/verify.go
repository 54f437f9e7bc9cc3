package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/verify"
	"github.com/labeljoin/labeljoin/events"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "prove that an output is what its joiner wrote",
		Description: "Reads every manifest and every file: the chain of commits is unbroken, every file has the bytes and\n" +
			"rows that were committed, no other Parquet is in data/, no row is there twice, the books add up from the\n" +
			"first commit to the last. It may run beside the joiner.\n" +
			"Exit codes: 0 all is well, 3 something is not, 1 it could not look.",
		Flags: []cli.Flag{
			configFileFlag(),
			fromFlag("out"),
			&cli.BoolFlag{Name: "deep", Usage: "read the log again, from NATS, and compare the labels of every row"},
			&cli.StringFlag{Name: "since",
				Usage: "leave out files of days before `DAY` (2026-11-23), which may have been deleted"},
			&cli.BoolFlag{Name: "json", Usage: "the verdict as one JSON object"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			v := verify.Verification{Deep: c.Bool("deep"), JSON: c.Bool("json"), Dir: c.String("from"), Out: c.App.Writer,
				Talk: c.App.ErrWriter}
			if v.Dir == "" || v.Deep {
				cfg, err := configOf(c)
				if err != nil {
					return err
				}
				if v.Config = cfg; v.Dir == "" {
					v.Dir = cfg.Output.Dir
				}
			}
			if day := c.String("since"); day != "" {
				since, err := events.ParseDay(day)
				if err != nil {
					return &terminal.UsageError{Err: fmt.Errorf("--since %w", err)}
				}
				v.Since = since
			}
			return v.Run(c.Context)
		},
	}
}
