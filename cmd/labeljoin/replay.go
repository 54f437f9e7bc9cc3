package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/logfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "join logs that are already there: JSON Lines files, .gz and .zst too",
		Description: "The same core as `run`, over files. Everything is read before anything closes, so no row is\n" +
			"late and none is written twice. A request whose window reaches past the last outcome gets null\n" +
			"labels, since nothing says what came later; --complete says that nothing did.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: defaultConfigPath, Usage: "the configuration `FILE`: its join, labels and features count"},
			&cli.StringFlag{Name: "requests", Usage: "the requests' `FILE` (required)"},
			&cli.StringFlag{Name: "outcomes", Usage: "the outcomes' `FILE` (required)"},
			&cli.StringFlag{Name: "out", Usage: "write to `DIR` instead of output.dir; it must not hold commits yet"},
			&cli.StringFlag{Name: "gaps-of", Usage: "the gaps that were declared for the output `DIR` count"},
			&cli.BoolFlag{Name: "complete", Usage: "the logs are whole: nothing is missing after their end"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			for _, flag := range []string{"requests", "outcomes"} {
				if c.String(flag) == "" {
					return &usageError{fmt.Errorf("replay needs --%s FILE", flag)}
				}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			r := replay{
				cfg: cfg, log: newLog(cfg.Log, c.App.ErrWriter), talk: c.App.ErrWriter, complete: c.Bool("complete"),
				files: [events.Kinds]string{c.String("requests"), c.String("outcomes")},
				out:   cfg.Output.Dir, gapsOf: c.String("gaps-of"),
			}
			if c.IsSet("out") {
				r.out = c.String("out")
			}
			return r.run(c.Context)
		},
	}
}

// replay is one run of the command.
type replay struct {
	cfg      *config.Config
	log      *slog.Logger
	talk     io.Writer // for the summary
	files    [events.Kinds]string
	out      string
	complete bool
	gapsOf   string                                       // an output whose gaps count; empty: none do
	sources  [events.Kinds]atomic.Pointer[logfile.Source] // for the progress line
}

// run joins the files into out. What it keeps meanwhile goes when it is done.
func (r *replay) run(ctx context.Context) (err error) {
	defer tuneGC()()
	rules, err := wire.Rules(r.cfg)
	if err != nil {
		return err
	}
	// Nothing is forgotten while the log is read, so nothing is an orphan that
	// has its request anywhere in it.
	rules.Corrections = math.MaxInt64
	if rules.Gaps, err = gapsOf(r.gapsOf); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return fmt.Errorf("making the output directory: %w", err)
	}
	scratch := filepath.Join(r.out, "_replay")
	if err := os.RemoveAll(scratch); err != nil {
		return fmt.Errorf("removing what an interrupted replay left: %w", err)
	}
	p, err := openPlace(vfs.Default, r.cfg, &rules, scratch, r.out, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(), os.RemoveAll(scratch)) }()
	if _, receipt, ok := p.output.Last(); ok {
		return &usageError{fmt.Errorf("%s holds %d commits already: give --out a directory of its own", r.out, receipt.Number)}
	}
	o, err := engineOptions(r.cfg, rules, p, r.log)
	if err != nil {
		return err
	}
	o.Replay = &engine.Replay{Complete: r.complete}
	o.Inputs = r.inputs()
	e := engine.New(o)
	watched := r.watch(e)
	err = e.Run(ctx)
	watched()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("stopped before the end of the logs: nothing was written")
	}
	last, _, _ := p.output.Last()
	printLedger(r.talk, &last.Progress.Ledger)
	_, err = fmt.Fprintf(r.talk, "\nrows are in %s\n", filepath.Join(r.out, "data"))
	return err
}

func (r *replay) inputs() []engine.Input {
	inputs := make([]engine.Input, events.Kinds)
	for k, path := range r.files {
		kind := events.Kind(k)
		inputs[k] = engine.Input{Name: kind.String() + "s:" + filepath.Base(path), Kinds: []events.Kind{kind}, First: 1}
		inputs[k].Open = func(_ context.Context, from joiner.Position) (engine.Source, error) {
			source, err := logfile.Open(path, kind, uint8(k), from.Next)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, &usageError{err}
			}
			if err != nil {
				return nil, err
			}
			r.sources[k].Store(source)
			return source, nil
		}
	}
	return inputs
}

// watch shows how far a replay is until the function it returns is called.
func (r *replay) watch(e *engine.Engine) (stop func()) {
	return watchProgress(r.talk, func() (string, float64) {
		l, share := e.Stats().Progress.Ledger, r.share()
		return fmt.Sprintf("read %d requests and %d outcomes, %.0f%% of the files",
			l.Kinds[events.KindRequest].Read, l.Kinds[events.KindOutcome].Read, 100*share), share
	})
}

// share is how much of the files has been read, from 0 to 1.
func (r *replay) share() float64 {
	var read, size int64
	for k := range r.sources {
		if source := r.sources[k].Load(); source != nil {
			n, of := source.Progress()
			read, size = read+n, size+of
		}
	}
	if size == 0 {
		return 0
	}
	return float64(read) / float64(size)
}
