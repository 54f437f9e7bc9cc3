package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
)

// TestCompactsByItself lets the running joiner's merging look at an output of two days,
// of which one is old enough.
func TestCompactsByItself(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string { return writeFile(t, dir, name, text) }
	file := write("labeljoin.yaml", "labels: {clicked: 'type == \"click\"'}\noutput: {roll: {rows: 1}, compact: {after: 12h}}\n")
	requests := write("requests.jsonl", `{"request_id":"a","ts":"2026-11-20T10:00:00Z"}
{"request_id":"b","ts":"2026-11-20T11:00:00Z"}
{"request_id":"c","ts":"2026-11-21T10:00:00Z"}
{"request_id":"d","ts":"2026-11-21T13:00:00Z"}
`)
	outcomes := write("outcomes.jsonl", `{"request_id":"a","type":"click","ts":"2026-11-20T10:01:00Z"}`+"\n")
	if s := runMain(t, "replay", "--config", file, "--requests", requests, "--outcomes", outcomes, "--complete"); s.code != 0 {
		t.Fatalf("replay: %s", s.stderr)
	}
	cfg, err := partition.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	files := func(day string) int {
		found, err := filepath.Glob(filepath.Join(dir, "labeled", "data", "dt="+day, "*.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if files("2026-11-20") != 2 || files("2026-11-21") != 2 {
		t.Fatalf("%d and %d files before", files("2026-11-20"), files("2026-11-21"))
	}
	var log bytes.Buffer
	c := exports.NewCompactor(cfg, partition.Default, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 { // the second time there is nothing to do
		if err := c.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if files("2026-11-20") != 1 || files("2026-11-21") != 2 || strings.Count(log.String(), "merged the small files of a day") != 1 {
		t.Errorf("%d and %d files after:\n%s", files("2026-11-20"), files("2026-11-21"), &log)
	}
	if s := runMain(t, "verify", "--config", file); s.code != 0 {
		t.Errorf("verify: %s%s", s.stdout, s.stderr)
	}
	cfg.Output.Compact = nil
	if exports.NewCompactor(cfg, partition.Default, discardLog()) != nil {
		t.Error("it merges without being asked to")
	}
}
