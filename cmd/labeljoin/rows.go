package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export/stats"
)

// rowFlags are the flags of commands that are about rows in Parquet files.
func rowFlags() []cli.Flag {
	return []cli.Flag{
		configFileFlag(),
		&cli.StringFlag{Name: "out", Usage: "the output `DIR` that --date is about, instead of the configuration's"},
		&cli.StringFlag{Name: "date", Usage: "the rows of the requests of a `DAY` (2026-11-23, in UTC)"},
		&cli.StringFlag{Name: "weight",
			Usage: "the `COLUMN` with the weights of rows (default: the one that labeljoin writes, if it does)"},
	}
}

// argsRows is the ArgsUsage of these commands.
const argsRows = "[FILE | DIR ...]"

// rowSet is some rows: open files, of which only the last state of each row
// counts.
type rowSet struct {
	*stats.Files
	title  string
	weight string
}

// openRows opens what the command line names.
func openRows(ctx context.Context, c *cli.Context) (*rowSet, error) {
	if date := c.String("date"); date != "" {
		if c.NArg() > 0 {
			return nil, &terminal.UsageError{Err: errors.New("give --date or files, not both")}
		}
		dir, err := outputDirOf(c)
		if err != nil {
			return nil, err
		}
		return openDay(ctx, dir, date, c.String("weight"))
	}
	if c.NArg() == 0 {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%s needs rows: --date DAY, or Parquet files or a folder of them",
			c.Command.HelpName)}
	}
	return openPaths(ctx, strings.Join(c.Args().Slice(), ", "), c.String("weight"), c.Args().Slice()...)
}

// outputDirOf is the output directory that the command line means.
func outputDirOf(c *cli.Context) (string, error) {
	if dir := c.String("out"); dir != "" {
		return dir, nil
	}
	cfg, err := configOf(c)
	if err != nil {
		return "", err
	}
	return cfg.Output.Dir, nil
}

// openDay opens the rows of a day of an output.
func openDay(ctx context.Context, dir, date, weight string) (*rowSet, error) {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%q is no day: write it like 2026-11-23", date)}
	}
	path := filepath.Join(dir, "data", "dt="+date)
	if _, err := os.Stat(path); err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("there are no rows of %s in %s", date, dir)}
	}
	return openPaths(ctx, date, weight, path)
}

func openPaths(ctx context.Context, title, weight string, paths ...string) (*rowSet, error) {
	files, err := stats.OpenFiles(paths...)
	if err != nil {
		return nil, err
	}
	ours, err := stats.Settle(ctx, files.Sources)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	if weight == "" && ours && stats.HasColumn(files.Sources, weightColumn) {
		weight = weightColumn
	}
	return &rowSet{files, title, weight}, nil
}

// weightColumn is where labeljoin writes the weights of sampled rows.
const weightColumn = "weight"

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
