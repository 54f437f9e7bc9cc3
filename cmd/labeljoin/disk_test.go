package main

import (
	"context"
	"errors"
	iofs "io/fs"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// fullFS is a file system that is full from its first operation to its last:
// of what is written meanwhile a part may fit, and then nothing.
type fullFS struct {
	vfs.FS
	mu          sync.Mutex
	n           int
	first, last int
	refused     int
}

func (f *fullFS) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	full := f.n > f.first && f.n <= f.last
	if full {
		f.refused++
	}
	return full
}

func (f *fullFS) do(op func() error) error {
	if f.full() {
		return &iofs.PathError{Op: "write", Path: "a file", Err: syscall.ENOSPC}
	}
	return op()
}

func (f *fullFS) open(op func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.do(func() error {
		file, err = op()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &fullFile{File: file, fs: f}, nil
}

func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *fullFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

func (f *fullFS) Link(from, to string) error {
	return f.do(func() error { return f.FS.Link(from, to) })
}

func (f *fullFS) Rename(from, to string) error {
	return f.do(func() error { return f.FS.Rename(from, to) })
}

func (f *fullFS) MkdirAll(name string, perm iofs.FileMode) error {
	return f.do(func() error { return f.FS.MkdirAll(name, perm) })
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f *fullFile) Write(p []byte) (int, error) {
	if !f.fs.full() {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:len(p)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

// TestDiskFullAnywhere joins on a disk that is full for a while, which begins at
// every operation in turn. Nobody above may notice anything but the time.
func TestDiskFullAnywhere(t *testing.T) {
	worlds := 8
	if testing.Short() {
		worlds = 2
	}
	for seed := range worlds {
		w := newCrashWorld(uint64(seed))
		undisturbed := &fullFS{FS: vfs.NewMem()}
		if _, _, err := w.run(undisturbed, func(joiner.Receipt) {}); err != nil {
			t.Fatal(err)
		}
		step := max(1, undisturbed.n/60)
		for first := 0; first < undisturbed.n; first += step {
			disk := &fullFS{FS: vfs.NewMem(), first: first, last: first + 1 + first%5}
			patient := &diskFS{FS: disk, wait: &diskWait{pause: 100 * time.Microsecond}}
			var acked []joiner.Receipt
			_, books, err := w.run(patient, func(r joiner.Receipt) { acked = append(acked, r) })
			if err != nil {
				t.Fatalf("seed %d, full from operation %d: %v", seed, first, err)
			}
			if err := errors.Join(w.check(disk.FS.(*vfs.MemFS), acked), w.checkBooks(&books)); err != nil {
				t.Fatalf("seed %d, full from operation %d: %v", seed, first, err)
			}
			if n := patient.wait.attempts.Load(); n > int64(disk.refused) || disk.refused > 0 && n == 0 {
				t.Fatalf("seed %d, full from operation %d: %d attempts for %d refusals", seed, first, n, disk.refused)
			}
		}
	}
}

// TestAStopEndsTheWait: whoever is told to stop does not wait for room.
func TestAStopEndsTheWait(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	disk := &diskFS{FS: &fullFS{FS: vfs.NewMem(), last: 1 << 30}, wait: &diskWait{stop: ctx.Done(), pause: time.Hour}}
	done := make(chan error)
	go func() {
		_, err := disk.Create("file", vfs.WriteCategoryUnspecified)
		done <- err
	}()
	stop()
	if err := <-done; !noRoom(err) {
		t.Fatal(err)
	}
}

// gaugedFS tells how much room there is.
type gaugedFS struct {
	vfs.FS
	free uint64
}

func (f *gaugedFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free, TotalBytes: 100 << 30}, nil
}

func testDisks(t *testing.T, maxState config.Size) (*disks, *gaugedFS, *strings.Builder) {
	t.Helper()
	cfg := config.Default()
	cfg.State.MaxBytes = maxState
	said := &strings.Builder{}
	gauge := &gaugedFS{FS: vfs.NewMem(), free: 10 << 30}
	return newDisks(t.Context(), gauge, &cfg, slog.New(slog.NewTextHandler(said, nil))), gauge, said
}

// TestReserve: pausing and going on are said once each, and there is a distance
// between their bounds.
func TestReserve(t *testing.T) {
	d, gauge, said := testDisks(t, 0)
	for _, step := range []struct {
		free   uint64
		paused bool
	}{{10 << 30, false}, {255 << 20, true}, {0, true}, {300 << 20, true}, {255 << 20, true}, {321 << 20, false}, {260 << 20, false}} {
		gauge.free = step.free
		d.look()
		if got := d.held(); got != [events.Kinds]bool{step.paused, step.paused} {
			t.Errorf("with %d bytes left: held %v", step.free, got)
		}
	}
	if lines := strings.Count(said.String(), "\n"); lines != 2 || d.times.Load() != 1 {
		t.Errorf("%d pauses, said:\n%s", d.times.Load(), said)
	}
}

// TestMaxBytes: requests wait, outcomes only once they can no longer help.
func TestMaxBytes(t *testing.T) {
	d, _, said := testDisks(t, 1<<30)
	size, s := uint64(0), engine.Stats{}
	d.joins(func() uint64 { return size }, func() engine.Stats { return s }, false)
	for _, step := range []struct {
		size             uint64
		request, outcome events.Time
		want             [events.Kinds]bool
	}{
		{1 << 30, 2, 1, [events.Kinds]bool{}},
		{1<<30 + 1, 2, 1, [events.Kinds]bool{true, false}},
		{1 << 30, 2, 2, [events.Kinds]bool{true, true}},
		{1 << 29, 2, 2, [events.Kinds]bool{}},
	} {
		size, s.Sources = step.size, [events.Kinds]events.Time{step.request, step.outcome}
		d.look()
		if got := d.held(); got != step.want {
			t.Errorf("%+v: held %v", step, got)
		}
	}
	if lines := strings.Count(said.String(), "\n"); lines != 2 || !strings.Contains(said.String(), "state.max_bytes") {
		t.Errorf("said:\n%s", said)
	}
}
