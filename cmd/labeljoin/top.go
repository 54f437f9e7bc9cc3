package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

func topCommand() *cli.Command {
	return &cli.Command{
		Name:        "top",
		Usage:       "watch a joiner: its status, again and again",
		Description: "Shows what labeljoin status says, until it is stopped with ^C.",
		ArgsUsage:   commandline.ArgsConfig,
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.DurationFlag{Name: "every", Value: 2 * time.Second, Usage: "how often, at least 100ms"},
			&cli.IntFlag{Name: "times", Usage: "end after `N` times", DefaultText: "never"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return watch(c.Context, c.App.Writer, cfg, max(c.Duration("every"), 100*time.Millisecond), c.Int("times"))
		},
	}
}

// watch shows the status of a joiner, so many times or until ctx ends; 0 times
// is without end.
func watch(ctx context.Context, w io.Writer, cfg *config.Config, every time.Duration, times int) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		s, running, err := monitor.FindStatus(ctx, cfg, partition.Default)
		if err != nil {
			return err
		}
		var screen bytes.Buffer
		if err := s.Print(&screen, running); err != nil {
			return err
		}
		if err := terminal.Clear(w); err != nil {
			return err
		}
		if _, err := w.Write(screen.Bytes()); err != nil {
			return err
		}
		if n == times {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // stopped, as it is meant to be
		case <-tick.C:
		}
	}
}
