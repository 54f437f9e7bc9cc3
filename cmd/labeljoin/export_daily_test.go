package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/shards"
)

// TestDaily lets the running joiner's exports look at an output of two days, and then at
// one of which a day's files were deleted.
func TestDaily(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string { return writeFile(t, dir, name, text) }
	file := write("labeljoin.yaml", "labels: {clicked: 'type == \"click\"'}\nexport: {daily: {after: 0s}, split: {eval: 0}}\n")
	requests := write("requests.jsonl", `{"request_id":"a","ts":"2026-11-20T10:00:00Z"}
{"request_id":"b","ts":"2026-11-21T10:00:00Z"}
{"request_id":"c","ts":"2026-11-22T10:00:00Z"}
`)
	outcomes := write("outcomes.jsonl", `{"request_id":"a","type":"click","ts":"2026-11-20T10:01:00Z"}`+"\n")
	var talk bytes.Buffer
	if code := execute(t.Context(), []string{"labeljoin", "replay", "--config", file, "--requests", requests, "--outcomes", outcomes, "--complete"}, nil, &talk, &talk); code != 0 {
		t.Fatalf("replay: %s", &talk)
	}
	cfg, err := partition.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "labeled", "data", "dt=2026-11-21")); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := exports.NewDaily(cfg, partition.Default, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := d.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := d.Status(); s.Exported != 2 || s.Last != "2026-11-22" || s.Pending != "" {
		t.Errorf("status %+v, want 2 days exported and none pending\n%s", s, &log)
	}
	if !strings.Contains(log.String(), "day=2026-11-21") {
		t.Errorf("nothing is said of the day whose files were deleted:\n%s", &log)
	}
	archive, err := export.OpenArchive(bucket.NewDir(vfs.Default, cfg.Output.Dir), partition.Default)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	listed, err := shards.List(table, d.Opts)
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for i := range listed {
		versions = append(versions, listed[i].Day+" "+listed[i].Version.String())
	}
	if want := "2026-11-20 v=0001, 2026-11-21 v=0000, 2026-11-22 v=0001"; strings.Join(versions, ", ") != want {
		t.Errorf("versions %q, want %s", versions, want)
	}
}

// TestRefusedDay: exports wait at a day that is not like the day before, until a person has
// exported it.
func TestRefusedDay(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"labeljoin.yaml": "labels: {clicked: 'type == \"click\"'}\nexport: {daily: {after: 0s}, split: {eval: 0}, validate: {against: yesterday}}\n",
		"requests.jsonl": `{"request_id":"a","ts":"2026-11-20T10:00:00Z","features":{"device":"phone"}}
{"request_id":"b","ts":"2026-11-21T10:00:00Z","features":{"device":"tv"}}
{"request_id":"c","ts":"2026-11-22T10:00:00Z","features":{"device":"tv"}}
`,
		"outcomes.jsonl": "",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Chdir(dir)
	if code, _, talk := runLine(t, "replay", "--requests", "requests.jsonl", "--outcomes", "outcomes.jsonl", "--complete"); code != 0 {
		t.Fatalf("replay: %s", talk)
	}
	cfg, err := partition.LoadConfig("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := exports.NewDaily(cfg, partition.Default, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is said once
		if err := d.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "--allow-anomalies") {
			t.Fatalf("got %v, want a refusal", err)
		}
	}
	if s := d.Status(); s.Exported != 1 || s.Held != "2026-11-21" || strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("status %+v\n%s", s, &log)
	}
	code, _, talk := runLine(t, "export", "--date", "2026-11-21", "--to", "2026-11-22")
	if code != terminal.ExitAnomaly || !strings.Contains(talk, `"device"`) {
		t.Errorf("exit code %d: %s", code, talk)
	}
	code, out, talk := runLine(t, "export", "--date", "2026-11-21", "--allow-anomalies")
	if code != terminal.ExitDone || !strings.Contains(out, "with 1 anomaly, allowed all the same") {
		t.Errorf("exit code %d: %s%s", code, out, talk)
	}
	if err := d.Look(t.Context()); err != nil {
		t.Error(err)
	}
	if s := d.Status(); s.Exported != 2 || s.Held != "" || s.Last != "2026-11-22" {
		t.Errorf("status %+v\n%s", s, &log)
	}
}
