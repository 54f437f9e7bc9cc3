package systemtest

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/joiner"
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
// every operation in turn. The callers may notice nothing but the time.
func TestDiskFullAnywhere(t *testing.T) {
	t.Parallel()
	worlds, moments := 8, 60
	if testing.Short() {
		worlds, moments = 2, 20
	}
	for seed := range worlds {
		w := newCrashWorld(uint64(seed))
		undisturbed := &fullFS{FS: vfs.NewMem()}
		if _, _, err := w.run(undisturbed, func(joiner.Receipt) {}); err != nil {
			t.Fatal(err)
		}
		step := max(1, undisturbed.n/moments)
		for first := 0; first < undisturbed.n; first += step {
			disk := &fullFS{FS: vfs.NewMem(), first: first, last: first + 1 + first%5}
			patient := &diskspace.FS{FS: disk, Wait: &diskspace.Waiter{Pause: 100 * time.Microsecond}}
			var acked []joiner.Receipt
			_, books, err := w.run(patient, func(r joiner.Receipt) { acked = append(acked, r) })
			if err != nil {
				t.Fatalf("seed %d, full from operation %d: %v", seed, first, err)
			}
			if err := errors.Join(w.check(disk.FS.(*vfs.MemFS), acked), w.checkBooks(&books)); err != nil {
				t.Fatalf("seed %d, full from operation %d: %v", seed, first, err)
			}
			if n := patient.Wait.Attempts.Load(); n > int64(disk.refused) || disk.refused > 0 && n == 0 {
				t.Fatalf("seed %d, full from operation %d: %d attempts for %d refusals", seed, first, n, disk.refused)
			}
		}
	}
}

// TestAStopEndsTheWait: what is told to stop does not wait for room.
func TestAStopEndsTheWait(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	disk := &diskspace.FS{FS: &fullFS{FS: vfs.NewMem(), last: 1 << 30}, Wait: &diskspace.Waiter{Stop: ctx.Done(), Pause: time.Hour}}
	done := make(chan error)
	go func() {
		_, err := disk.Create("file", vfs.WriteCategoryUnspecified)
		done <- err
	}()
	stop()
	if err := <-done; !diskspace.NoRoom(err) {
		t.Fatal(err)
	}
}
