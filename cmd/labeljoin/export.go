package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/shards"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		ArgsUsage: argsConfig,
		Usage:     "write whole days as training data: settled, shuffled, split and versioned",
		Description: "A day is exported when it is complete: every window has ended and, by export.settle, no correction\n" +
			"can change it any more. It may run beside the joiner, after it, and on an output of `replay` (--from).\n" +
			"What is there already stays; --refresh makes another version where rows have changed.\n\n" +
			"Examples:\n  labeljoin export --date 2026-11-21\n" +
			"  labeljoin export --date 2026-11-21 --to 2026-11-27 --wait\n" +
			"  labeljoin export --print-loader pandas",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "date", Usage: "the UTC `DAY` to export, like 2026-11-21"},
			&cli.StringFlag{Name: "to", Usage: "the last `DAY`, where there are several"},
			&cli.StringFlag{Name: "from", Usage: "the output `DIR` to read, instead of the configuration's"},
			&cli.StringFlag{Name: "out", Usage: "write to `DIR` instead of export.dir"},
			&cli.StringFlag{Name: "format", Usage: "parquet or tfrecord, instead of export.format"},
			&cli.IntFlag{Name: "shards", Usage: "`N` files of each split, instead of export.shards"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and write nothing"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until the day is complete"},
			&cli.BoolFlag{Name: "partial", Usage: "export what is decided of a day that is not complete; its version is called partial"},
			&cli.BoolFlag{Name: "refresh", Usage: "make another version if the day's rows, or how they are exported, have changed"},
			&cli.StringFlag{Name: "print-loader", Usage: "print the Python lines that read the export: torch, tf, pandas, polars or spark"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			r := exporting{cfg: cfg, from: cfg.Output.Dir, wait: c.Bool("wait"), dry: c.Bool("dry-run"), out: c.App.Writer, talk: c.App.ErrWriter}
			if c.IsSet("from") {
				r.from = c.String("from")
			}
			if err := r.readFlags(c); err != nil {
				return err
			}
			if c.IsSet("print-loader") {
				return r.printLoader(c.String("print-loader"))
			}
			return r.run(c.Context)
		},
	}
}

// exporting is one run of the command.
type exporting struct {
	cfg       *config.Config
	from      string // the output
	opts      shards.Options
	days      []events.Time
	wait, dry bool
	out, talk io.Writer
}

// readFlags makes the options of what the configuration and the command line say.
func (r *exporting) readFlags(c *cli.Context) (err error) {
	cfg := *r.cfg
	if c.IsSet("format") {
		if cfg.Export.Format = config.ExportFormat(c.String("format")); cfg.Export.Format == "" {
			return &usageError{errors.New("--format is parquet or tfrecord")}
		}
	}
	if c.IsSet("shards") {
		cfg.Export.Shards = int64(c.Int("shards"))
	}
	if c.IsSet("out") {
		if cfg.Export.Dir, err = filepath.Abs(c.String("out")); err != nil {
			return err
		}
	}
	if err := errors.Join(cfg.Validate(), cfg.ExportProblems()); err != nil {
		return err
	}
	if r.opts, err = exportOptions(&cfg); err != nil {
		return err
	}
	r.opts.Partial, r.opts.Refresh = c.Bool("partial"), c.Bool("refresh")
	if c.IsSet("print-loader") {
		return nil
	}
	if err := required(c, "date"); err != nil {
		return err
	}
	return r.readDays(c.String("date"), c.String("to"))
}

// readDays lists the days from one to another.
func (r *exporting) readDays(from, to string) error {
	first, err := shards.ParseDay(from)
	if err != nil {
		return &usageError{fmt.Errorf("--date %w", err)}
	}
	last := first
	if to != "" {
		if last, err = shards.ParseDay(to); err != nil {
			return &usageError{fmt.Errorf("--to %w", err)}
		}
	}
	const most = 3650
	switch n := last.Std().Sub(first.Std())/(24*time.Hour) + 1; {
	case n < 1:
		return &usageError{fmt.Errorf("--to %s is before --date %s", to, from)}
	case n > most:
		return &usageError{fmt.Errorf("--date %s --to %s are %d days: at most %d are exported at once", from, to, n, most)}
	}
	for day := first; day <= last; day = day.Add(24 * time.Hour) {
		r.days = append(r.days, day)
	}
	return nil
}

// exportOptions is what the configuration says of exports.
func exportOptions(c *config.Config) (shards.Options, error) {
	rules, err := wire.Rules(c)
	if err != nil {
		return shards.Options{}, err
	}
	e := &c.Export
	return shards.Options{
		FS: vfs.Default, Out: e.Dir, Name: exportName(c), Rules: &rules, Settled: e.Settle == config.ExportSettleCorrections,
		Format: shards.Format(e.Format), Shards: int(e.Shards), ShardBytes: int64(e.ShardSize), GroupBytes: int64(e.RowGroupSize), Seed: e.Seed,
		Splits:   shards.Splits{By: shards.SplitBy(e.Split.By), Column: e.Split.Column, Salt: e.Split.Salt, Eval: e.Split.Eval, Test: e.Split.Test},
		Sampling: shards.Sampling{Negatives: e.Sample.Negatives, Label: e.Sample.Label},
		Revision: slices.Contains(e.Include, config.ExportRevision), Reason: slices.Contains(e.Include, config.ExportReason),
		LabelTimes: slices.Contains(e.Include, config.ExportLabelTS), Exclude: e.Exclude,
		ConfigHash: c.Fingerprint(), Config: string(c.Print()), Version: versionText(), Workers: runtime.GOMAXPROCS(0),
	}, nil
}

// exportName is the folder of an export. One of another format has another, so that a
// reader of one format meets no version of another.
func exportName(c *config.Config) string {
	if c.Export.Format == config.ExportTFRecord {
		return c.ExportName() + "-tfrecord"
	}
	return c.ExportName()
}

func (r *exporting) printLoader(reader string) error {
	labels := make([]string, len(r.cfg.Labels))
	for i := range labels {
		labels[i] = r.cfg.Labels[i].Name
	}
	text, err := shards.Loader(reader, filepath.Join(r.opts.Out, r.opts.Name), r.opts.Format, labels)
	if err != nil {
		return &usageError{err}
	}
	_, err = io.WriteString(r.out, text)
	return err
}

func (r *exporting) run(ctx context.Context) (err error) {
	archive, err := openForExport(r.from)
	if err != nil {
		return err
	}
	if r.dry {
		return r.tell(archive)
	}
	defer tuneGC()()
	line, start := newProgress(r.talk), time.Now()
	defer line.end()
	day := 0
	r.opts.Created = start
	r.opts.Progress = func(done float64) {
		share := (float64(day) + done) / float64(len(r.days))
		left := time.Duration(float64(time.Since(start)) * (1 - share) / max(share, 1e-6))
		line.show(fmt.Sprintf("%s: %.0f%%", shards.DayName(r.days[day]), 100*done), left)
	}
	e, err := shards.New(archive, r.opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for ; day < len(r.days); day++ {
		result, err := r.export(ctx, archive, e, r.days[day])
		if err != nil {
			return err
		}
		line.end()
		if _, err := fmt.Fprintln(r.out, exportLine(&result, e.Root())); err != nil {
			return err
		}
	}
	return nil
}

// exportPatience is how long to wait before a day is looked at again.
const exportPatience = 5 * time.Second

// export exports a day, and waits for it if that is wished.
func (r *exporting) export(ctx context.Context, archive *export.Archive, e *shards.Exporter, day events.Time) (shards.Result, error) {
	for waited := false; ; waited = true {
		table, err := archive.Table()
		if err != nil {
			return shards.Result{}, err
		}
		result, err := e.Day(ctx, table, day)
		notReady, waits := errors.AsType[*shards.NotReadyError](err)
		_, absent := errors.AsType[*shards.NoDayError](err)
		absent = absent && !shards.ReadinessOf(&table.Last, r.opts.Rules, day, r.opts.Settled).Ready
		if !r.wait || !waits && !absent || waits && notReady.Ended {
			return result, err
		}
		if !waited {
			fmt.Fprintf(r.talk, "waiting: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return result, context.Cause(ctx)
		case <-time.After(exportPatience):
		}
	}
}

// openForExport opens the output that is read.
func openForExport(dir string) (*export.Archive, error) {
	archive, err := export.OpenArchive(vfs.Default, dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &usageError{fmt.Errorf("there is no output at %s: give --config or --from", dir)}
	}
	return archive, err
}

// exportLine is what became of a day, in a line.
func exportLine(r *shards.Result, root string) string {
	m := r.Manifest
	where := filepath.Join(root, "dt="+r.Day, r.Version.String())
	if !r.Made {
		line := fmt.Sprintf("%s is exported already: %d rows in %s", r.Day, m.Counts.Written, where)
		if r.Stale {
			line += "; rows, or how they are exported, have changed since: --refresh makes another version"
		}
		return line
	}
	line := fmt.Sprintf("%s: %d rows in %d files of %s", r.Day, m.Counts.Written, len(m.Files), where)
	for _, s := range m.Splits {
		line += fmt.Sprintf("; %s %d", s.Name, s.Rows)
		for _, l := range s.Labels {
			line += fmt.Sprintf(", %d %s", l.Positive, l.Name)
		}
	}
	for _, left := range []struct {
		n    int64
		what string
	}{
		{m.Counts.Replaced, "replaced by a later revision"}, {m.Counts.Moved, "moved to another day"}, {m.Counts.Withdrawn, "withdrawn"},
		{m.Counts.Gap, "in a gap"}, {m.Counts.Open, "unfinished"}, {m.Counts.Sampled, "sampled out"},
	} {
		if left.n > 0 {
			line += fmt.Sprintf("; %d %s", left.n, left.what)
		}
	}
	return line
}

// tell says what would be done.
func (r *exporting) tell(archive *export.Archive) error {
	table, err := archive.Table()
	if err != nil {
		return err
	}
	listed, err := shards.List(table, r.opts)
	if err != nil {
		return err
	}
	w := &lineWriter{to: r.out}
	for _, day := range r.days {
		at := slices.IndexFunc(listed, func(d shards.ListedDay) bool { return d.Start == day })
		switch name := shards.DayName(day); {
		case at < 0:
			w.line("%s: there are no rows", name)
		case !listed[at].Ready && !r.opts.Partial:
			w.line("%v", &shards.NotReadyError{Day: name, Readiness: listed[at].Readiness, Settled: r.opts.Settled})
		case listed[at].Version.Number > 0 && !r.opts.Refresh:
			w.line("%s: %d rows in %d files; it is exported already, as %s", name, listed[at].Rows, listed[at].Files, listed[at].Version)
		default:
			w.line("%s: %d rows in %d files would be exported to %s", name, listed[at].Rows, listed[at].Files, filepath.Join(r.opts.Out, r.opts.Name))
		}
	}
	return w.err
}
