package partition_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
)

// TestSeveralInOneProcess: two partitions of one joiner work side by side in one process, in one state directory and
// one
// output, and each has its own rows and its own state.
func TestSeveralInOneProcess(t *testing.T) {
	fs, rows := vfs.NewMem(), bucket.NewDir(vfs.Default, filepath.Join(t.TempDir(), "out"))
	cfg := config.Default()
	cfg.Name = "two"
	cfg.State.Cache = 1 << 20
	cfg.Labels = []config.Label{{Name: "click", When: `type == "click"`, Window: config.Duration(time.Hour)}}
	cfg.Complete()
	const of = 2
	var opened [of]*partition.Partition
	for n := range opened {
		p, err := openPartition(fs, partition.ID{Number: n, Of: of}, &cfg, rows)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		opened[n] = p
	}
	if _, err := openPartition(fs, partition.ID{Number: 1, Of: of}, &cfg, rows); err == nil {
		t.Error("a partition that is open was opened again")
	}
	var running sync.WaitGroup
	var failed [of]error
	for n, p := range opened {
		running.Go(func() { failed[n] = joinTwo(&cfg, p) })
	}
	running.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		t.Fatal(err)
	}
	for n, p := range opened {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var ids []string
			for w, err := range p.Output.Written(events.MinTime, 0, true) {
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, w.RequestID)
			}
			slices.Sort(ids)
			if want := []string{fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)}; !slices.Equal(ids, want) {
				t.Errorf("its rows are of %v, want %v", ids, want)
			}
			if read := p.Store.Progress().Progress.Ledger.Kinds[events.KindRequest].Read; read != 2 {
				t.Errorf("its state has read %d requests, want 2", read)
			}
		})
	}
}

// TestNoSuchPartition: a number that no partition has is refused before anything is opened.
func TestNoSuchPartition(t *testing.T) {
	cfg := config.Default()
	for _, id := range []partition.ID{{Number: 1}, {Number: -1, Of: 2}, {Number: 2, Of: 2}, {Number: 0, Of: 10_001}} {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			rows := bucket.NewDir(vfs.Default, t.TempDir())
			if p, err := partition.Open(vfs.NewMem(), id, &cfg, nil, "state", rows, slog.New(slog.DiscardHandler)); err == nil {
				t.Error("it was opened", p.Close())
			}
		})
	}
}

func openPartition(fs vfs.FS, id partition.ID, cfg *config.Config, rows bucket.Bucket) (*partition.Partition, error) {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return nil, err
	}
	return partition.Open(fs, id, cfg, &rules, "state", rows, slog.New(slog.DiscardHandler))
}

// joinTwo joins two requests and an outcome, whose ids say which partition they are of.
func joinTwo(cfg *config.Config, p *partition.Partition) error {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return err
	}
	o, err := partition.EngineOptions(cfg, rules, p, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	message := func(seq uint64, k events.Kind, text string) events.Message {
		return events.Message{Kind: k, Seq: seq, Stored: events.MinTime, Data: fmt.Appendf(nil, text, p.ID.Number)}
	}
	batch := events.Batch{ReadThrough: events.MinTime, Messages: []events.Message{
		message(1, events.KindRequest, `{"request_id":"a%d","ts":1}`),
		message(2, events.KindRequest, `{"request_id":"b%d","ts":2}`),
		message(3, events.KindOutcome, `{"request_id":"a%d","ts":3,"type":"click"}`),
	}}
	o.Inputs = []engine.Input{{Name: "log", Created: 1, Kinds: []events.Kind{events.KindRequest, events.KindOutcome},
		Open: memory.Log{batch}.Open}}
	o.Replay = &engine.Replay{Complete: true}
	return engine.New(o).Run(context.Background())
}
