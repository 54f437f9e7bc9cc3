package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exporter"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/shards"
)

func viewCommand() *cli.Command {
	return &cli.Command{
		Name:      "view",
		ArgsUsage: strings.Join(shards.Views(), "|"),
		Usage:     "print what an engine needs to read the live rows as one table",
		Description: "Live files differ in their columns: older ones lack those that came later. The view has all of them, each of\n" +
			"one type, and of every row its newest revision. Print it again when columns have come.\n\n" +
			"Example:\n  labeljoin view duckdb > rows.sql; duckdb -init rows.sql",
		Flags: []cli.Flag{
			configFileFlag(),
			fromFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || !slices.Contains(shards.Views(), c.Args().First()) {
				return &terminal.UsageError{Err: fmt.Errorf("`labeljoin view` takes one of %s", strings.Join(shards.Views(), ", "))}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			t, err := tableOf(c)
			if err != nil {
				return err
			}
			store := shards.Store{Endpoint: cfg.S3.Endpoint, Region: cfg.S3.Region}
			text, err := shards.View(c.Args().First(), t.dir, store, t.Table, t.opts)
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			_, err = io.WriteString(terminal.Program(c.App.Writer), text)
			return err
		},
	}
}

// readTable is the table of an output, and how the configuration wants it exported.
type readTable struct {
	*export.Table
	archive *export.Archive
	dir     string
	opts    shards.Options
}

// tableOf reads the manifests of the output that a command is about.
func tableOf(c *cli.Context) (*readTable, error) {
	cfg, err := configOf(c)
	if err != nil {
		return nil, err
	}
	t := &readTable{dir: cfg.Output.Dir}
	if c.IsSet("from") {
		if t.dir, err = place.Abs(c.String("from")); err != nil {
			return nil, err
		}
	}
	if t.archive, err = exporter.OpenArchive(c.Context, cfg, t.dir); err != nil {
		return nil, err
	}
	if t.Table, err = t.archive.Table(); err != nil {
		return nil, err
	}
	if t.opts, err = exports.OptionsOf(cfg); err == nil {
		err = exports.Place(c.Context, cfg, &t.opts)
	}
	return t, err
}

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name:         "features",
		Usage:        "look at the features that the output has",
		OnUsageError: onUsageError,
		Subcommands: []*cli.Command{{
			Name:      "suggest",
			ArgsUsage: commandline.ArgsConfig,
			Usage:     "print the `declare` block that gives every feature one type",
			Description: "By the columns that the output has. Numbers are double, since a whole number today may have a\n" +
				"fraction tomorrow; write int64 where it never will. What does not fit a declared type is null and counted.\n" +
				"With `mode: declared` or `mode: frozen` beside it, no other features get columns.",
			Flags: []cli.Flag{
				configFileFlag(),
				fromFlag(),
			},
			OnUsageError: onUsageError,
			Action: func(c *cli.Context) error {
				t, err := tableOf(c)
				if err != nil {
					return err
				}
				return printSuggestions(c.App.Writer, shards.Suggest(t.Table))
			},
		}},
	}
}

// printSuggestions prints a block of the configuration. Names come from events.
func printSuggestions(out io.Writer, found []shards.Suggestion) error {
	w := &terminal.LineWriter{To: out}
	w.Line("features:")
	if len(found) == 0 {
		w.Line("  declare: {} # the output has no features yet")
		return w.Err
	}
	w.Line("  declare:")
	for _, s := range found {
		line := declared(s.Name, config.FeatureType(s.Type.String()))
		if len(s.Seen) > 0 {
			line += " # files have " + strings.Join(s.Seen, " and ")
		}
		w.Line("%s", line)
	}
	return w.Err
}

// declared is the line of a declared feature as the configuration is printed.
func declared(name string, kind config.FeatureType) string {
	c := config.Config{Features: config.Features{Declare: map[string]config.FeatureType{name: kind}}}
	_, block, _ := strings.Cut(string(c.Print()), "declare:\n")
	line, _, _ := strings.Cut(block, "\n")
	return line
}
