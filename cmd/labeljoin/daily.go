package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/shards"
)

// How often the running joiner looks whether a day is complete, and how long it waits
// after an export that did not work.
const (
	lookDaily = 10 * time.Second
	restDaily = 5 * time.Minute
)

// daily exports days by itself as they are complete. Whatever happens to an export, the
// joiner goes on.
type daily struct {
	cfg  *config.Config
	opts shards.Options
	log  *slog.Logger

	mu    sync.Mutex
	state dailyStatus
	due   events.Time // when the oldest day that is not exported should be; 0: there is none
	seen  events.Time // when the next day can be complete
}

// dailyStatus is what the status says of daily exports.
type dailyStatus struct {
	Exported int64  `json:"exported"`          // versions made since the start
	Failed   int64  `json:"failed"`            // attempts that did not work since the start
	Last     string `json:"last,omitempty"`    // the day that was exported last since the start
	Pending  string `json:"pending,omitempty"` // the oldest day that is not exported
	Due      string `json:"due,omitempty"`     // when it should be
	Problem  string `json:"problem,omitempty"` // why the last attempt did not work
}

// newDaily is nil where none are configured.
func newDaily(c *config.Config, log *slog.Logger) (*daily, error) {
	if c.Export.Daily == nil {
		return nil, nil
	}
	opts, err := exportOptions(c)
	opts.Workers = 1 // the joiner goes first
	return &daily{cfg: c, opts: opts, log: log, seen: events.MinTime}, err
}

// watch exports until ctx ends.
func (d *daily) watch(ctx context.Context) {
	for ctx.Err() == nil {
		rest := lookDaily
		if err := d.look(ctx); err != nil && ctx.Err() == nil {
			rest = restDaily
			d.log.Error("a day was not exported; it is tried again", "day", d.status().Pending, "error", err, "after", rest)
			d.note(func(s *dailyStatus) { s.Failed++; s.Problem = err.Error() })
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

func (d *daily) note(change func(*dailyStatus)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
}

// status is how things stand; nil where no exports are configured.
func (d *daily) status() *dailyStatus {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	return &s
}

// look exports the days that are complete and were not looked at. Only when another day
// may be complete does it read more than the newest manifest.
func (d *daily) look(ctx context.Context) error {
	archive, err := export.OpenArchive(vfs.Default, d.cfg.Output.Dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	last, ok, err := archive.Last()
	if err != nil || !ok {
		return err
	}
	after := d.cfg.Export.Daily.After.Std()
	until := shards.CompleteThrough(&last.Cut, d.opts.Rules, d.opts.Settled).Add(-after)
	if until < d.seen {
		return nil
	}
	table, err := archive.Table()
	if err != nil {
		return err
	}
	listed, err := shards.List(table, d.opts)
	if err != nil {
		return err
	}
	d.pends(nil)
	for i := range listed {
		day := &listed[i]
		if day.Version.Number > 0 && !day.Version.Partial {
			continue
		}
		d.pends(day)
		if !day.Ready || day.Start.Add(24*time.Hour) > until {
			break
		}
		if err := d.export(ctx, archive, table, day); err != nil {
			return err
		}
		d.pends(nil)
	}
	d.seen = shards.NextDay(until)
	return nil
}

// pends says which day is the oldest that is not exported; nil: there is none.
func (d *daily) pends(day *shards.ListedDay) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Pending, d.state.Due, d.due = "", "", 0
	if day != nil {
		d.due = day.Expected.Add(d.cfg.Export.Daily.After.Std())
		d.state.Pending, d.state.Due = day.Day, d.due.String()
	}
}

// export exports a day. One whose files were deleted is left out.
func (d *daily) export(ctx context.Context, archive *export.Archive, table *export.Table, day *shards.ListedDay) (err error) {
	opts := d.opts
	opts.Created = time.Now()
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
	d.log.Info("exported", "day", day.Day, "version", result.Version.String(), "rows", c.Written, "left_out", c.Read-c.Written, "files", len(result.Manifest.Files))
	d.note(func(s *dailyStatus) { s.Exported++; s.Last, s.Problem = day.Day, "" })
	return nil
}

// String says it in words.
func (s *dailyStatus) String() string {
	text := fmt.Sprintf("%d days since the start", s.Exported)
	if s.Last != "" {
		text += ", the last " + s.Last
	}
	if s.Pending != "" {
		text += fmt.Sprintf("; %s is the oldest that is not exported, and is due at %s", s.Pending, s.Due)
	}
	if s.Problem != "" {
		text += "; the last attempt did not work: " + s.Problem
	}
	return text
}

// dailyMetrics are the metrics of daily exports.
type dailyMetrics struct{ exported, failed, due *prometheus.Desc }

func newDailyMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) dailyMetrics {
	return dailyMetrics{
		exported: describe("exported_days_total", "Days exported since the start."),
		failed:   describe("export_failures_total", "Exports since the start that did not work; they are tried again."),
		due:      describe("export_due_timestamp_seconds", "When the oldest day that is not exported should be, as Unix time; missing if there is none."),
	}
}

func (m *dailyMetrics) collect(d *daily, gauge, counter func(*prometheus.Desc, float64, ...string)) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	counter(m.exported, float64(d.state.Exported))
	counter(m.failed, float64(d.state.Failed))
	if d.due != 0 {
		gauge(m.due, float64(d.due)/1e9)
	}
}
