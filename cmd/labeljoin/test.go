package main

import (
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/labeltest"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// testCommand is `labeljoin test`.
func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "run unit tests of a label configuration",
		ArgsUsage: "FILE...",
		Description: "A test file is YAML: a configuration, and cases that list events in order of\n" +
			"arrival and what must come of them: labeljoin help tests.\n" +
			"Exit codes: 0 all cases pass, 1 some fail, 2 a file is wrong.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "list every case"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of text"},
			&cli.StringFlag{Name: "junit", Usage: "also write a JUnit `FILE`, for CI systems"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return &terminal.UsageError{Err: errors.New("name the test files: labeljoin test FILE")}
			}
			out := c.App.Writer
			if c.Bool("json") {
				out = io.Discard
			}
			report, err := labeltest.Report(c.Context, out, c.Args().Slice(), c.Bool("verbose"))
			if c.Bool("json") {
				err = errors.Join(err, report.JSON(c.App.Writer))
			}
			if path := c.String("junit"); path != "" {
				err = errors.Join(err, report.JUnit(path))
			}
			return err
		},
	}
}
