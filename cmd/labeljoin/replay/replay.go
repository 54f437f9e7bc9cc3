// Package replay joins logs that are already there, after it has looked whether they are the logs of requests and of
// their outcomes.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Replay is one run of the command.
type Replay struct {
	Config      *config.Config
	Log         *slog.Logger
	Talk        io.Writer // for the summary
	Files       [events.Kinds][]string
	Out         string
	Complete    bool
	GapsOf      string // an output whose gaps count; empty: none do
	MaxRejected float64
	Trusted     bool // see evidence

	logs [events.Kinds]*logFiles
}

// Run joins the files into out. What it keeps meanwhile goes when it is done.
func (r *Replay) Run(ctx context.Context) (err error) {
	defer partition.TuneGC()()
	rules, err := wire.Rules(r.Config)
	if err != nil {
		return err
	}
	if rules.Gaps, err = gapsOf(r.GapsOf); err != nil {
		return err
	}
	seen, err := r.evidence(ctx)
	if err != nil {
		return err
	}
	p, err := r.open(&rules)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(), os.RemoveAll(r.scratch())) }()
	o, err := partition.EngineOptions(r.Config, rules, p, r.Log)
	if err != nil {
		return err
	}
	o.Replay = &engine.Replay{Complete: r.Complete, Check: seen.read}
	o.Refused = seen.refused
	o.Output = checkedOutput{Output: p.Output, decided: seen.decided}
	o.Inputs = r.Inputs()
	e := engine.New(o)
	watched := r.Watch(e)
	err = e.Run(ctx)
	watched()
	if err != nil {
		return err
	}
	last, _, committed := p.Output.Last()
	if !committed && ctx.Err() != nil {
		return errors.New("stopped before the end of the logs: nothing was written")
	}
	l := &last.Progress.Ledger
	if !committed {
		now := e.Stats().Progress.Ledger // there was nothing to commit
		l = &now
	}
	terminal.PrintLedger(r.Talk, l)
	_, err = fmt.Fprintf(r.Talk, "\nrows are in %s\n", filepath.Join(r.Out, "data"))
	return err
}

// evidence looks at the beginnings of the files, and will look at the rest.
func (r *Replay) evidence(ctx context.Context) (*evidence, error) {
	for k := range r.logs {
		r.logs[k] = openLogs(r.Files[k], events.Kind(k), uint8(k))
	}
	v := &evidence{maxRejected: r.MaxRejected, trusted: r.Trusted, complete: r.Complete, logs: r.logs, talk: r.Talk}
	v.empty = len(r.Files[events.KindOutcome]) == 1 && r.Files[events.KindOutcome][0] == os.DevNull
	o, err := wire.Options(r.Config, joiner.Rules{})
	if err != nil {
		return nil, err
	}
	v.decoders = o.Decoders
	for _, path := range r.Files[events.KindRequest] {
		if holds, err := v.holdsOutcomes(ctx, path); err != nil {
			return nil, err
		} else if holds && !r.Trusted {
			return nil, v.refuse("--requests %s holds outcomes: each of its first events has a type, and none has items, features, a model or a score", path)
		}
	}
	return v, nil
}

// scratch is where the state of the replay is, as long as it takes.
func (r *Replay) scratch() string { return filepath.Join(r.Out, "_replay") }

// open opens an output without commits, and a state. The lock on the output
// comes first: what another replay into it has there is still in use.
func (r *Replay) open(rules *joiner.Rules) (*partition.Partition, error) {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return nil, fmt.Errorf("making the output directory: %w", err)
	}
	out, err := partition.OpenOutput(vfs.Default, r.Config, rules, r.Out, r.Log)
	if err != nil {
		return nil, err
	}
	if _, receipt, ok := out.Last(); ok {
		err := &terminal.UsageError{Err: fmt.Errorf("%s holds %d commits already: give --out a directory of its own", r.Out, receipt.Number)}
		return nil, errors.Join(err, out.Close())
	}
	if err := os.RemoveAll(r.scratch()); err != nil {
		return nil, errors.Join(fmt.Errorf("removing what an interrupted replay left: %w", err), out.Close())
	}
	st, err := partition.OpenState(vfs.Default, r.Config, r.scratch(), r.Log)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &partition.Partition{Store: st, Output: partition.Output{Output: out}}, nil
}

// Inputs are the logs, as the engine reads them.
func (r *Replay) Inputs() []engine.Input {
	inputs := make([]engine.Input, events.Kinds)
	for k, log := range r.logs {
		kind := events.Kind(k)
		name := kind.String() + "s"
		if len(log.paths) == 1 {
			name = inputName(kind, log.paths[0])
		}
		inputs[k] = engine.Input{Name: name, Kinds: []events.Kind{kind}, First: 1}
		inputs[k].Open = func(context.Context, events.Position) (engine.Source, error) { return log, nil }
	}
	return inputs
}

// Watch shows how far a replay is until the function it returns is called.
func (r *Replay) Watch(e *engine.Engine) (stop func()) {
	return terminal.WatchProgress(r.Talk, func() (string, float64) {
		l, share := e.Stats().Progress.Ledger, r.share()
		return fmt.Sprintf("read %d requests and %d outcomes, %.0f%% of the files",
			l.Kinds[events.KindRequest].Read, l.Kinds[events.KindOutcome].Read, 100*share), share
	})
}

// share is how much of the files has been read, from 0 to 1.
func (r *Replay) share() float64 {
	var read, size int64
	for _, log := range r.logs {
		n, of := log.Progress()
		read, size = read+n, size+of
	}
	if size == 0 {
		return 0
	}
	return float64(read) / float64(size)
}

// gapsOf is what was declared for an output; an empty dir has no gaps.
func gapsOf(dir string) ([]events.Gap, error) {
	if dir == "" {
		return nil, nil
	}
	archive, err := export.OpenArchive(vfs.Default, dir, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &terminal.UsageError{Err: fmt.Errorf("--gaps-of %s: there is no output: %w", dir, err)}
	}
	if err != nil {
		return nil, err
	}
	gaps, err := archive.Gaps()
	if err != nil {
		return nil, fmt.Errorf("--gaps-of %s: %w", dir, err)
	}
	return gaps, nil
}
