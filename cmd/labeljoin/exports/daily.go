// Package exports says how a configuration wants days exported, and exports each day by itself once it is complete.
package exports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner"
)

// How often the running joiner looks whether a day is complete, and how long it waits
// after an export that did not work.
const (
	lookDaily = 10 * time.Second
	restDaily = 5 * time.Minute
)

// Daily exports days by itself as they are complete. Whatever happens to an export, the
// joiner goes on.
type Daily struct {
	cfg  *config.Config
	Opts shards.Options
	log  *slog.Logger
	part int // the partition

	mu    sync.Mutex
	state Status
	due   events.Time // when the oldest day that is not exported should be; 0: there is none

	oldest *shards.ListedDay // that is not exported, as it was found; nil: there was none
	listed uint64            // the newest commit when the days were listed
	seen   events.Time       // when the next day can be complete
	held   held
}

// held is a day that was refused. It is looked at again when its rows or the schema have changed.
type held struct {
	day string // empty: none is held
	of  string // the hash of what the refusal was about
	err error
}

// Status is what the status says of daily exports.
type Status struct {
	Exported int64  `json:"exported"`            // versions made since the start
	Failed   int64  `json:"failed"`              // attempts that did not work since the start
	Last     string `json:"last,omitempty"`      // the day that was exported last since the start
	Pending  string `json:"pending,omitempty"`   // the oldest day that is not exported
	Due      string `json:"due,omitempty"`       // when it should be
	Waits    string `json:"waits_for,omitempty"` // which events it waits for, if it is not complete
	Problem  string `json:"problem,omitempty"`   // why the last attempt did not work
	Held     string `json:"held,omitempty"`      // the day that was refused, at which exports wait
}

// NewDaily exports what the numbered partition wrote. It is nil where no daily exports are configured.
func NewDaily(c *config.Config, number int, log *slog.Logger) (*Daily, error) {
	if c.Export.Daily == nil {
		return nil, nil
	}
	opts, err := OptionsOf(c)
	opts.Workers = 1 // the joiner goes first
	return &Daily{cfg: c, Opts: opts, part: number, log: log, seen: events.MinTime}, err
}

// Due is one that has a day to export since a time, for tests of its metrics.
func Due(since events.Time) *Daily { return &Daily{due: since} }

// Watch exports until ctx ends.
func (d *Daily) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		rest := lookDaily
		err := d.Look(ctx)
		if _, refused := errors.AsType[*review.AnomaliesError](err); refused {
			rest = restDaily // it has been said, and a person has to see to it
		} else if err != nil && ctx.Err() == nil {
			rest = restDaily
			d.log.Error("a day was not exported; it is tried again", "day", d.Status().Pending, "error", err, "after", rest)
			d.note(func(s *Status) { s.Failed++; s.Problem = err.Error() })
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

func (d *Daily) note(change func(*Status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
}

// Status is how things stand; nil where no exports are configured.
func (d *Daily) Status() *Status {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	return &s
}

// Look exports the days that are complete and were not looked at. Only when another day may be
// complete, or the first rows of a day may have come, does it read more than the newest manifest.
// Its clock is the output's: how far the newest commit has closed requests.
func (d *Daily) Look(ctx context.Context) error {
	_, archive, last, err := newest(ctx, d.cfg, d.part)
	if err != nil || last == nil {
		return err
	}
	after := d.cfg.Export.Daily.After.Std()
	until := shards.CompleteThrough(last, d.Opts.Rules, d.Opts.Settled).Add(-after)
	if until < d.seen && (d.oldest != nil && d.oldest.Gap == 0 || d.listed == last.Number) {
		if waits, err := d.stillPends(archive, last); waits || err != nil {
			return err
		}
	}
	table, err := archive.Table()
	if err != nil {
		return err
	}
	if err := Place(ctx, d.cfg, &d.Opts); err != nil {
		return err
	}
	listed, err := shards.List(table, d.Opts)
	if err != nil {
		return err
	}
	d.pends(nil)
	for i := range listed {
		day := &listed[i]
		if day.Exported {
			if d.held.day == day.Day { // a person has exported it
				d.held = held{}
				d.note(func(s *Status) { s.Held, s.Problem = "", "" })
			}
			continue
		}
		d.pends(day)
		if !day.Ready || day.Start.Add(24*time.Hour) > until {
			break
		}
		if err := d.exportUnlessHeld(ctx, archive, table, day); err != nil {
			return err
		}
		d.pends(nil)
	}
	d.listed, d.seen = last.Number, shards.NextDay(until)
	return nil
}

// stillPends says of the oldest day that is not exported what the newest commit says of it, and the
// gaps that were declared since. It does not wait any more if it waited for a gap that was taken back.
func (d *Daily) stillPends(archive *export.Archive, last *joiner.Cut) (waits bool, err error) {
	if d.oldest == nil {
		return true, nil
	}
	untaken, err := archive.Untaken(last)
	if err != nil {
		return false, err
	}
	day := *d.oldest
	day.Readiness = shards.ReadinessOf(last, untaken, d.Opts.Rules, day.Start, d.Opts.Settled)
	if d.oldest.Gap != 0 && day.Ready {
		return false, nil
	}
	d.pends(&day)
	return true, nil
}

// pends says which day is the oldest that is not exported; nil: there is none.
func (d *Daily) pends(day *shards.ListedDay) {
	d.oldest = day
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Pending, d.state.Due, d.state.Waits, d.due = "", "", "", 0
	if day != nil {
		d.due = day.Expected.Add(d.cfg.Export.Daily.After.Std())
		d.state.Pending, d.state.Due = day.Day, d.due.String()
		if !day.Ready && !day.Ended {
			d.state.Waits = day.Waits()
		}
	}
}

// exportUnlessHeld exports a day. One that was refused is refused again without another look, unless
// its rows or the schema have changed.
func (d *Daily) exportUnlessHeld(ctx context.Context, archive *export.Archive, table *export.Table,
	day *shards.ListedDay) error {
	of := d.refusalOf(table, day.Day)
	if d.held.day == day.Day && d.held.of == of {
		return d.held.err
	}
	err := d.export(ctx, archive, table, day)
	if refusal, refused := errors.AsType[*review.AnomaliesError](err); refused {
		d.held = held{day.Day, of, err}
		d.log.Error("a day is not exported, because it is not as it should be; exports wait at it", "day", day.Day,
			"anomalies", refusal.Count, "report", refusal.Page, "error", err)
		d.note(func(s *Status) { s.Held, s.Problem = day.Day, err.Error() })
	}
	return err
}

// refusalOf is the hash of what a refusal of a day is about: its files and the schema.
func (d *Daily) refusalOf(table *export.Table, day string) string {
	sum := sha256.New()
	for i := range table.Files {
		if f := &table.Files[i]; f.Day() == day {
			fmt.Fprintln(sum, f.Path, f.SHA256)
		}
	}
	if v := d.cfg.Export.Validate; v != nil && v.Schema != "" {
		text, err := os.ReadFile(v.Schema)
		fmt.Fprintf(sum, "%q %v", text, err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// export exports a day. One whose files were deleted is left out.
func (d *Daily) export(ctx context.Context, archive *export.Archive, table *export.Table,
	day *shards.ListedDay) (err error) {
	opts := d.Opts
	opts.Created = time.Now()
	opts.Refresh = day.Foreign // what is there has other rows, such as those of a joiner before this one
	if g := GateOf(d.cfg, d.cfg.Output.Dir, archive, false); g != nil {
		opts.Review = g.Begin
	}
	e, err := shards.New(archive, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	result, err := e.Day(ctx, table, day.Start)
	if errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("a day is not exported, because files of it were deleted", "day", day.Day, "error", err)
		return nil
	}
	if err != nil || !result.Made {
		return err
	}
	c := &result.Manifest.Counts
	d.log.Info("exported", "day", day.Day, "version", result.Version.String(), "rows", c.Written, "left_out",
		c.Read-c.Written, "files", len(result.Manifest.Files))
	d.held = held{}
	d.note(func(s *Status) { s.Exported++; s.Last, s.Problem, s.Held = day.Day, "", "" })
	return nil
}

// String says it in words.
func (s *Status) String() string {
	text := terminal.Count(s.Exported, "day") + " since the start"
	if s.Last != "" {
		text += ", the last " + s.Last
	}
	if s.Pending != "" {
		text += fmt.Sprintf("; %s is the oldest that is not exported, and is due at %s", s.Pending, s.Due)
	}
	if s.Waits != "" {
		text += ", and waits for " + s.Waits
	}
	if s.Held != "" {
		return text + "; " + s.Problem
	}
	if s.Problem != "" {
		text += "; the last attempt did not work: " + s.Problem
	}
	return text
}

// Metrics are the metrics of daily exports.
type Metrics struct{ exported, failed, due, held *prometheus.Desc }

// NewDailyMetrics describes the metrics of daily exports.
func NewDailyMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) Metrics {
	return Metrics{
		exported: describe("exported_days_total", "Days exported since the start."),
		failed:   describe("export_failures_total", "Exports since the start that did not work; they are tried again."),
		due: describe("export_due_timestamp_seconds",
			"When the oldest day that is not exported should be, as Unix time; missing if there is none."),
		held: describe("export_held", "1 while daily exports wait at a day that was refused because of its anomalies."),
	}
}

// Collect reports the metrics; nothing where no daily exports are configured.
func (m *Metrics) Collect(d *Daily, gauge, counter func(*prometheus.Desc, float64, ...string)) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	counter(m.exported, float64(d.state.Exported))
	counter(m.failed, float64(d.state.Failed))
	held := 0.0
	if d.state.Held != "" {
		held = 1
	}
	gauge(m.held, held)
	if d.due != 0 {
		gauge(m.due, float64(d.due)/1e9)
	}
}
