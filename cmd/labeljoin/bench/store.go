package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Store measures what pending requests cost.
type Store struct {
	Slide    int
	Outcomes float64
	Dir      string
	Talk     io.Writer
	Profile  string
}

// storeResult is what bench store says of one size. As many requests as are
// pending are remembered besides, and part of all figures.
type storeResult struct {
	Pending      int64   `json:"pending"`
	PerS         float64 `json:"requests_per_s"`
	CPUMicros    float64 `json:"cpu_us_per_request"` // read from memory, folded, closed, decided, forgotten
	WrittenBytes float64 `json:"written_bytes_per_request"`
	Amplified    float64 `json:"write_amplification"` // bytes written for each byte of events
	DiskBytes    float64 `json:"disk_bytes_per_pending"`
	PeakBytes    int64   `json:"peak_rss_bytes"`
	RestartS     float64 `json:"restart_s"`
}

// Sizes measures one size after the other.
func (b *Store) Sizes(ctx context.Context, pending []int, w io.Writer, asJSON bool) (err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	var first *storeResult
	for _, n := range pending {
		if n < 10_000 {
			return &terminal.UsageError{Err: errors.New("--pending from 10000")}
		}
		r, err := b.Run(ctx, n)
		if err != nil {
			return err
		}
		if first == nil {
			first = r
			if !asJSON {
				fmt.Fprintf(w, "%12s %11s %13s %6s %10s %6s %10s %9s %9s\n",
					"pending", "requests/s", "CPU a request", "ratio", "written", "ampl.", "disk", "peak RSS", "restart")
			}
		}
		if asJSON {
			err = json.NewEncoder(w).Encode(r)
		} else {
			_, err = fmt.Fprintf(w, "%12d %11.0f %10.1f us %6.2f %8.0f B %6.2f %8.0f B %5.0f MiB %7.1f s\n",
				r.Pending, r.PerS, r.CPUMicros, r.CPUMicros/first.CPUMicros, r.WrittenBytes, r.Amplified, r.DiskBytes, float64(r.PeakBytes)/(1<<20), r.RestartS)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run measures one number of pending requests.
func (b *Store) Run(ctx context.Context, pending int) (*storeResult, error) {
	defer partition.TuneGC()()
	debug.FreeOSMemory() // what the size before has left
	dir := filepath.Join(b.Dir, fmt.Sprint(pending))
	defer os.RemoveAll(dir)
	window := time.Duration(pending) * time.Second / benchRate
	cfg, err := config.Decode("bench", fmt.Appendf(nil, benchConfig, window.Milliseconds()))
	if err != nil {
		return nil, err
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		return nil, err
	}
	log := terminal.NewLog(cfg.Log, b.Talk)
	p, err := partition.Open(vfs.Default, partition.ID{}, cfg, &rules, filepath.Join(dir, "state"),
		bucket.NewDir(vfs.Default, filepath.Join(dir, "out")), log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }()
	o, err := partition.EngineOptions(cfg, rules, p, log)
	if err != nil {
		return nil, err
	}
	o.Output = &nowhere{}
	s := newSynthetic(2*pending+pending/10, b.Slide, pending/2, b.Outcomes)
	o.Inputs = []engine.Input{{Name: "synthetic", Kinds: []events.Kind{events.KindRequest, events.KindOutcome},
		Open: func(context.Context, events.Position) (engine.Source, error) { return s, nil }}}
	r, err := b.measure(ctx, engine.New(o), s, p)
	if err != nil {
		return nil, err
	}
	r.Pending = int64(pending)
	r.DiskBytes = float64(p.Store.DiskBytes()) / float64(pending)
	if err := p.Close(); err != nil {
		return nil, err
	}
	start := time.Now()
	if p, err = partition.Open(vfs.Default, partition.ID{}, cfg, &rules, filepath.Join(dir, "state"),
		bucket.NewDir(vfs.Default, filepath.Join(dir, "out")), log); err != nil {
		return nil, err
	}
	r.RestartS = time.Since(start).Seconds()
	return r, nil
}

// measure runs the engine until the window has slid, and says what that took.
func (b *Store) measure(ctx context.Context, e *engine.Engine, s *synthetic, p *partition.Partition) (*storeResult,
	error) {
	stop := terminal.WatchProgress(b.Talk, func() (string, float64) {
		share := float64(s.at.Load()) / float64(s.fill+s.slide)
		return fmt.Sprintf("%d requests", s.at.Load()), share
	})
	var before usage
	var peak peakRSS
	var err error
	profiled := func() error { return nil }
	s.filled = func() {
		var failed error
		before, err = measure()
		if profiled, failed = StartProfile(b.Profile); failed != nil {
			profiled, err = func() error { return nil }, errors.Join(err, failed)
		}
		peak.Watch()
	}
	joined := e.Run(ctx)
	after, failed := measure()
	stop()
	most := peak.stop()
	if err := errors.Join(joined, err, failed, profiled()); err != nil || ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	n := float64(s.slide)
	r := &storeResult{
		PerS: n / after.at.Sub(before.at).Seconds(), CPUMicros: float64((after.cpu - before.cpu).Microseconds()) / n,
		WrittenBytes: float64(after.written-before.written) / n, PeakBytes: most,
	}
	r.Amplified = r.WrittenBytes * n / float64(s.slidBytes)
	return r, nil
}
