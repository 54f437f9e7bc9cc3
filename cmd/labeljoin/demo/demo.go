// Package demo shows labeljoin at work: an embedded server, a simulated recommender, and the rows that come of it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// demoConfig has windows of seconds, so that a demo need not take half an hour.
const demoConfig = `# The configuration of labeljoin demo: windows of seconds, everything in this folder.
# labeljoin config init writes a commented one for real use.
name: demo
nats: {embedded: true, port: 0}
inputs:
  requests: {subject: "demo.requests"}
  outcomes: {subject: "demo.outcomes"}
join: {window: 3s, lateness: 1s, corrections: 10s}
labels:
  clicked: {when: 'type == "click"'}
  bought:  {when: 'type == "purchase"'}
  revenue: {when: 'type == "purchase"', value: sum}
state:  {dir: ./state}
output: {dir: ./labeled, roll: {interval: 2s}}
publish: {subject: "labels.demo"}
guard: {enabled: false}   # the traffic ends by itself, and that is no outage
log: {level: warn}
`

// demoTail is how long the end of a demo takes: the window and the lateness of
// the last requests, and the broker's word that nothing more is coming.
const demoTail = 6 * time.Second

// Demo is one run of the demo.
type Demo struct {
	Dir      string
	Duration time.Duration
	Rate     int
	Out      io.Writer // results
	Talk     io.Writer // progress
}

// Run simulates, joins and reports. The error is one of usage where Rate or Duration is out of bounds.
func (d *Demo) Run(ctx context.Context) error {
	if d.Duration < 10*time.Second || d.Rate < 1 || d.Rate > 20_000 {
		return &terminal.UsageError{Err: errors.New("a demo takes at least --duration 10s, at a --rate from 1 to 20000")}
	}
	if err := d.makeDir(); err != nil {
		return err
	}
	path := filepath.Join(d.Dir, "labeljoin.yaml")
	if err := os.WriteFile(path, []byte(demoConfig), 0o644); err != nil {
		return fmt.Errorf("writing the demo's configuration: %w", err)
	}
	cfg, err := partition.LoadConfig(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.Talk, "A simulated recommender publishes %d requests a second for %s, then the last windows close.\n",
		d.Rate, (d.Duration - demoTail).Round(time.Second))
	sent, err := d.Join(ctx, cfg)
	if err != nil {
		return err
	}
	return d.report(cfg, path, sent)
}

// makeDir finds or makes a new directory: a demo never mixes with another.
func (d *Demo) makeDir() error {
	if d.Dir != "" {
		return partition.FreshDir(d.Dir)
	}
	for n := 1; ; n++ {
		d.Dir = "labeljoin-demo"
		if n > 1 {
			d.Dir = fmt.Sprintf("labeljoin-demo-%d", n)
		}
		if _, err := os.Stat(d.Dir); errors.Is(err, os.ErrNotExist) {
			return partition.MakeDir(d.Dir)
		}
	}
}

// Join runs the joiner and the recommender beside it, until the recommender is
// done and what it sent has closed.
func (d *Demo) Join(ctx context.Context, cfg *config.Config) (sent, error) {
	log := terminal.NewLog(cfg.Log, d.Talk)
	var books atomic.Pointer[joiner.Ledger]
	books.Store(&joiner.Ledger{})
	s := partition.Service{Config: cfg, Log: log, Ephemeral: true, OnCommit: func(now engine.Stats) {
		l := now.Progress.Ledger
		books.Store(&l)
	}}
	joining, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := s.Connect(joining); err != nil {
		return sent{}, errors.Join(err, s.Close())
	}
	result := make(chan error, 1)
	go func() { // ended by stop; joined through result
		result <- s.Join(joining)
	}()
	counts, err := d.simulate(ctx, s.Server, log)
	if err == nil {
		waitFor(ctx, result, func() bool { return counts.within(books.Load()) })
	}
	stop()
	return counts, errors.Join(err, <-result, s.Close())
}

// demoTimeout is how long a demo waits for the joiner to catch up on a machine
// that is too slow for the rate.
const demoTimeout = 2 * time.Minute

// waitFor waits until done, or interrupted, or the joiner ends; what that said
// stays to be read.
func waitFor(ctx context.Context, result chan error, done func() bool) {
	timeout := time.After(demoTimeout)
	for !done() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-timeout:
			return
		case <-ctx.Done():
			return
		case err := <-result:
			result <- err
			return
		}
	}
}

// within reports whether books hold all that was sent, every request closed.
func (s *sent) within(l *joiner.Ledger) bool {
	requests, outcomes := &l.Kinds[events.KindRequest], &l.Kinds[events.KindOutcome]
	return requests.Read == int64(s.requests+s.requestsTwice) && requests.Pending == 0 &&
		outcomes.Read == int64(s.outcomes+s.outcomesTwice)
}

func (d *Demo) simulate(ctx context.Context, server *jetstream.Server, log *slog.Logger) (sent, error) {
	nc, err := jetstream.Connect(jetstream.ConnOptions{InProcess: server, Name: "recommender"}, log)
	if err != nil {
		return sent{}, err
	}
	defer nc.Close()
	r, err := newRecommender(nc, d.Rate)
	if err != nil {
		return sent{}, err
	}
	return r.Run(ctx, d.Duration-demoTail, d.Talk)
}

// report shows what went in, what came out and what to do with it.
func (d *Demo) report(cfg *config.Config, path string, s sent) error {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return err
	}
	rows := bucket.NewDir(vfs.Default, cfg.Output.Dir)
	out, err := partition.OpenOutput(rows, partition.ID{}, cfg, &rules, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer out.Close()
	last, _, ok := out.Last()
	if !ok {
		return errors.New("the demo ended before anything was committed: give it a longer --duration")
	}
	l := &last.Progress.Ledger
	fmt.Fprintf(d.Out, "\nWhat went in: %d requests (%d of them sent twice), %d outcomes (%d sent twice, %d late, %d of no known request)\n",
		s.requests, s.requestsTwice, s.outcomes, s.outcomesTwice, s.late, s.orphans)
	fmt.Fprintf(d.Out, "\nWhat became of them, in %s:\n", terminal.Count(last.Number, "commit"))
	terminal.PrintLedger(d.Out, l)
	data := filepath.Join(d.Dir, "labeled", "data")
	fmt.Fprintf(d.Out, "\nFive labeled rows:\n")
	if err := showRows(d.Out, filepath.Join(cfg.Output.Dir, "data"), columnsToShow(&rules), 5); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, `
The Parquet files are in %[1]s. To query them:

  duckdb -c "select clicked, count(*), avg(item_price) from read_parquet('%[1]s/**/*.parquet', union_by_name = true) group by all"
  python3 -c "import pandas; print(pandas.read_parquet('%[1]s').describe())"

What to try next:

  labeljoin run --config %[2]s     # go on with the same state; stop it with ^C
  labeljoin config init                                    # a configuration of your own
  labeljoin config check                                   # what it means
`, data, path)
	return nil
}

func columnsToShow(rules *joiner.Rules) []string {
	columns := []string{"request_id", "item_id", "position", "score"}
	for _, l := range rules.Labels {
		columns = append(columns, l.Name)
	}
	return append(columns, "revision", "reason")
}
