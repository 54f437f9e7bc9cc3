package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/dump"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func dumpCommand() *cli.Command {
	return &cli.Command{
		Name:  "dump",
		Usage: "copy the events of the streams into files, for `replay` and `archive`",
		Description: "Reads the subjects of the configuration from the beginning of their streams, or from --from on, to their\n" +
			"present ends. It changes nothing: a joiner may be running. An event is copied to the byte, after its\n" +
			"mapping; what a joiner would reject or set aside for its time is in DIR/" + dump.RejectedFile + ".\n\n" +
			"A replay of a dump gives the rows that the joiner gives. Labels whose windows begin before the dump\n" +
			"does are null.\n\n" +
			"Example:\n  labeljoin dump --out october && labeljoin replay --dump october --out replayed",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "out", Value: "dump", Usage: "write to `DIR`, which must be empty"},
			&cli.StringSliceFlag{Name: "from",
				Usage: "read what was stored at `TIME` or later, or from a sequence on (12345, or STREAM=12345, once for each)"},
			&cli.BoolFlag{Name: "allow-gone", Usage: "go on although messages are gone from the middle of a stream"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			d := dump.Dump{Talk: c.App.ErrWriter, Dir: c.String("out"), AllowGone: c.Bool("allow-gone")}
			if err := d.From.ParseFrom(c.StringSlice("from")); err != nil {
				return &terminal.UsageError{Err: fmt.Errorf("--from: %w", err)}
			}
			var err error
			if d.Config, err = configOf(c); err != nil {
				return err
			}
			if err := d.Run(c.Context); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.ErrWriter, "\nthe dump is %s; next: labeljoin replay --dump %s --out replayed\n", d.Dir,
				d.Dir)
			return err
		},
	}
}

// readReplayStreams reads the flags of a replay that are about streams.
func readReplayStreams(c *cli.Context, r *replay.Replay) error {
	if !c.Bool("from-stream") {
		for _, flag := range []string{"stream-from", "allow-gone"} {
			if c.IsSet(flag) {
				return &terminal.UsageError{Err: fmt.Errorf("--%s goes with --from-stream", flag)}
			}
		}
		return nil
	}
	d := dump.Dump{Config: r.Config, Talk: c.App.ErrWriter, AllowGone: c.Bool("allow-gone")}
	if err := d.From.ParseFrom(c.StringSlice("stream-from")); err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("--stream-from: %w", err)}
	}
	r.Streams = func(ctx context.Context, dir string) (*replay.Own, error) {
		d.Dir = dir
		if err := d.Run(ctx); err != nil {
			return nil, err
		}
		dumped, err := dump.Load(dir)
		return (*replay.Own)(dumped), err
	}
	return nil
}
