package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/bench"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/dump"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
)

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "join logs that are already there: files of JSON, CSV, Parquet or Avro, compressed or not",
		Description: "The same rows as `run` gives, from files. Everything is read before anything is decided, so no row is\n" +
			"late and none is written twice. A request whose window reaches past the last outcome gets null\n" +
			"labels, since nothing says what came later; --complete says that nothing did.\n\n" +
			"--requests and --outcomes may be given more than once. Each names a file, a directory with files, or a\n" +
			"pattern in quotes, in which ** stands for any directories: --outcomes 'logs/**/outcomes-*.jsonl.zst'.\n" +
			"So does s3://BUCKET/NAME in an object store, which the block s3 of the configuration says how to reach.\n" +
			"Inputs of the configuration with other names, and with mappings, are given by name: --events clicks='clicks-*.csv'.\n" +
			"What a file is, its first bytes say: JSON lines or arrays, CSV with a header, Parquet, Avro; gzip,\n" +
			"zstd, lz4, snappy. The rows do not depend on the order of the files.\n\n" +
			"It stops with 3, and writes nothing, where the logs are no evidence for negatives: too much of a\n" +
			"file is rejected, a file is damaged, no outcome belongs to any request, outcomes begin long after the\n" +
			"requests or end long before them, no outcome matches a label, or a file holds events of the other kind.\n\n" +
			"--from-stream reads the streams themselves, as `labeljoin dump` does, and keeps a copy until it has\n" +
			"ended. Labels whose windows begin before what was read are null.\n\n" +
			"--replace computes days of an output again: with another label, window or feature. The days that get rows are\n" +
			"replaced whole, and with --from and --to all between them. Readers see a day as it was or as it is then.\n\n" +
			"--labels NAME writes a label over days that are there, as for a label that is new: rows, revisions and all other\n" +
			"values stay as they are.\n\n" +
			"What does not fit into --memory is read again, a share of the ids at a time.\n\n" +
			"After a stop the same command goes on, and ends in the same bytes. It reads and joins the logs again, and\n" +
			"uses the files of rows that were finished. --partition makes parts, each of which ends by itself.\n\n" +
			"Example:\n  labeljoin replay --requests requests.jsonl --outcomes outcomes.jsonl --out replayed --complete",
		Flags:        replayFlags(),
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) (err error) {
			stop, err := bench.StartProfile(c.String("cpuprofile"))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			if err := requireLogs(c); err != nil {
				return err
			}
			r := replay.Replay{
				Talk: c.App.ErrWriter, Data: c.App.Writer, Complete: c.Bool("complete"),
				GapsOf: c.String("gaps-of"), Replace: c.Bool("replace"), Trusted: c.Bool("trust-logs"),
				Strict: c.Bool("strict"), DryRun: c.Bool("dry-run"), AsJSON: c.Bool("json"), Jobs: c.Int("jobs"),
				Unmatched: c.StringSlice("allow-unmatched"), Labels: c.StringSlice("labels"),
			}
			if r.Config, err = configOf(c); err != nil {
				return err
			}
			if err := readReplayFlags(c, &r); err != nil {
				return err
			}
			if err := readReplayStreams(c, &r); err != nil {
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

// replayFlags are the flags of the command.
func replayFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Value: defaultConfigPath,
			Usage: "the configuration `FILE`: its join, labels and features count"},
		&cli.StringSliceFlag{Name: "requests",
			Usage: "`FILES` of requests, or - for standard input; once for each (required without --events, --dump or --from-stream)"},
		&cli.StringSliceFlag{Name: "outcomes",
			Usage: "`FILES` of outcomes; once for each; /dev/null: there are none (required without --events, --dump or --from-stream)"},
		&cli.StringSliceFlag{Name: "events",
			Usage: "`NAME=FILES` of an input of the configuration, which its mapping reads; once for each"},
		&cli.StringSliceFlag{Name: "dump", Usage: "the logs in `DIR`, which labeljoin dump wrote; once for each"},
		&cli.BoolFlag{Name: "from-stream",
			Usage: "read the streams of the configuration to their present ends; a joiner may be running"},
		&cli.StringSliceFlag{Name: "stream-from",
			Usage: "with --from-stream: read what was stored at `TIME` or later, or from a sequence on (12345, or STREAM=12345)"},
		&cli.BoolFlag{Name: "allow-gone",
			Usage: "with --from-stream: go on although messages are gone from the middle of a stream"},
		&cli.StringFlag{Name: "out",
			Usage: "write to `DIR` instead of output.dir; without --replace it must not hold commits yet"},
		&cli.StringFlag{Name: "gaps-of", Usage: "the gaps that were declared for the output `DIR`, or s3://..., count"},
		&cli.BoolFlag{Name: "complete", Usage: "the logs are whole: nothing is missing after their end"},
		&cli.StringFlag{Name: "from", Usage: "write rows of requests stamped at `TIME` (RFC 3339 or a day) or later only"},
		&cli.StringFlag{Name: "to", Usage: "write rows of requests stamped before `TIME` only"},
		&cli.BoolFlag{Name: "replace",
			Usage: "put the rows in the place of whole days of the output; its joiner may run"},
		&cli.StringSliceFlag{Name: "labels",
			Usage: "write `LABELS` over days of the output, and leave all other values as they are; its joiner may run"},
		&cli.StringFlag{Name: "partition",
			Usage: "join the ids of one part only: `I/N`, I from 0 on; the N outputs together are the whole"},
		&cli.StringFlag{Name: "memory", Value: "1GiB", Usage: "hold about `SIZE` of events at a time"},
		&cli.IntFlag{Name: "jobs", Usage: "decode with `N` goroutines", DefaultText: "as many as there are processors"},
		&cli.BoolFlag{Name: "dry-run", Usage: "join and report, and write nothing"},
		&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
		&cli.StringFlag{Name: "max-rejected", Value: "1%", Usage: "stop if a larger `SHARE` of a file's lines is rejected"},
		&cli.BoolFlag{Name: "strict", Usage: "stop at the first event that is rejected and the first file that is damaged"},
		&cli.StringSliceFlag{Name: "allow-unmatched",
			Usage: "write rows although no outcome of the logs matches `LABEL`; once for each"},
		&cli.StringFlag{Name: "cpuprofile", Hidden: true, Usage: "write a profile to `FILE`"},
		&cli.BoolFlag{Name: "trust-logs", Usage: "write rows although no outcome belongs to any request, the outcomes are of another time, a log is empty or damaged, or requests look like outcomes"},
	}
}

// readReplayFlags finds the files, and what is done with them.
func readReplayFlags(c *cli.Context, r *replay.Replay) (err error) {
	if r.Jobs < 0 {
		return &terminal.UsageError{Err: fmt.Errorf("--jobs %d: give it 1 or more, or leave it out", r.Jobs)}
	}
	if c.IsSet("out") && c.String("out") == "" {
		return &terminal.UsageError{Err: errors.New("--out names no directory")}
	}
	if err := readReplayFiles(c, r); err != nil {
		return err
	}
	return readReplayBounds(c, r)
}

// requireLogs looks whether logs are named.
func requireLogs(c *cli.Context) error {
	if c.IsSet("events") || c.IsSet("dump") || c.Bool("from-stream") {
		return nil
	}
	return commandline.Required(c, "requests", "outcomes")
}

// readReplayFiles finds the files, and how much of them may be rejected.
func readReplayFiles(c *cli.Context, r *replay.Replay) (err error) {
	for k, input := range []string{config.InputRequests, config.InputOutcomes} {
		if r.Files[k], err = r.LogPaths(c.Context, input, c.StringSlice(input)); err != nil {
			return err
		}
	}
	for _, given := range c.StringSlice("events") {
		name, pattern, ok := strings.Cut(given, "=")
		if !ok || name == "" || pattern == "" {
			return &terminal.UsageError{Err: fmt.Errorf("--events %s: write it NAME=FILES, with the name of an input", given)}
		}
		paths, err := r.LogPaths(c.Context, "events "+name, []string{pattern})
		if err != nil {
			return err
		}
		r.Named = append(r.Named, replay.Files("--events "+name, name, paths)...)
	}
	for _, dir := range c.StringSlice("dump") {
		dumped, err := dump.Load(dir)
		if err != nil {
			return fmt.Errorf("--dump: %w", err)
		}
		r.Dumped = append(r.Dumped, (*replay.Own)(dumped))
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

// readReplayBounds reads the flags that bound what is joined, and how.
func readReplayBounds(c *cli.Context, r *replay.Replay) (err error) {
	r.From, r.To = events.MinTime, events.MaxTime
	for flag, into := range map[string]*events.Time{"from": &r.From, "to": &r.To} {
		if text := c.String(flag); text != "" {
			if *into, err = events.ParseTimeOrDay(text); err != nil {
				return &terminal.UsageError{Err: fmt.Errorf("--%s: %w", flag, err)}
			}
		}
	}
	if r.From >= r.To {
		return &terminal.UsageError{Err: fmt.Errorf("--from %s is not before --to %s", c.String("from"), c.String("to"))}
	}
	if text := c.String("partition"); text != "" {
		if r.Part, r.Parts, err = replay.ParsePart(text); err != nil {
			return &terminal.UsageError{Err: fmt.Errorf("--partition: %w", err)}
		}
	}
	size, err := config.ParseSize(c.String("memory"))
	if err == nil && size < replay.LeastMemory {
		err = fmt.Errorf("%s is too little: give it %s or more", c.String("memory"), config.Size(replay.LeastMemory))
	}
	if err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("--memory: %w", err)}
	}
	r.Memory = int64(size)
	return r.CheckReplace()
}
