package tablelog

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var yearCommits = flag.Int("commits", 3000, "how many one-minute commits TestStartDoesNotGrow makes; a year has 525600")

// countingFS counts the files that are opened and the directories that are listed. It
// syncs nothing, so that a year can be written.
type countingFS struct {
	vfs.FS
	opened, listed, names *atomic.Int64
}

func (c countingFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	c.opened.Add(1)
	return c.FS.Open(name, opts...)
}

func (c countingFS) List(dir string) ([]string, error) {
	names, err := c.FS.List(dir)
	c.listed.Add(1)
	c.names.Add(int64(len(names)))
	return names, err
}

func (c countingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	return unsynced{f}, err
}

func (c countingFS) OpenDir(name string) (vfs.File, error) {
	f, err := c.FS.OpenDir(name)
	return unsynced{f}, err
}

type unsynced struct{ vfs.File }

func (unsynced) Sync() error { return nil }

// A commit a minute: what a start reads of the log does not depend on how many there
// were. `go test ./export/tablelog -run StartDoesNotGrow -commits 525600 -v -timeout 1h`
// measures a year.
func TestStartDoesNotGrow(t *testing.T) {
	fsys := countingFS{vfs.Default, new(atomic.Int64), new(atomic.Int64), new(atomic.Int64)}
	l := newLog(t, fsys, t.TempDir())
	w := newWriter(t, l, "a", CheckpointEvery)
	began := time.Now()
	looks := map[int]bool{*yearCommits / 100: true, *yearCommits / 10: true, *yearCommits: true}
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for k := 1; k <= *yearCommits; k++ {
		op := appendOf(uint64(k), fmt.Sprint("n", k))
		f := fileOn(1, CommitName(0, uint64(k)), 0, 100)
		f.Path = DataPath(first.Add(time.Duration(k)*time.Minute).Format(time.DateOnly), CommitName(0, uint64(k)), 0)
		op.Added = []File{f}
		mustCommit(t, w, op)
		if !looks[k] {
			continue
		}
		fsys.opened.Store(0)
		fsys.listed.Store(0)
		fsys.names.Store(0)
		runtime.GC()
		start := time.Now()
		s, err := l.State()
		took := time.Since(start)
		if err != nil || s.Number != uint64(k) {
			t.Fatalf("operation %d of %d: %v", s.Number, k, err)
		}
		opened, names := fsys.opened.Load(), fsys.names.Load()
		t.Logf("%d commits, made in %s: a start opens %d files, lists %d directories with %d names, and takes %s",
			k, time.Since(began).Round(time.Second), opened, fsys.listed.Load(), names, took.Round(100*time.Microsecond))
		if most := int64(CheckpointEvery + 5); opened > most {
			t.Errorf("after %d commits a start opens %d files, at most %d should do", k, opened, most)
		}
		if k > 2*CheckpointEvery && names > int64(20+k/1440+1) {
			t.Errorf("after %d commits a start lists %d names: the directory of the manifests is not to be listed", k, names)
		}
	}
	if files := allFiles(t, mustState(t, l)); len(files) != *yearCommits {
		t.Fatalf("%d files are live, want %d", len(files), *yearCommits)
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		t.Logf("load %s", strings.TrimSpace(string(load)))
	}
}

func mustState(t testing.TB, l *Log) *State {
	t.Helper()
	s, err := l.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
