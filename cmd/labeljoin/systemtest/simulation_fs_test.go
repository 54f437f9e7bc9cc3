package systemtest

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// faultyFS is a file system on which operations fail at random: for want of
// room, and, in the output, for good. An error of the state's own disk ends the
// process, which is a kill, and kills are simulated elsewhere.
type faultyFS struct {
	vfs.FS
	hit func(what string)

	mu    sync.Mutex
	rand  *rand.Rand
	full  int // permille of operations that find the disk full
	fails int // operations in the output until one fails; it is the only one. 0: none
}

// Unwrap implements vfs.FS.
func (f *faultyFS) Unwrap() vfs.FS { return f.FS }

// fault is what an operation meets, or nil.
func (f *faultyFS) fault(verb, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	class := fileClass(name)
	if strings.HasPrefix(strings.TrimPrefix(name, "/"), crashOutput) && f.fails > 0 {
		if f.fails--; f.fails == 0 {
			f.hit("EIO at " + verb + " " + class)
			return fmt.Errorf("%s %s: %w", verb, name, syscall.EIO)
		}
	}
	if verb != "sync" && f.rand.IntN(1000) < f.full {
		f.hit("ENOSPC at " + verb + " " + class)
		return fmt.Errorf("%s %s: %w", verb, name, syscall.ENOSPC)
	}
	return nil
}

func (f *faultyFS) file(verb, name string, do func() (vfs.File, error)) (vfs.File, error) {
	if err := f.fault(verb, name); err != nil {
		return nil, err
	}
	file, err := do()
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *faultyFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *faultyFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.file("create", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

func (f *faultyFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("reuse", to, func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

// OpenDir opens a directory, which is there to be synced.
func (f *faultyFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *faultyFS) Link(from, to string) error {
	if err := f.fault("link", to); err != nil {
		return err
	}
	return f.FS.Link(from, to)
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.fault("rename", to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faultyFS) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.fault("mkdir", name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, perm)
}

type faultyFile struct {
	vfs.File
	fs   *faultyFS
	name string
}

// Write writes half of it before it fails.
func (f *faultyFile) Write(p []byte) (int, error) {
	err := f.fs.fault("write", f.name)
	if err == nil {
		return f.File.Write(p)
	}
	n, writeErr := f.File.Write(p[:len(p)/2])
	if writeErr != nil {
		return n, writeErr
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.fs.fault("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) SyncData() error {
	if err := f.fs.fault("sync", f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}
