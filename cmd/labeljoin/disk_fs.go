package main

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// diskFS is a file system on which a write to a full disk takes until there is
// room again, so that neither state nor output ever meets a full one: a database
// whose log could not be written has no way but to give up, and one that merely
// waits has nothing to recover from. What a failed sync lost, nobody can say, so
// syncs are not tried again.
type diskFS struct {
	vfs.FS
	wait  *diskWait
	wrote atomic.Int64 // bytes
}

// diskWait is how operations wait for room.
type diskWait struct {
	stop     <-chan struct{} // closed when the joiner is to stop: then nobody waits
	pause    time.Duration   // between two attempts of one operation
	waiting  atomic.Int64    // operations
	attempts atomic.Int64    // made in vain, after the first
}

// noRoom reports whether an error says that the disk, or the owner's share of
// it, is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// until does something again until there is room for it.
func (w *diskWait) until(do func() error) error {
	err := do()
	if !noRoom(err) {
		return err
	}
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	again := time.NewTicker(w.pause)
	defer again.Stop()
	for noRoom(err) {
		select {
		case <-w.stop:
			return err
		case <-again.C:
		}
		w.attempts.Add(1)
		err = do()
	}
	return err
}

// Unwrap implements vfs.FS.
func (f *diskFS) Unwrap() vfs.FS { return f.FS }

// open makes a file that waits for room.
func (f *diskFS) open(do func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.wait.until(func() (err error) {
		file, err = do()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: file, fs: f}, nil
}

func (f *diskFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *diskFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

func (f *diskFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

func (f *diskFS) Lock(name string) (lock io.Closer, err error) {
	err = f.wait.until(func() (err error) {
		lock, err = f.FS.Lock(name)
		return err
	})
	return lock, err
}

func (f *diskFS) Link(from, to string) error {
	return f.wait.until(func() error { return f.FS.Link(from, to) })
}

func (f *diskFS) Rename(from, to string) error {
	return f.wait.until(func() error { return f.FS.Rename(from, to) })
}

func (f *diskFS) MkdirAll(name string, perm fs.FileMode) error {
	return f.wait.until(func() error { return f.FS.MkdirAll(name, perm) })
}

// diskFile is a file of a diskFS.
type diskFile struct {
	vfs.File
	fs *diskFS
}

// Write writes what is left when there is room for it.
func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.fs.wait.until(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	f.fs.wrote.Add(int64(n))
	return n, err
}

// WriteAt does the same at a place.
func (f *diskFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.fs.wait.until(func() error {
		m, err := f.File.WriteAt(p[n:], at+int64(n))
		n += m
		return err
	})
	f.fs.wrote.Add(int64(n))
	return n, err
}

// Preallocate only makes writes faster: without room, they go without.
func (f *diskFile) Preallocate(offset, length int64) error {
	err := f.File.Preallocate(offset, length)
	if noRoom(err) {
		return nil
	}
	return err
}
