package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/bench"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure this machine with labeljoin on it",
		Subcommands: []*cli.Command{benchLiveCommand(), benchStoreCommand(), benchLatencyCommand(), benchEventsCommand(),
			benchExportCommand(), benchStatsCommand(), benchReplayCommand(), benchHTTPCommand()},
	}
}

func profileFlag() cli.Flag {
	return &cli.StringFlag{Name: "cpuprofile", Usage: "write a profile to `FILE`, for go tool pprof"}
}

func benchLiveCommand() *cli.Command {
	return &cli.Command{
		Name:  "live",
		Usage: "publish a backlog to an embedded server, read it raw, then join it to committed Parquet",
		Description: "With --attribute the backlog is joined by turns, --turns of each: by outcomes that name their requests, and\n" +
			"by the same outcomes that name only their users, which join.attribute gives to requests. With --statistics it is\n" +
			"joined by turns with and without counting the rows of each commit.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "requests", Value: 3_000_000, Usage: "requests of 709 bytes in the backlog"},
			&cli.Float64Flag{Name: "outcomes", Value: 0.05, Usage: "outcomes for each request"},
			&cli.IntFlag{Name: "per-message", Value: 1, Usage: "events to a message"},
			&cli.BoolFlag{Name: "attribute", Usage: "measure what it costs that outcomes name no request"},
			&cli.BoolFlag{Name: "statistics", Usage: "measure what it costs that the rows of each commit are counted"},
			&cli.IntFlag{Name: "turns", Value: 2, Usage: "with --attribute or --statistics: how often each is measured"},
			&cli.StringFlag{Name: "dir", Usage: "work in `DIR` instead of a temporary one"},
			&cli.BoolFlag{Name: "json", Usage: "print one line of JSON"},
			profileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			b := bench.Live{
				Requests: c.Int("requests"), Outcomes: c.Float64("outcomes"), PerMessage: c.Int("per-message"),
				Dir: c.String("dir"), Talk: c.App.ErrWriter, Profile: c.String("cpuprofile"),
			}
			if b.Requests < 1 || b.Outcomes < 0 || b.Outcomes > 10 || b.PerMessage < 1 || b.PerMessage > 1000 {
				return &terminal.UsageError{Err: errors.New("--requests from 1, --outcomes 0 to 10, --per-message 1 to 1000")}
			}
			attribute, statistics := c.Bool("attribute"), c.Bool("statistics")
			switch {
			case attribute && statistics:
				return &terminal.UsageError{Err: errors.New("--attribute and --statistics are measured one at a time")}
			case attribute || statistics:
				return benchTurns(c, b)
			case c.IsSet("turns"):
				return &terminal.UsageError{Err: errors.New("--turns has no effect without --attribute or --statistics")}
			}
			result, err := b.Run(c.Context)
			if err != nil {
				return err
			}
			return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
		},
	}
}

// benchTurns measures by turns with and without what a flag names.
func benchTurns(c *cli.Context, live bench.Live) error {
	turns := c.Int("turns")
	if turns < 1 {
		return &terminal.UsageError{Err: errors.New("--turns from 1")}
	}
	if c.Bool("attribute") {
		b := bench.Attribute{Live: live, Turns: turns}
		result, err := b.Run(c.Context)
		if err != nil {
			return err
		}
		return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
	}
	result, err := live.Counting(c.Context, turns)
	if err != nil {
		return err
	}
	return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
}

func benchStoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "store",
		Usage: "a sliding window of pending requests: what each costs, and how long a restart takes",
		Flags: []cli.Flag{
			&cli.IntSliceFlag{Name: "pending", Value: cli.NewIntSlice(1_000_000, 10_000_000),
				Usage: "`REQUESTS` that are pending at a time; again for more sizes"},
			&cli.IntFlag{Name: "slide", Value: 2_000_000, Usage: "measure while the window slides by so many `REQUESTS`"},
			&cli.Float64Flag{Name: "outcomes", Value: 0.05, Usage: "outcomes for each request"},
			&cli.StringFlag{Name: "dir", Usage: "work in `DIR` instead of a temporary one"},
			&cli.BoolFlag{Name: "json", Usage: "print a line of JSON for each size"},
			profileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			b := bench.Store{Slide: c.Int("slide"), Outcomes: c.Float64("outcomes"), Dir: c.String("dir"),
				Talk: c.App.ErrWriter, Profile: c.String("cpuprofile")}
			if b.Slide < 1 || b.Outcomes < 0 || b.Outcomes > 1 {
				return &terminal.UsageError{Err: errors.New("--slide from 1, --outcomes 0 to 1")}
			}
			return b.Sizes(c.Context, c.IntSlice("pending"), c.App.Writer, c.Bool("json"))
		},
	}
}

func benchLatencyCommand() *cli.Command {
	return &cli.Command{
		Name:  "latency",
		Usage: "requests at a steady rate: how long until a positive label is out, and a closed row committed",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rate", Value: 10_000, Usage: "requests a second"},
			&cli.Float64Flag{Name: "outcomes", Value: 0.05, Usage: "outcomes for each request"},
			&cli.DurationFlag{Name: "duration", Value: 30 * time.Second, Usage: "how long to publish"},
			&cli.DurationFlag{Name: "roll", Value: 2 * time.Second, Usage: "output.roll.interval"},
			&cli.StringFlag{Name: "dir", Usage: "work in `DIR` instead of a temporary one"},
			&cli.BoolFlag{Name: "json", Usage: "print one line of JSON"},
			profileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			b := bench.Latency{
				Rate: c.Int("rate"), Outcomes: c.Float64("outcomes"), Duration: c.Duration("duration"), Roll: c.Duration("roll"),
				Dir: c.String("dir"), Talk: c.App.ErrWriter, Profile: c.String("cpuprofile"),
			}
			if b.Rate < 1 || b.Outcomes < 0 || b.Outcomes > 1 || b.Duration < time.Second || b.Roll < 100*time.Millisecond {
				return &terminal.UsageError{Err: errors.New("--rate from 1, --outcomes 0 to 1, --duration from 1s, --roll from 100ms")}
			}
			result, err := b.Run(c.Context)
			if err != nil {
				return err
			}
			return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
		},
	}
}

func benchEventsCommand() *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "write the events that bench live publishes to files, and a configuration that joins them",
		Description: "For measuring something else with the same events: see cmd/labeljoin/peers. Only the times\n" +
			"differ: here they begin with 2026, so that the files are the same every time.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "requests", Value: 1_000_000, Usage: "requests of 709 bytes"},
			&cli.Float64Flag{Name: "outcomes", Value: 0.05, Usage: "outcomes for each request"},
			&cli.StringFlag{Name: "dir", Usage: "write requests.jsonl, outcomes.jsonl and labeljoin.yaml into `DIR` (required)"},
			&cli.BoolFlag{Name: "json", Usage: "print one line of JSON"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			requests, outcomes, dir := c.Int("requests"), c.Float64("outcomes"), c.String("dir")
			if requests < 1 || outcomes < 0 || outcomes > 10 || dir == "" {
				return &terminal.UsageError{Err: errors.New("--dir DIR, --requests from 1, --outcomes 0 to 10")}
			}
			result, err := bench.WriteEvents(requests, outcomes, dir)
			if err != nil {
				return err
			}
			return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
		},
	}
}

// turnFlags are those of a benchmark that takes turns with other programs.
func turnFlags(turns *int, dir *string, asJSON *bool) []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "turns", Value: 2, Usage: "how often each is measured", Destination: turns},
		&cli.StringFlag{Name: "dir", Usage: "work in `DIR`, which has to be new or empty, and is kept",
			Destination: dir},
		&cli.BoolFlag{Name: "json", Usage: "print the result as one line of JSON", Destination: asJSON},
		profileFlag(),
	}
}

// profiled runs a benchmark that prints its result, with a profile if one is wanted.
func profiled(talk *io.Writer, run func(context.Context, io.Writer) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		stop, err := bench.StartProfile(c.String("cpuprofile"))
		if err != nil {
			return err
		}
		*talk = c.App.ErrWriter
		return errors.Join(run(c.Context, c.App.Writer), stop())
	}
}

func benchStatsCommand() *cli.Command {
	b := &bench.Stats{}
	return &cli.Command{
		Name:        "stats",
		Usage:       "compute the statistics of a day of generated rows; by turns with DuckDB and TFDV, if Python has them",
		Description: "DuckDB summarizes the same files, TensorFlow Data Validation a data frame of them that is in memory already.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "rows", Value: 5_000_000, Usage: "`N` rows of the day", Destination: &b.Rows},
			&cli.IntFlag{Name: "columns", Value: 30, Usage: "`N` columns of a row, features among them",
				Destination: &b.Columns},
			&cli.StringFlag{Name: "duckdb", Usage: "a `PROGRAM` of Python that has the duckdb module", Destination: &b.DuckDB},
			&cli.StringFlag{Name: "tfdv", Usage: "a `PROGRAM` of Python that has the tensorflow_data_validation module",
				Destination: &b.TFDV},
		}, turnFlags(&b.Turns, &b.Dir, &b.JSON)...),
		OnUsageError: onUsageError,
		Action:       profiled(&b.Talk, b.Run),
	}
}

func benchExportCommand() *cli.Command {
	b := &bench.Export{}
	return &cli.Command{
		Name:  "export",
		Usage: "export a day of generated rows, shuffled and split; by turns with DuckDB, if Python has it",
		Description: "Writes a day of rows as the joiner does, in files of a million rows, and exports it. DuckDB gets the same\n" +
			"files, the same codec and as many threads, and sorts them by a hash under a limit on its memory.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "rows", Value: 10_000_000, Usage: "`N` rows of the day", Destination: &b.Rows},
			&cli.IntFlag{Name: "columns", Value: 30, Usage: "`N` columns of a row, features among them",
				Destination: &b.Columns},
			&cli.IntFlag{Name: "shards", Value: 16, Usage: "`N` files of each split", Destination: &b.Shards},
			&cli.StringFlag{Name: "format", Value: "parquet", Usage: "parquet or tfrecord", Destination: &b.Format},
			pythonFlag(&b.Python),
			&cli.StringFlag{Name: "memory", Value: "1GiB", Usage: "DuckDB's limit on its `MEMORY`", Destination: &b.Memory},
			&cli.BoolFlag{Name: "report", Usage: "by turns with the statistics and the report that lie beside a day",
				Destination: &b.Report},
		}, turnFlags(&b.Turns, &b.Dir, &b.JSON)...),
		OnUsageError: onUsageError,
		Action:       profiled(&b.Talk, b.Run),
	}
}

func pythonFlag(into *string) cli.Flag {
	return &cli.StringFlag{Name: "python", Destination: into,
		Usage: "a `PROGRAM` of Python that has the duckdb module; without it only labeljoin is measured"}
}

func benchReplayCommand() *cli.Command {
	b := &bench.Replay{}
	return &cli.Command{
		Name:  "replay",
		Usage: "replay generated logs; by turns with the same join in DuckDB, if Python has it",
		Description: "Two logs: requests of 709 bytes of which one in twenty has an outcome, and slates of ten items with 2.6\n" +
			"outcomes each. From JSON lines, and from Parquet that DuckDB made of them. DuckDB writes the same columns,\n" +
			"of the same types, with the same codec at its fastest level, on as many threads; its rows are compared.\n" +
			"Its query takes for granted that no event comes twice, which labeljoin makes sure of.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "rows", Value: 2_000_000, Usage: "`N` rows that each log gives", Destination: &b.Rows},
			&cli.StringFlag{Name: "only",
				Usage:       "measure only what begins with `NAME`: plain, slates, plain-jsonl, plain-parquet, ...",
				Destination: &b.Only},
			&cli.BoolFlag{Name: "float32", Usage: "features that are doubles are written with single precision, by both",
				Destination: &b.Singles},
			pythonFlag(&b.Python),
		}, turnFlags(&b.Turns, &b.Dir, &b.JSON)...),
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if b.Rows < 1000 || b.Turns < 1 {
				return &terminal.UsageError{Err: errors.New("--rows from 1000, --turns from 1")}
			}
			b.Talk, b.Profile = c.App.ErrWriter, c.String("cpuprofile")
			return b.Run(c.Context, c.App.Writer)
		},
	}
}
