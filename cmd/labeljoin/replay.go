package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

func replayCommand() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "join logs that are already there: JSON Lines files, .gz and .zst too",
		Description: "The same core as `run`, over files. Everything is read before anything closes, so no row is\n" +
			"late and none is written twice. A request whose window reaches past the last outcome gets null\n" +
			"labels, since nothing says what came later; --complete says that nothing did.\n\n" +
			"--requests and --outcomes may be given more than once, for rotated logs, and a pattern in quotes\n" +
			"stands for its matches: --outcomes 'logs/outcomes-*.jsonl.gz'. The rows do not depend on the order.\n\n" +
			"It stops with 3, and writes nothing, where the logs are no evidence for negatives: too much of a\n" +
			"file is rejected, no outcome belongs to any request, or a file holds events of the other kind.\n\n" +
			"Example:\n  labeljoin replay --requests requests.jsonl --outcomes outcomes.jsonl --out replayed --complete",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: defaultConfigPath, Usage: "the configuration `FILE`: its join, labels and features count"},
			&cli.StringSliceFlag{Name: "requests", Usage: "a `FILE` of requests, or - for standard input; once for each file (required)"},
			&cli.StringSliceFlag{Name: "outcomes", Usage: "a `FILE` of outcomes; once for each file; /dev/null: there are none (required)"},
			&cli.StringFlag{Name: "out", Usage: "write to `DIR` instead of output.dir; it must not hold commits yet"},
			&cli.StringFlag{Name: "gaps-of", Usage: "the gaps that were declared for the output `DIR` count"},
			&cli.BoolFlag{Name: "complete", Usage: "the logs are whole: nothing is missing after their end"},
			&cli.StringFlag{Name: "max-rejected", Value: "1%", Usage: "stop if a larger `SHARE` of a file's lines is rejected"},
			&cli.BoolFlag{Name: "trust-logs", Usage: "write rows although no outcome belongs to any request, a log is empty, or requests look like outcomes"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			r := replay{talk: c.App.ErrWriter, complete: c.Bool("complete"), gapsOf: c.String("gaps-of"), trusted: c.Bool("trust-logs")}
			if err := r.readFlags(c); err != nil {
				return err
			}
			var err error
			if r.cfg, err = configOf(c); err != nil {
				return err
			}
			r.log, r.out = newLog(r.cfg.Log, c.App.ErrWriter), r.cfg.Output.Dir
			if c.IsSet("out") {
				r.out = c.String("out")
			}
			return r.run(c.Context)
		},
	}
}

// readFlags finds the files.
func (r *replay) readFlags(c *cli.Context) (err error) {
	if err := required(c, "requests", "outcomes"); err != nil {
		return err
	}
	for k, flag := range []string{"requests", "outcomes"} {
		if r.files[k], err = logPaths(flag, c.StringSlice(flag)); err != nil {
			return err
		}
	}
	if path, shared := sharedLog(r.files[events.KindRequest], r.files[events.KindOutcome]); shared {
		return &usageError{fmt.Errorf("%s is given as --requests and as --outcomes: each file holds one kind", path)}
	}
	if r.maxRejected, err = parseShare(c.String("max-rejected")); err != nil {
		return &usageError{fmt.Errorf("--max-rejected: %w", err)}
	}
	return nil
}

// replay is one run of the command.
type replay struct {
	cfg         *config.Config
	log         *slog.Logger
	talk        io.Writer // for the summary
	files       [events.Kinds][]string
	out         string
	complete    bool
	gapsOf      string // an output whose gaps count; empty: none do
	maxRejected float64
	trusted     bool // see evidence

	logs [events.Kinds]*logFiles
}

// run joins the files into out. What it keeps meanwhile goes when it is done.
func (r *replay) run(ctx context.Context) (err error) {
	defer tuneGC()()
	rules, err := wire.Rules(r.cfg)
	if err != nil {
		return err
	}
	if rules.Gaps, err = gapsOf(r.gapsOf); err != nil {
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
	defer func() { err = errors.Join(err, p.close(), os.RemoveAll(r.scratch())) }()
	o, err := engineOptions(r.cfg, rules, p, r.log)
	if err != nil {
		return err
	}
	o.Replay = &engine.Replay{Complete: r.complete, Check: seen.read}
	o.Refused = seen.refused
	o.Output = checkedOutput{Output: p.output, decided: seen.decided}
	o.Inputs = r.inputs()
	e := engine.New(o)
	watched := r.watch(e)
	err = e.Run(ctx)
	watched()
	if err != nil {
		return err
	}
	last, _, committed := p.output.Last()
	if !committed && ctx.Err() != nil {
		return errors.New("stopped before the end of the logs: nothing was written")
	}
	l := &last.Progress.Ledger
	if !committed {
		now := e.Stats().Progress.Ledger // there was nothing to commit
		l = &now
	}
	printLedger(r.talk, l)
	_, err = fmt.Fprintf(r.talk, "\nrows are in %s\n", filepath.Join(r.out, "data"))
	return err
}

// evidence looks at the beginnings of the files, and will look at the rest.
func (r *replay) evidence(ctx context.Context) (*evidence, error) {
	for k := range r.logs {
		r.logs[k] = openLogs(r.files[k], events.Kind(k), uint8(k))
	}
	v := &evidence{maxRejected: r.maxRejected, trusted: r.trusted, complete: r.complete, logs: r.logs, talk: r.talk}
	v.empty = len(r.files[events.KindOutcome]) == 1 && r.files[events.KindOutcome][0] == os.DevNull
	o, err := wire.Options(r.cfg, joiner.Rules{})
	if err != nil {
		return nil, err
	}
	v.decoders = o.Decoders
	for _, path := range r.files[events.KindRequest] {
		if holds, err := v.holdsOutcomes(ctx, path); err != nil {
			return nil, err
		} else if holds && !r.trusted {
			return nil, v.refuse("--requests %s holds outcomes: each of its first events has a type, and none has items, features, a model or a score", path)
		}
	}
	return v, nil
}

// scratch is where the state of the replay is, as long as it takes.
func (r *replay) scratch() string { return filepath.Join(r.out, "_replay") }

// open opens an output without commits, and a state. The lock on the output
// comes first: what another replay into it has there is still in use.
func (r *replay) open(rules *joiner.Rules) (*place, error) {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return nil, fmt.Errorf("making the output directory: %w", err)
	}
	out, err := openOutput(vfs.Default, r.cfg, rules, r.out, r.log)
	if err != nil {
		return nil, err
	}
	if _, receipt, ok := out.Last(); ok {
		err := &usageError{fmt.Errorf("%s holds %d commits already: give --out a directory of its own", r.out, receipt.Number)}
		return nil, errors.Join(err, out.Close())
	}
	if err := os.RemoveAll(r.scratch()); err != nil {
		return nil, errors.Join(fmt.Errorf("removing what an interrupted replay left: %w", err), out.Close())
	}
	st, err := openState(vfs.Default, r.cfg, r.scratch(), r.log)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &place{store: st, output: output{out}}, nil
}

func (r *replay) inputs() []engine.Input {
	inputs := make([]engine.Input, events.Kinds)
	for k, log := range r.logs {
		kind := events.Kind(k)
		name := kind.String() + "s"
		if len(log.paths) == 1 {
			name = inputName(kind, log.paths[0])
		}
		inputs[k] = engine.Input{Name: name, Kinds: []events.Kind{kind}, First: 1}
		inputs[k].Open = func(context.Context, joiner.Position) (engine.Source, error) { return log, nil }
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
	for _, log := range r.logs {
		n, of := log.Progress()
		read, size = read+n, size+of
	}
	if size == 0 {
		return 0
	}
	return float64(read) / float64(size)
}
