package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/deadletter"
	"github.com/labeljoin/labeljoin/config"
)

func deadletterCommand() *cli.Command {
	return &cli.Command{
		Name:         "deadletter",
		Usage:        "look at events that were rejected, and publish again what can be read now",
		Subcommands:  []*cli.Command{deadletterListCommand(), deadletterShowCommand(), deadletterRetryCommand()},
		OnUsageError: onUsageError,
	}
}

func deadletterFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		configFileFlag(),
		&cli.StringFlag{Name: "reason", Usage: "only those rejected for this `REASON`, like not_json"},
		&cli.StringFlag{Name: "input", Usage: "only those of this input or stream, by its `NAME`"},
		&cli.StringFlag{Name: "since",
			Usage: "only those stored since this `TIME`: 2026-11-23T16:40:00Z, 2026-11-23, or 2h for two hours ago"},
		&cli.BoolFlag{Name: "json", Usage: "JSON in place of text"},
	}, more...)
}

// onLetters reads the configuration and the flags that say which dead letters are meant.
func onLetters(do func(*cli.Context, *config.Config, deadletter.Wanted, time.Time) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		cfg, err := configOf(c)
		if err != nil {
			return err
		}
		now := time.Now()
		since, err := deadletter.ParseSince(c.String("since"), now)
		if err != nil {
			return err
		}
		return do(c, cfg, deadletter.Wanted{Reason: c.String("reason"), Input: c.String("input"), Since: since}, now)
	}
}

func deadletterListCommand() *cli.Command {
	return &cli.Command{
		Name:         "list",
		ArgsUsage:    commandline.ArgsConfig,
		Usage:        "count dead letters by input and reason, and say how many of them can be read now",
		Flags:        deadletterFlags(),
		OnUsageError: onUsageError,
		Action: onLetters(func(c *cli.Context, cfg *config.Config, w deadletter.Wanted, now time.Time) error {
			return deadletter.List(c.Context, cfg, w, now, c.Bool("json"), c.App.Writer)
		}),
	}
}

func deadletterShowCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "show dead letters: the event, where it was read, why it was rejected, and what would become of it now",
		Flags: deadletterFlags(
			&cli.IntFlag{Name: "last", Value: 10, Usage: "the newest `N`; 0 shows all"},
			&cli.StringFlag{Name: "id", Usage: "one dead letter, by its `NAME`, like 17/3"},
		),
		OnUsageError: onUsageError,
		Action: onLetters(func(c *cli.Context, cfg *config.Config, w deadletter.Wanted, now time.Time) error {
			w.ID = c.String("id")
			return deadletter.Show(c.Context, cfg, w, c.Int("last"), now, c.Bool("json"), c.App.Writer)
		}),
	}
}

func deadletterRetryCommand() *cli.Command {
	return &cli.Command{
		Name:      "retry",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "publish again, to its subject, what can be read now",
		Description: "After the configuration was mended (time_unit, limits, a mapping), events that it can read now are\n" +
			"published to their subjects again, as they were. Each is published once, however often the command\n" +
			"is given and whenever it is killed: what was published stands in _retried/ of the output. The joiner\n" +
			"may run meanwhile. Events that are too late for a correction are published too, and named: a replay\n" +
			"of the stream can use them.",
		Flags:        deadletterFlags(&cli.BoolFlag{Name: "dry-run", Usage: "publish nothing, and say what would be"}),
		OnUsageError: onUsageError,
		Action: onLetters(func(c *cli.Context, cfg *config.Config, w deadletter.Wanted, now time.Time) error {
			r := deadletter.Retry{Config: cfg, Wanted: w, DryRun: c.Bool("dry-run"), JSON: c.Bool("json"), Now: now,
				Out: c.App.Writer}
			return r.Run(c.Context)
		}),
	}
}
