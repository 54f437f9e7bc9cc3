package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/bench"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func benchHTTPCommand() *cli.Command {
	b := &bench.HTTP{}
	return &cli.Command{
		Name:  "http",
		Usage: "send events by HTTP: as fast as they are stored, then at a steady rate",
		Description: "Sender, server, the embedded broker and the join are one process. Every answer comes when the broker has\n" +
			"synced the events to disk. Between the two parts it rests until the first one is joined.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "events", Value: 200_000, Usage: "`N` events as fast as they are stored", Destination: &b.Events},
			&cli.IntFlag{Name: "batch", Value: 100, Usage: "`N` events to a request", Destination: &b.Batch},
			&cli.IntFlag{Name: "senders", Value: 8, Usage: "`N` connections that send as fast as they are answered",
				Destination: &b.Senders},
			&cli.IntFlag{Name: "rate", Value: 2000, Usage: "`N` events a second after that, each when it is due",
				Destination: &b.Rate},
			&cli.DurationFlag{Name: "duration", Value: 30 * time.Second, Usage: "how long at that rate",
				Destination: &b.Duration},
			&cli.IntFlag{Name: "cores", Value: 1, Usage: "`N` cores that Go uses", Destination: &b.Cores},
			&cli.StringFlag{Name: "dir", Usage: "work in `DIR` instead of a temporary one", Destination: &b.Dir},
			&cli.BoolFlag{Name: "json", Usage: "print one line of JSON"},
			profileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if b.Batch < 1 || b.Events < b.Batch || b.Senders < 1 || b.Rate < 1 || b.Duration < time.Second || b.Cores < 0 {
				return &terminal.UsageError{Err: errors.New(
					"--batch, --senders and --rate from 1, --events from --batch, --duration from 1s, --cores from 0")}
			}
			b.Talk, b.Profile = c.App.ErrWriter, c.String("cpuprofile")
			result, err := b.Run(c.Context)
			if err != nil {
				return err
			}
			return bench.PrintResult(c.App.Writer, c.Bool("json"), result, result.Lines())
		},
	}
}
