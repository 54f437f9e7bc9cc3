package diskspace

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is a file system on which a write to a full disk takes until there is
// room again, so that neither state nor output ever meets a full one: a database
// whose log could not be written has no way but to give up, and one that merely
// waits has nothing to recover from. What a failed sync lost cannot be known, so
// syncs are not tried again.
type FS struct {
	vfs.FS
	Wait  *Waiter
	Wrote atomic.Int64 // bytes
}

// Waiter is how operations wait for room.
type Waiter struct {
	Stop     <-chan struct{} // closed when the joiner is to stop: then no operation waits
	Pause    time.Duration   // between two attempts of one operation
	Waiting  atomic.Int64    // operations
	Attempts atomic.Int64    // made in vain, after the first
}

// NoRoom reports whether an error says that the disk, or the owner's share of
// it, is full.
func NoRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// until does something again until there is room for it.
func (w *Waiter) until(do func() error) error {
	err := do()
	if !NoRoom(err) {
		return err
	}
	w.Waiting.Add(1)
	defer w.Waiting.Add(-1)
	again := time.NewTicker(w.Pause)
	defer again.Stop()
	for NoRoom(err) {
		select {
		case <-w.Stop:
			return err
		case <-again.C:
		}
		w.Attempts.Add(1)
		err = do()
	}
	return err
}

// Unwrap implements vfs.FS.
func (f *FS) Unwrap() vfs.FS { return f.FS }

// open makes a file that waits for room.
func (f *FS) open(do func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.Wait.until(func() (err error) {
		file, err = do()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: file, fs: f}, nil
}

// Create implements vfs.FS: it waits for room.
func (f *FS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS: it waits for room.
func (f *FS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

// ReuseForWrite implements vfs.FS: it waits for room.
func (f *FS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

// Lock implements vfs.FS: it waits for room.
func (f *FS) Lock(name string) (lock io.Closer, err error) {
	err = f.Wait.until(func() (err error) {
		lock, err = f.FS.Lock(name)
		return err
	})
	return lock, err
}

// Link implements vfs.FS: it waits for room.
func (f *FS) Link(from, to string) error {
	return f.Wait.until(func() error { return f.FS.Link(from, to) })
}

// Rename implements vfs.FS: it waits for room.
func (f *FS) Rename(from, to string) error {
	return f.Wait.until(func() error { return f.FS.Rename(from, to) })
}

// MkdirAll implements vfs.FS: it waits for room.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	return f.Wait.until(func() error { return f.FS.MkdirAll(name, perm) })
}

// diskFile is a file of a diskFS.
type diskFile struct {
	vfs.File
	fs *FS
}

// Write writes what is left when there is room for it.
func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.fs.Wait.until(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	f.fs.Wrote.Add(int64(n))
	return n, err
}

// WriteAt does the same at a place.
func (f *diskFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.fs.Wait.until(func() error {
		m, err := f.File.WriteAt(p[n:], at+int64(n))
		n += m
		return err
	})
	f.fs.Wrote.Add(int64(n))
	return n, err
}

// Preallocate only makes writes faster: without room, they go without.
func (f *diskFile) Preallocate(offset, length int64) error {
	err := f.File.Preallocate(offset, length)
	if NoRoom(err) {
		return nil
	}
	return err
}
