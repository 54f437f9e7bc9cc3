package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/review"
)

// rowFlags are the flags of commands that are about rows in Parquet files.
func rowFlags() []cli.Flag {
	return []cli.Flag{
		configFileFlag(),
		fromFlag("out"),
		&cli.StringFlag{Name: "date", Usage: "the rows of the requests of a `DAY` (2026-11-23, in UTC)"},
		&cli.StringFlag{Name: "weight",
			Usage: "the `COLUMN` with the weights of rows (default: the one that labeljoin writes, if it does)"},
	}
}

// argsRows is the ArgsUsage of these commands.
const argsRows = "[FILE | DIR ...]"

// openRows opens what the command line names.
func openRows(ctx context.Context, c *cli.Context) (*review.Rows, error) {
	rows, _, err := openRowsOf(ctx, c, func() (*config.Config, error) { return configOf(c) })
	return rows, err
}

// openRowsOf is openRows, with the output that the rows are of; nil: they are files that the command line names.
// The configuration is read if it has to say where the output is.
func openRowsOf(ctx context.Context, c *cli.Context, read func() (*config.Config, error)) (*review.Rows, *review.Output,
	error,
) {
	if date := c.String("date"); date != "" {
		if c.NArg() > 0 {
			return nil, nil, &terminal.UsageError{Err: errors.New("give --date or files, not both")}
		}
		o, err := outputIn(c, read)
		if err != nil {
			return nil, nil, err
		}
		rows, err := o.Day(ctx, date, c.String("weight"))
		return rows, o, err
	}
	if c.NArg() == 0 {
		return nil, nil, &terminal.UsageError{Err: fmt.Errorf("%s needs rows: --date DAY, or Parquet files or a folder of them",
			c.Command.HelpName)}
	}
	rows, err := review.Paths(ctx, strings.Join(c.Args().Slice(), ", "), c.String("weight"), c.Args().Slice()...)
	return rows, nil, err
}

// fromFlag names the output that a command reads. Commands that write nothing called it --out
// before, which they still take.
func fromFlag(aliases ...string) cli.Flag {
	return &cli.StringFlag{Name: "from", Aliases: aliases,
		Usage: "the output `DIR` to read, instead of the configuration's"}
}

// outputOf opens the output that the command line means.
func outputOf(c *cli.Context) (*review.Output, error) {
	return outputIn(c, func() (*config.Config, error) { return configOf(c) })
}

// outputIn is outputOf, with what reads the configuration if it has to say where the output is.
func outputIn(c *cli.Context, read func() (*config.Config, error)) (*review.Output, error) {
	dir, cfg := c.String("from"), (*config.Config)(nil)
	if dir == "" {
		var err error
		if cfg, err = read(); err != nil {
			return nil, err
		}
		dir = cfg.Output.Dir
	}
	at, err := place.Of(c.Context, cfg, dir)
	if err != nil {
		return nil, err
	}
	return review.Open(at)
}

// listOf splits the values of a flag that may be given more than once, at their
// commas.
func listOf(c *cli.Context, flag string) []string {
	var out []string
	for _, value := range c.StringSlice(flag) {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}
