package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

func sqlCommand() *cli.Command {
	return &cli.Command{
		Name:  "sql",
		Usage: "print the join as one SQL query, for DuckDB or Spark",
		Description: "The query reads what `labeljoin archive` wrote, and gives the rows that `labeljoin replay` gives of the\n" +
			"same events. What SQL cannot say exactly is refused, with its reason. --archive may be a pattern for\n" +
			"several archives; --requests and --outcomes name the tables in which an engine holds them.\n" +
			"With --raw these are tables of JSON lines, or files of them, as replay reads them: the query decodes\n" +
			"the lines itself, and stops at one that is not plain. It needs `features.mode: declared`.\n\n" +
			"Examples:\n  labeljoin sql --dialect duckdb --archive archive --create labels | duckdb labels.db\n" +
			"  labeljoin sql --dialect duckdb --raw --requests 'logs/requests-*.jsonl' --outcomes raw.outcomes\n" +
			"  labeljoin sql --dialect spark --raw --requests raw.requests --outcomes '(SELECT value FROM raw.outcomes)'",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "dialect", Usage: "the `ENGINE`: " + strings.Join(sql.Dialects(), " or ") + " (required)"},
			&cli.StringFlag{Name: "archive", Value: defaultArchive, Usage: "read the archive in `DIR`"},
			&cli.StringFlag{Name: "requests",
				Usage: "read requests from `TABLE`, which has what an archive has; it is part of the query as it is"},
			&cli.StringFlag{Name: "outcomes", Usage: "read outcomes from `TABLE`"},
			&cli.BoolFlag{Name: "raw",
				Usage: "the tables have one column, of JSON lines; or they are files: names ending in .jsonl, " +
					".ndjson or .json, also .gz, and in DuckDB .zst"},
			&cli.StringFlag{Name: "create", Usage: "make the rows a new table `NAME`"},
			&cli.StringFlag{Name: "view", Usage: "make the query a view `NAME`"},
			&cli.BoolFlag{Name: "complete", Usage: "the logs are whole: nothing is missing after their end"},
			&cli.StringFlag{Name: "gaps-of", Usage: "the gaps that were declared for the output `DIR`, or s3://..., count"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			query, err := sqlQuery(c)
			if err != nil {
				return err
			}
			_, err = io.WriteString(terminal.Program(c.App.Writer), query)
			return err
		},
	}
}

// sqlQuery is the query that a command line asks for.
func sqlQuery(c *cli.Context) (string, error) {
	if err := commandline.Required(c, "dialect"); err != nil {
		return "", err
	}
	dialect, err := sql.ParseDialect(c.String("dialect"))
	if err != nil {
		return "", &terminal.UsageError{Err: fmt.Errorf("--dialect: %w", err)}
	}
	cfg, err := configOf(c)
	if err != nil {
		return "", err
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		return "", err
	}
	if rules.Gaps, err = replay.GapsOf(c.Context, cfg, c.String("gaps-of")); err != nil {
		return "", err
	}
	def := wire.Definition(cfg, rules)
	def.Complete = c.Bool("complete")
	def.Requests, def.Outcomes = dialect.Archive(c.String("archive"))
	if c.IsSet("requests") != c.IsSet("outcomes") {
		return "", &terminal.UsageError{Err: errors.New("--requests and --outcomes are given together, or --archive")}
	}
	if c.IsSet("requests") {
		def.Requests, def.Outcomes = c.String("requests"), c.String("outcomes")
	}
	if c.Bool("raw") {
		if !c.IsSet("requests") {
			return "", &terminal.UsageError{Err: errors.New("--raw needs --requests and --outcomes: the tables or files of JSON lines")}
		}
		if def.Raw, err = wire.Raw(cfg, rules); err != nil {
			return "", err
		}
		for _, from := range []*string{&def.Requests, &def.Outcomes} {
			if *from, err = def.Raw.Lines(dialect, *from); err != nil {
				return "", err
			}
		}
	}
	if def.Create, err = sqlCreate(c, dialect); err != nil {
		return "", &terminal.UsageError{Err: err}
	}
	plan, err := sql.NewPlan(def, dialect)
	if err != nil {
		return "", err
	}
	return plan.Query()
}

// sqlCreate is what the query makes.
func sqlCreate(c *cli.Context, dialect sql.Dialect) (made sql.Create, err error) {
	switch {
	case c.IsSet("create") && c.IsSet("view"):
		return made, errors.New("--create makes a table and --view a view: give one of them")
	case c.IsSet("create"):
		made.Kind = sql.CreateTable
		made.Name, err = dialect.Table(c.String("create"))
	case c.IsSet("view"):
		made.Kind = sql.CreateView
		made.Name, err = dialect.Table(c.String("view"))
	}
	return made, err
}
