package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/bench"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// What bench events writes can be joined as it is, and every outcome counts.
func TestBenchEvents(t *testing.T) {
	dir := t.TempDir()
	made, err := bench.WriteEvents(1000, 0.05, dir)
	if err != nil {
		t.Fatal(err)
	}
	if made.Requests != 1000 || made.Outcomes != 50 || made.WindowMS != 1000 {
		t.Errorf("made %+v", made)
	}
	cfg, err := partition.LoadConfig(filepath.Join(dir, "labeljoin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	r := replay.Replay{Config: cfg, Log: slog.New(slog.DiscardHandler), Talk: io.Discard, Out: out, Complete: true}
	r.Files = [events.Kinds][]string{{filepath.Join(dir, "requests.jsonl")}, {filepath.Join(dir, "outcomes.jsonl")}}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o, err := partition.OpenOutput(bucket.NewDir(vfs.Default, out), partition.ID{}, cfg, &rules, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	last, _, _ := o.Last()
	l := &last.Progress.Ledger
	if joined := l.Kinds[events.KindOutcome].Disposed[joiner.DispositionJoined]; joined != made.Outcomes || l.Rows != made.Requests {
		t.Errorf("%d outcomes joined, %d rows written, want %d and %d", joined, l.Rows, made.Outcomes, made.Requests)
	}
}
