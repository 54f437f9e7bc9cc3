package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// TestLookingLeavesNoFiles looks at a state, as another user may, and finds it
// as it was: whatever was made would belong to the user who looked.
func TestLookingLeavesNoFiles(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 20))
	putFile(t, "o", clickLines(0, 20))
	cfg, err := partition.LoadConfig("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := partition.Open(vfs.Default, partition.ID{}, cfg, rulesFor(t, cfg), cfg.State.Dir, bucket.NewDir(vfs.Default, cfg.Output.Dir), discardLog())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	before := filesBelow(t, ".")
	for _, args := range []string{"explain r1", "status", "gap list", "verify", "config check"} {
		t.Run(args, func(t *testing.T) {
			runMain(t, strings.Fields(args)...)
			if after := filesBelow(t, "."); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestLookingAtAnEmptyDirectory: a disk that is not mounted is no output without rows, gaps and dead
// letters.
func TestLookingAtAnEmptyDirectory(t *testing.T) {
	replayDir(t)
	cfg, err := partition.LoadConfig("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.Output.Dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"verify", "days", "days --json", "gap list", "deadletter list", "features suggest", "view duckdb", "export --date 2026-01-01",
	} {
		t.Run(args, func(t *testing.T) {
			if got := runMain(t, strings.Fields(args)...); got.code != terminal.ExitRefused || !strings.Contains(got.stderr, "is its disk mounted") {
				t.Errorf("it ends with %d: %s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
	for _, args := range []string{"days", "gap list", "deadletter list"} {
		t.Run(args+", where a joiner was that has committed nothing", func(t *testing.T) {
			p, err := partition.Open(vfs.Default, partition.ID{}, cfg, rulesFor(t, cfg), cfg.State.Dir, bucket.NewDir(vfs.Default, cfg.Output.Dir), discardLog())
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if got := runMain(t, strings.Fields(args)...); got.code != 0 {
				t.Errorf("it ends with %d: %s", got.code, got.stderr)
			}
		})
	}
}

// filesBelow lists the files of a folder with their sizes and times.
func filesBelow(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() && d.Name() != "LOCK" { // a lock is opened, which sets its time
			fmt.Fprintln(&list, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
