package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
)

func gapRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:      "remove",
		ArgsUsage: "ID",
		Usage:     "take a declared gap back",
		Description: "If the joiner has not taken the gap in yet, nothing has changed and nothing does. If it has, rows that\n" +
			"the gap touches are written again with their labels and the next revision, as far as corrections reach;\n" +
			"older ones stay null. A running joiner does so within seconds, another at its next start.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			id, err := strconv.ParseUint(c.Args().First(), 10, 64)
			if err != nil || c.NArg() != 1 {
				return &usageError{fmt.Errorf("give the number of one gap: labeljoin gap list has them")}
			}
			cfg, err := loadConfig(c.String("config"))
			if err != nil {
				return err
			}
			return removeGap(cfg, id, c.String("note"), c.App.Writer)
		},
	}
}

// removeGap takes a gap back.
func removeGap(cfg *config.Config, id uint64, note string, out io.Writer) error {
	archive, err := export.OpenArchive(vfs.Default, cfg.Output.Dir, partition)
	if err != nil {
		return err
	}
	last, _, err := archive.Last()
	if err != nil {
		return err
	}
	gaps, err := export.OpenGaps(vfs.Default, cfg.Output.Dir)
	if err != nil {
		return err
	}
	declared, err := gaps.List()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(declared, func(g joiner.Gap) bool { return g.ID == id && g.Removes == 0 })
	if at < 0 {
		return &usageError{fmt.Errorf("no gap %d is declared, or it was taken back: labeljoin gap list has those there are", id)}
	}
	taken := slices.ContainsFunc(last.Cut.Progress.Gaps, func(g joiner.Gap) bool { return g.ID == id })
	g := &declared[at]
	if taken && g.Log != nil {
		return &usageError{fmt.Errorf("gap %d stands for messages of stream %q that are gone, and reading has gone on behind them: without it, their absence would be taken for a no", id, g.Log.Input)}
	}
	if _, err := gaps.Declare(joiner.Gap{From: g.From, To: g.To, Removes: id, Note: note}); err != nil {
		return err
	}
	w := &lineWriter{to: out}
	if taken {
		w.line("gap %d is taken back: rows that it touches are written again with their labels, as far as corrections reach", id)
	} else {
		w.line("gap %d is taken back; no commit has it", id)
	}
	return w.err
}

// tryGap says how many rows a gap would change.
func tryGap(ctx context.Context, cfg *config.Config, gap joiner.Gap, out io.Writer) error {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return err
	}
	archive, err := export.OpenArchive(vfs.Default, cfg.Output.Dir, partition)
	if err != nil {
		return err
	}
	last, _, err := archive.Last()
	if err != nil {
		return err
	}
	closed := last.Cut.Progress.ClosedThrough
	gap.Since = closed.Add(-rules.Corrections)
	touched, err := archive.Touched(ctx, rules.Labels, gap.Since, closed, func(ts events.Time, label int) bool {
		one := joiner.Rules{Labels: rules.Labels[label : label+1], ClockSkew: rules.ClockSkew}
		return one.Touches(&gap, ts)
	})
	if err != nil {
		return err
	}
	w := &lineWriter{to: out}
	w.line("%s from %s to %s: of the rows that are written, %d would be written again with null labels", sourcesOf(gap), gap.From, gap.To, touched)
	w.line("rows of requests stamped before %s would stay as they are; those that close from now on would be null where their windows touch the gap", gap.Since)
	return w.err
}
