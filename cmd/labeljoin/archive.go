package main

import (
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
)

// defaultArchive is where an archive is, if nothing is said.
const defaultArchive = "archive"

func archiveCommand() *cli.Command {
	return &cli.Command{
		Name:  "archive",
		Usage: "write the events of logs as Parquet, for the query of `labeljoin sql`",
		Description: "Reads the files that `replay` reads, and writes each event as labeljoin understands it: DIR/requests has\n" +
			"the rows without labels, DIR/outcomes the outcomes, DIR/rejected.jsonl what is no event. Labels,\n" +
			"windows and policies may change afterwards. The unit of times, the columns of features and\n" +
			"`join.rows` are those of the configuration: after a change of those, archive again.\n\n" +
			"An archive is written whole or not at all. A query can read several: archive each day for itself.\n\n" +
			"Example:\n  labeljoin archive --requests requests.jsonl --outcomes outcomes.jsonl --out archive",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringSliceFlag{Name: "requests",
				Usage: "`FILES` of requests, as for replay; once for each (required without --events or --dump)"},
			&cli.StringSliceFlag{Name: "outcomes",
				Usage: "`FILES` of outcomes; once for each; /dev/null: there are none (required without --events or --dump)"},
			&cli.StringSliceFlag{Name: "events",
				Usage: "`NAME=FILES` of an input of the configuration, which its mapping reads; once for each"},
			&cli.StringSliceFlag{Name: "dump", Usage: "the logs in `DIR`, which labeljoin dump wrote; once for each"},
			&cli.StringFlag{Name: "out", Value: defaultArchive, Usage: "write to `DIR`; it must not hold an archive yet"},
			&cli.StringFlag{Name: "max-rejected", Value: "1%", Usage: "stop if a larger `SHARE` of a file's lines is rejected"},
			&cli.BoolFlag{Name: "strict", Usage: "stop at the first event that is rejected and the first file that is damaged"},
			&cli.BoolFlag{Name: "trust-logs", Usage: "go on although a log is empty or damaged, or requests look like outcomes"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := requireLogs(c); err != nil {
				return err
			}
			r := replay.Replay{
				Talk: c.App.ErrWriter, Data: c.App.Writer, Trusted: c.Bool("trust-logs"), Strict: c.Bool("strict"),
				Out: c.String("out"),
			}
			var err error
			if r.Config, err = configOf(c); err != nil {
				return err
			}
			if err = readReplayFiles(c, &r); err != nil {
				return err
			}
			return r.Archive(c.Context)
		},
	}
}
