package systemtest

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/joiner"
)

// slowFS is a disk that takes its time to sync, now and then a long time.
type slowFS struct {
	vfs.FS
	mu    sync.Mutex
	rand  *rand.Rand
	syncs atomic.Int64
}

func (f *slowFS) wait() {
	f.mu.Lock()
	d := time.Duration(f.rand.IntN(4)) * time.Millisecond
	if f.rand.IntN(40) == 0 {
		d = 200 * time.Millisecond // frozen
	}
	f.mu.Unlock()
	f.syncs.Add(1)
	time.Sleep(d)
}

func (f *slowFS) slow(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &slowFile{File: file, fs: f}, nil
}

func (f *slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.slow(f.FS.Create(name, c))
}

func (f *slowFS) OpenDir(name string) (vfs.File, error) { return f.slow(f.FS.OpenDir(name)) }

func (f *slowFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.slow(f.FS.ReuseForWrite(from, to, c))
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (f *slowFile) Sync() error {
	f.fs.wait()
	return f.File.Sync()
}

func (f *slowFile) SyncData() error {
	f.fs.wait()
	return f.File.SyncData()
}

// TestSlowDisk joins on a disk whose syncs take long, and some very long: rows
// and books are those of any other disk.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	worlds := uint64(4)
	if testing.Short() {
		worlds = 1
	}
	for seed := range worlds {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			w := newCrashWorld(seed)
			mem := vfs.NewMem()
			disk := &slowFS{FS: mem, rand: crashRand(seed, 11)}
			var acked []joiner.Receipt
			_, books, err := w.run(disk, func(r joiner.Receipt) { acked = append(acked, r) })
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := errors.Join(w.check(mem, acked), w.checkBooks(&books)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if disk.syncs.Load() == 0 {
				t.Fatalf("seed %d: nothing was synced: the disk was not slow", seed)
			}
		})
	}
}
