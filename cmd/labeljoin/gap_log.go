package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner"
)

func gapLogCommand() *cli.Command {
	return &cli.Command{
		Name:      "log",
		ArgsUsage: argsConfig,
		Usage:     "say what the streams have lost unread, and with --yes go on without it",
		Description: "For a joiner that refuses to start because a stream was purged, trimmed, recreated, rewound or restored\n" +
			"from an older copy. It changes nothing without --yes. With it, the loss is declared as a gap of what the\n" +
			"stream carries, from the time of the last message read to that of the first one there is, and the joiner\n" +
			"goes on behind it at its next start. Rows that were made of messages that are gone now stay.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.BoolFlag{Name: "yes", Usage: "declare it"},
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return gapLog(c.Context, cfg, c.Bool("yes"), c.String("note"), c.App.Writer)
		},
	}
}

// gapLog compares where the state stands with what the streams hold.
func gapLog(ctx context.Context, cfg *config.Config, declare bool, note string, out io.Writer) (err error) {
	positions, clock, err := statePositions(cfg)
	if err != nil {
		return err
	}
	d := deep{cfg: cfg}
	s, err := d.connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	logs, err := s.logs(ctx)
	if err != nil {
		return err
	}
	w, lost := &lineWriter{to: out}, 0
	for _, log := range logs {
		for _, p := range positions {
			if p.Input != log.Stream {
				continue
			}
			loss, err := jetstream.FindLoss(ctx, s.nc, log, p)
			if err != nil {
				return err
			}
			if loss == nil {
				w.line("stream %s: nothing is lost; message %d is to be read next", log.Stream, p.Next)
				continue
			}
			lost++
			g := gapOfLoss(&log, p, loss, clock, cfg)
			g.Note = note
			w.line("stream %s: %s", log.Stream, loss.Fault)
			w.line("  what it carries (%s) is not known from %s to %s; reading can go on with message %d", sourcesOf(g), g.From, g.To, loss.Next)
			if !declare {
				continue
			}
			id, err := declareGap(cfg, g)
			if err != nil {
				return err
			}
			w.line("  declared as gap %d; the joiner goes on behind it", id)
		}
	}
	if lost > 0 && !declare {
		w.line("restore the stream if you can; labeljoin gap log --yes goes on without what is lost")
	}
	return w.err
}

// gapOfLoss is the loss as a gap. An event may have been stored up to lateness
// after its time, so the gap begins that much before the last message read.
func gapOfLoss(log *jetstream.Log, p joiner.Position, loss *jetstream.Loss, clock joiner.Clock, cfg *config.Config) joiner.Gap {
	g := joiner.Gap{
		From: loss.From, To: loss.To,
		Log: &joiner.LogGap{Input: p.Input, Created: loss.Created, From: p.Next, Next: loss.Next},
	}
	for k := range g.Kinds {
		if g.Kinds[k] = log.Has(events.Kind(k)); g.Kinds[k] && loss.From == events.MinTime {
			g.From = clock.Seen[k]
		}
	}
	g.From = g.From.Add(-cfg.Join.Lateness.Std())
	g.To = max(g.To, g.From)
	return g
}

// statePositions is how far a state has read its logs. No joiner may run.
func statePositions(cfg *config.Config) ([]joiner.Position, joiner.Clock, error) {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return nil, joiner.Clock{}, err
	}
	p, err := openPlace(vfs.Default, cfg, &rules, cfg.State.Dir, cfg.Output.Dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, joiner.Clock{}, fmt.Errorf("stop the joiner first: %w", err)
	}
	saved := p.store.Progress()
	return saved.Progress.Inputs, saved.Progress.Clock, p.close()
}
