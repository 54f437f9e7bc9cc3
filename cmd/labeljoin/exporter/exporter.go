// Package exporter exports days when a person asks for them, and lists the days there are.
package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/shards"
)

// Exporting is one run of the command.
type Exporting struct {
	Config       *config.Config
	From         string // the output
	Opts         shards.Options
	days         []events.Time
	Wait, DryRun bool
	Allow        bool // export a day although it has anomalies
	Out, Talk    io.Writer

	toldLabels bool
	exporter   *shards.Exporter // holds the export's lock; nil before the first day and while the command waits
}

// ReadDays lists the days from one to another.
func (r *Exporting) ReadDays(from, to string) error {
	first, err := events.ParseDay(from)
	if err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("--date %w", err)}
	}
	last := first
	if to != "" {
		if last, err = events.ParseDay(to); err != nil {
			return &terminal.UsageError{Err: fmt.Errorf("--to %w", err)}
		}
	}
	const most = 3650
	switch n := last.Std().Sub(first.Std())/(24*time.Hour) + 1; {
	case n < 1:
		return &terminal.UsageError{Err: fmt.Errorf("--to %s is before --date %s", to, from)}
	case n > most:
		return &terminal.UsageError{Err: fmt.Errorf("--date %s --to %s are %d days: at most %d are exported at once", from,
			to, n, most)}
	}
	for day := first.Std().Truncate(24 * time.Hour); !day.After(last.Std()); day = day.AddDate(0, 0, 1) {
		r.days = append(r.days, max(events.At(day), first))
	}
	return nil
}

// PrintLoader prints the lines of Python with which a reader reads the export. A reader that is not
// known is an error of usage.
func (r *Exporting) PrintLoader(reader string) error {
	exported, err := shards.ExportedBy(r.Opts, shards.Store{Endpoint: r.Config.S3.Endpoint, Region: r.Config.S3.Region})
	if err != nil {
		return err
	}
	text, err := exported.Loader(reader)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	_, err = io.WriteString(r.Out, text)
	return err
}

// Run exports the days, and prints a line for each.
func (r *Exporting) Run(ctx context.Context) (err error) {
	archive, err := OpenArchive(ctx, r.Config, r.From)
	if err != nil {
		return r.hint(err)
	}
	if r.DryRun {
		return r.tell(archive)
	}
	defer partition.TuneGC()()
	line, start := terminal.NewProgress(r.Talk), time.Now()
	defer line.End()
	day := 0
	r.Opts.Created = start
	r.Opts.Progress = func(done float64) {
		share := (float64(day) + done) / float64(len(r.days))
		left := time.Duration(float64(time.Since(start)) * (1 - share) / max(share, 1e-6))
		line.Show(fmt.Sprintf("%s: %.0f%%", shards.DayName(r.days[day]), 100*done), left)
	}
	if g := exports.GateOf(r.Config, r.From, archive, r.Allow); g != nil {
		r.Opts.Review = g.Begin
	}
	defer func() { err = errors.Join(err, r.release()) }()
	empty := emptyDays{say: func(text string) { fmt.Fprintln(r.Talk, text) }}
	for ; day < len(r.days); day++ {
		result, err := r.export(ctx, archive, r.days[day])
		line.End()
		if _, none := errors.AsType[*shards.NoDayError](err); none && empty.add(r.days[day]) < len(r.days) {
			continue
		}
		if err != nil {
			return r.hint(err)
		}
		empty.tell()
		if _, err := fmt.Fprintln(r.Out, exportLine(&result, r.Opts.Root(), r.Opts.ConfigHash)); err != nil {
			return err
		}
	}
	empty.tell()
	return nil
}

// emptyDays are days after each other of which there are no rows: they are told together.
type emptyDays struct {
	say         func(text string)
	first, last events.Time
	untold, all int // how many days
}

// add adds the next day, and says how many there were so far.
func (e *emptyDays) add(day events.Time) int {
	if e.untold == 0 {
		e.first = day
	}
	e.last = day
	e.untold++
	e.all++
	return e.all
}

// tell tells the days that were added since the last time.
func (e *emptyDays) tell() {
	if e.untold == 0 {
		return
	}
	days := shards.DayName(e.first)
	if e.untold > 1 {
		days += " to " + shards.DayName(e.last)
	}
	e.untold = 0
	e.say(days + ": there are no rows")
}

// tellOtherLabels says once which labels of the output are left out.
func (r *Exporting) tellOtherLabels(table *export.Table) {
	other := shards.OtherLabels(table, r.Opts.Rules)
	if len(other) == 0 || r.toldLabels {
		return
	}
	r.toldLabels = true
	fmt.Fprintf(r.Talk, "left out, because the configuration does not have them: the labels %s of the output\n",
		strings.Join(other, ", "))
}

// hint adds the way out to errors of the machine.
func (r *Exporting) hint(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the user that exports reads all of the output and writes the export: give it these rights, or run as the user of the joiner",
			err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: nothing was published; an export needs room for the day's files twice, once before compression, while it sorts: make room, or name another disk with --out or export.dir",
			err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: export.dir and --out name a folder", err)
	}
	return err
}

// lookAgainAfter is how long to wait before a day is looked at again.
const lookAgainAfter = 5 * time.Second

// export exports a day, and waits for it if that is wished. Meanwhile others may export.
func (r *Exporting) export(ctx context.Context, archive *export.Archive, day events.Time) (shards.Result, error) {
	said := ""
	for {
		table, err := archive.Table()
		if err != nil {
			return shards.Result{}, err
		}
		r.tellOtherLabels(table)
		result, err := r.attempt(ctx, archive, table, day)
		if again, gone := errors.AsType[*shards.GoneFileError](err); gone {
			now, err := archive.Table()
			if err != nil {
				return result, err
			}
			if now.LastHash != table.LastHash { // files were merged, or days ended, since the table was read
				continue
			}
			return result, again
		}
		kind := r.waitsFor(err, table, day)
		if kind == "" {
			return result, err
		}
		if err := r.release(); err != nil {
			return result, err
		}
		if kind != said {
			fmt.Fprintf(r.Talk, "waiting: %v\n", err)
			said = kind
		}
		select {
		case <-ctx.Done():
			return result, context.Cause(ctx)
		case <-time.After(lookAgainAfter):
		}
	}
}

// attempt exports a day as it is now.
func (r *Exporting) attempt(ctx context.Context, archive *export.Archive, table *export.Table,
	day events.Time) (result shards.Result, err error) {
	if r.exporter == nil {
		if r.exporter, err = shards.New(archive, r.Opts); err != nil {
			return result, err
		}
	}
	result, err = r.exporter.Day(ctx, table, day)
	if notReady, waits := errors.AsType[*shards.NotReadyError](err); waits {
		notReady.Now = events.At(time.Now())
	}
	return result, err
}

// release lets others export.
func (r *Exporting) release() error {
	if r.exporter == nil {
		return nil
	}
	err := r.exporter.Close()
	r.exporter = nil
	return err
}

// waitsFor is what --wait waits for after an error, so that it is said once, and once more when a day is overdue.
// Empty: it does not wait.
func (r *Exporting) waitsFor(err error, table *export.Table, day events.Time) string {
	if !r.Wait {
		return ""
	}
	if notReady, ok := errors.AsType[*shards.NotReadyError](err); ok && !notReady.Ended {
		return fmt.Sprint("the day, overdue: ", notReady.Overdue(notReady.Now))
	}
	_, absent := errors.AsType[*shards.NoDayError](err)
	if absent && !shards.ReadinessOf(&table.Last, nil, r.Opts.Rules, day, r.Opts.Settled).Ready {
		return "rows of the day"
	}
	if _, locked := errors.AsType[*shards.LockedError](err); locked {
		return "another process that exports"
	}
	return ""
}

// OpenArchive opens the output that is read.
func OpenArchive(ctx context.Context, cfg *config.Config, dir string) (*export.Archive, error) {
	rows, err := place.Of(ctx, cfg, dir)
	if err != nil {
		return nil, err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &terminal.UsageError{Err: fmt.Errorf("there is no output at %s: give --config or --from", dir)}
	}
	if err != nil {
		return nil, err
	}
	return archive, archive.Begun()
}

// exportLine is what became of a day, in a line. config is the hash of the configuration.
func exportLine(r *shards.Result, root, config string) string {
	m := r.Manifest
	where := strings.TrimSuffix(root, "/") + "/dt=" + r.Day + "/" + r.Version.String()
	if !r.Made {
		line := fmt.Sprintf("%s is exported already: %s in %s", r.Day, terminal.Count(m.Counts.Written, "row"), where)
		if r.Stale {
			line += "; rows, or how they are exported, have changed since: --refresh makes another version"
		}
		return line
	}
	line := fmt.Sprintf("%s: %s in %s of %s", r.Day, terminal.Count(m.Counts.Written, "row"),
		terminal.Count(len(m.Files), "file"), where)
	if n := m.Counts.Provisional; n > 0 {
		line += fmt.Sprintf("; %d of them with provisional labels", n)
	}
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
		{m.Counts.Replaced, "replaced by a later revision"}, {m.Counts.Moved, "moved to another day"}, {m.Counts.Withdrawn,
			"withdrawn"},
		{m.Counts.Gap, "in a gap"}, {m.Counts.Open, "unfinished"}, {m.Counts.Sampled, "sampled out"},
	} {
		if left.n > 0 {
			line += fmt.Sprintf("; %d %s", left.n, left.what)
		}
	}
	if other := slices.DeleteFunc(slices.Clone(m.Source.RulesHashes),
		func(h string) bool { return h == config }); len(other) > 0 {
		line += "; some rows were decided by another configuration, as rules_hashes in the manifest says"
	}
	if m.Anomalies > 0 {
		line += fmt.Sprintf("; with %s, allowed all the same", schema.CountText(m.Anomalies))
	}
	return line
}

// tell says what would be done.
func (r *Exporting) tell(archive *export.Archive) error {
	table, err := archive.Table()
	if err != nil {
		return r.hint(err)
	}
	if err := shards.CheckLabels(table, r.Opts.Rules); err != nil {
		return err
	}
	r.tellOtherLabels(table)
	listed, err := shards.List(table, r.Opts)
	if err != nil {
		return err
	}
	w := &terminal.LineWriter{To: r.Out}
	empty := emptyDays{say: func(text string) { w.Line("%s", text) }}
	for _, day := range r.days {
		at := slices.IndexFunc(listed, func(d shards.ListedDay) bool { return d.Start == day })
		if at < 0 {
			empty.add(day)
			continue
		}
		empty.tell()
		switch name := shards.DayName(day); {
		case !listed[at].Ready && !r.Opts.Partial:
			w.Line("%v", &shards.NotReadyError{Day: name, Readiness: listed[at].Readiness, Settled: r.Opts.Settled,
				Now: events.At(time.Now())})
		case listed[at].Version.Number > 0 && !r.Opts.Refresh:
			w.Line("%s: %s, of %s of the output; it is exported already, as %s", name,
				terminal.Count(listed[at].Rows, "row"), terminal.Count(listed[at].Files, "file"), listed[at].Version)
		default:
			w.Line("%s: %s, of %s of the output, would be exported to %s", name, terminal.Count(listed[at].Rows, "row"),
				terminal.Count(listed[at].Files, "file"), r.Opts.Root())
		}
	}
	empty.tell()
	return w.Err
}
