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

// TestDayWithoutRows: each command that looks at a day says what is missing: the output, all that a
// joiner writes, or the day alone, and then which days there are.
func TestDayWithoutRows(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 2))
	putFile(t, "o", clickLines(0, 2))
	putFile(t, "schema.pbtxt", "")
	if got := runMain(t, "replay", "--requests", "r", "--outcomes", "o", "--complete", "--out", "labeled"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	if err := os.CopyFS("copied/data", os.DirFS("labeled/data")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"empty", "copied/data/dt=2026-01-03"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for place, c := range map[string]struct {
		code int
		says string
	}{
		"GONE":    {terminal.ExitUsage, "there is no output at GONE"},
		"empty":   {terminal.ExitRefused, "no joiner ever wrote here"},
		"labeled": {terminal.ExitUsage, "there are no rows of 2026-01-02 in labeled: it has days from 2026-01-01 to 2026-01-01"},
		"copied":  {terminal.ExitUsage, "there are no rows of 2026-01-02 in copied: it has days from 2026-01-01 to 2026-01-03"},
	} {
		for _, command := range []string{
			"stats", "schema infer --schema other", "schema update", "validate --against yesterday", "sample --n 1", "health", "report",
			"window",
		} {
			t.Run(place+"/"+command, func(t *testing.T) {
				got := runMain(t, append(strings.Fields(command), "--from", place, "--date", "2026-01-02")...)
				if got.code != c.code || !strings.Contains(got.stderr, c.says) {
					t.Errorf("it ends with %d, want %d, and says %s", got.code, c.code, got.stderr)
				}
			})
		}
	}
}

// TestGapLogBeforeTheFirstStart: that nothing is lost is said, also where there is nothing yet.
func TestGapLogBeforeTheFirstStart(t *testing.T) {
	replayDir(t)
	putFile(t, "labeljoin.yaml", "nats: {embedded: true}\nlabels: {clicked: 'type == \"click\"'}\n")
	if got := runMain(t, "gap", "log"); got.code != terminal.ExitDone || !strings.Contains(got.stdout, "nothing is lost") {
		t.Errorf("it ends with %d, and says %q%q", got.code, got.stdout, got.stderr)
	}
}
