package gap

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// written is the output of a configuration, which must be there.
func written(ctx context.Context, cfg *config.Config) (bucket.Bucket, error) {
	rows, err := place.Of(ctx, cfg, cfg.Output.Dir)
	if err != nil {
		return nil, err
	}
	if err := rows.Present(); err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("there is no output at %s yet, and so no gap: %w", rows, err)}
	}
	return rows, nil
}

// Remove takes a gap back.
func Remove(ctx context.Context, cfg *config.Config, id uint64, note string, out io.Writer) error {
	rows, err := written(ctx, cfg)
	if err != nil {
		return err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if err != nil {
		return err
	}
	last, _, err := archive.Last()
	if err != nil {
		return err
	}
	gaps, err := archive.Gaps()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(gaps, func(g events.Gap) bool { return g.ID == id && g.InForce() })
	if at < 0 {
		return &terminal.UsageError{Err: fmt.Errorf("no gap %d is declared, or it was taken back: labeljoin gap list has those there are", id)}
	}
	taken := slices.ContainsFunc(last.Cut.Progress.Gaps, func(g events.Gap) bool { return g.ID == id })
	g := &gaps[at]
	if taken && g.Log != nil {
		return &terminal.UsageError{Err: fmt.Errorf("gap %d stands for messages of stream %q that are gone, and reading has gone on behind them: without it, their absence would be taken for a no", id, g.Log.Input)}
	}
	back := events.Gap{From: g.From, To: g.To, Removes: id, Note: note}
	if _, err := export.OpenGaps(rows).Declare(back, last.Cut.Progress.Gaps); err != nil {
		return err
	}
	w := &terminal.LineWriter{To: out}
	if taken {
		w.Line("gap %d is taken back: rows that it touches are written again with their labels, as far as corrections reach",
			id)
	} else {
		w.Line("gap %d is taken back; no commit has it", id)
	}
	return w.Err
}

// DryRun says how many rows a gap would change.
func DryRun(ctx context.Context, cfg *config.Config, gap events.Gap, out io.Writer) error {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return err
	}
	rows, err := written(ctx, cfg)
	if err != nil {
		return err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
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
	w := &terminal.LineWriter{To: out}
	if gap.Quiet || !gap.Kinds[events.KindOutcome] {
		w.Line("%s from %s to %s: it changes no label; labels are null only where outcomes are missing", What(gap),
			gap.From, gap.To)
		return w.Err
	}
	w.Line("%s from %s to %s: of the rows that are written, %d would be written again with null labels", What(gap),
		gap.From, gap.To, touched)
	w.Line("rows of requests stamped before %s would stay as they are; those that close from now on would be null where their windows touch the gap", gap.Since)
	return w.Err
}
