package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "join logs that are already there: JSON Lines files, .gz and .zst too",
		Description: "The same core as `run`, over files. Everything is read before anything closes, so no row is\n" +
			"late and none is written twice. A request whose window reaches past the last outcome gets null\n" +
			"labels, since nothing says what came later; --complete says that nothing did.\n\n" +
			"--requests and --outcomes may be given more than once, for rotated logs, and a pattern in quotes\n" +
			"stands for its matches: --outcomes 'logs/outcomes-*.jsonl.gz'. The rows do not depend on the order.\n\n" +
			"It stops with 3, and writes nothing, where the logs are no evidence for negatives: too much of a\n" +
			"file is rejected, no outcome belongs to any request, or a file holds events of the other kind.\n\n" +
			"Example:\n  labeljoin replay --requests requests.jsonl --outcomes outcomes.jsonl --out replayed --complete",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: defaultConfigPath,
				Usage: "the configuration `FILE`: its join, labels and features count"},
			&cli.StringSliceFlag{Name: "requests",
				Usage: "a `FILE` of requests, or - for standard input; once for each file (required)"},
			&cli.StringSliceFlag{Name: "outcomes",
				Usage: "a `FILE` of outcomes; once for each file; /dev/null: there are none (required)"},
			&cli.StringFlag{Name: "out", Usage: "write to `DIR` instead of output.dir; it must not hold commits yet"},
			&cli.StringFlag{Name: "gaps-of", Usage: "the gaps that were declared for the output `DIR` count"},
			&cli.BoolFlag{Name: "complete", Usage: "the logs are whole: nothing is missing after their end"},
			&cli.StringFlag{Name: "max-rejected", Value: "1%", Usage: "stop if a larger `SHARE` of a file's lines is rejected"},
			&cli.BoolFlag{Name: "trust-logs",
				Usage: "write rows although no outcome belongs to any request, a log is empty, or requests look like outcomes"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			r := replay.Replay{Talk: c.App.ErrWriter, Complete: c.Bool("complete"), GapsOf: c.String("gaps-of"),
				Trusted: c.Bool("trust-logs")}
			if err := readReplayFlags(c, &r); err != nil {
				return err
			}
			var err error
			if r.Config, err = configOf(c); err != nil {
				return err
			}
			r.Log, r.Out = terminal.NewLog(r.Config.Log, c.App.ErrWriter), r.Config.Output.Dir
			if c.IsSet("out") {
				r.Out = c.String("out")
			}
			return r.Run(c.Context)
		},
	}
}

// readReplayFlags finds the files.
func readReplayFlags(c *cli.Context, r *replay.Replay) (err error) {
	if err := commandline.Required(c, "requests", "outcomes"); err != nil {
		return err
	}
	for k, flag := range []string{"requests", "outcomes"} {
		if r.Files[k], err = replay.LogPaths(flag, c.StringSlice(flag)); err != nil {
			return err
		}
	}
	if path, shared := replay.SharedLog(r.Files[events.KindRequest], r.Files[events.KindOutcome]); shared {
		return &terminal.UsageError{Err: fmt.Errorf("%s is given as --requests and as --outcomes: each file holds one kind",
			path)}
	}
	if r.MaxRejected, err = replay.ParseShare(c.String("max-rejected")); err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("--max-rejected: %w", err)}
	}
	return nil
}
