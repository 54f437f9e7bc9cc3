package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
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
