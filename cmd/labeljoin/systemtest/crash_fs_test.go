package systemtest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tracedFS tells of every operation that changes the file system, before it is
// done. If there is a twin, it does the same to it, until it is told that the
// process is dead: then the twin is what a killed process leaves, with all that
// was not synced, while the process goes on and does not get to know. It is
// called by several goroutines.
type tracedFS struct {
	vfs.FS
	twin   vfs.FS // nil, or as FS is at first
	before func(kind string) (alive bool)
}

// Unwrap implements vfs.FS.
func (f *tracedFS) Unwrap() vfs.FS { return f.FS }

// change does something to the file system and to its twin. The twin fails
// where the other does.
func (f *tracedFS) change(verb, name string, do func(vfs.FS) error) error {
	if alive := f.before(verb + " " + fileClass(name)); alive && f.twin != nil {
		_ = do(f.twin)
	}
	return do(f.FS)
}

// open opens a file for writing, or a directory, there and on the twin.
func (f *tracedFS) open(name string, alive bool, do func(vfs.FS) (vfs.File, error)) (vfs.File, error) {
	file, err := do(f.FS)
	if err != nil {
		return nil, err
	}
	traced := &tracedFile{File: file, fs: f, name: name}
	if alive && f.twin != nil {
		if twin, err := do(f.twin); err == nil {
			traced.twin = twin
		}
	}
	return traced, nil
}

func (f *tracedFS) create(verb, name string, do func(vfs.FS) (vfs.File, error)) (vfs.File, error) {
	return f.open(name, f.before(verb+" "+fileClass(name)), do)
}

func (f *tracedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create("create", name, func(fs vfs.FS) (vfs.File, error) { return fs.Create(name, c) })
}

func (f *tracedFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.create("create", name, func(fs vfs.FS) (vfs.File, error) { return fs.OpenReadWrite(name, c, o...) })
}

func (f *tracedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create("reuse", to, func(fs vfs.FS) (vfs.File, error) { return fs.ReuseForWrite(from, to, c) })
}

// OpenDir opens a directory, which the twin may have no more.
func (f *tracedFS) OpenDir(name string) (vfs.File, error) {
	return f.open(name, true, func(fs vfs.FS) (vfs.File, error) { return fs.OpenDir(name) })
}

// Lock locks only here: the locks of a dead process are gone.
func (f *tracedFS) Lock(name string) (io.Closer, error) {
	file, err := f.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	lock, err := f.FS.Lock(name)
	return lock, errors.Join(err, file.Close())
}

func (f *tracedFS) Link(from, to string) error {
	return f.change("link", to, func(fs vfs.FS) error { return fs.Link(from, to) })
}

func (f *tracedFS) Rename(from, to string) error {
	return f.change("rename", to, func(fs vfs.FS) error { return fs.Rename(from, to) })
}

func (f *tracedFS) Remove(name string) error {
	return f.change("remove", name, func(fs vfs.FS) error { return fs.Remove(name) })
}

func (f *tracedFS) RemoveAll(name string) error {
	return f.change("remove", name, func(fs vfs.FS) error { return fs.RemoveAll(name) })
}

func (f *tracedFS) MkdirAll(name string, perm fs.FileMode) error {
	return f.change("mkdir", name, func(fs vfs.FS) error { return fs.MkdirAll(name, perm) })
}

type tracedFile struct {
	vfs.File
	twin vfs.File // or nil
	fs   *tracedFS
	name string
}

// change does something to the file and to its twin.
func (f *tracedFile) change(verb string, do func(vfs.File) error) error {
	if alive := f.fs.before(verb + " " + fileClass(f.name)); alive && f.twin != nil {
		if err := do(f.twin); err != nil {
			return err
		}
	}
	return do(f.File)
}

func (f *tracedFile) Write(p []byte) (n int, err error) {
	text := bytes.Clone(p) // a file may modify what it is given
	err = f.change("write", func(file vfs.File) error {
		n, err = file.Write(bytes.Clone(text))
		return err
	})
	return n, err
}

func (f *tracedFile) WriteAt(p []byte, at int64) (n int, err error) {
	text := bytes.Clone(p)
	err = f.change("write", func(file vfs.File) error {
		n, err = file.WriteAt(bytes.Clone(text), at)
		return err
	})
	return n, err
}

func (f *tracedFile) Sync() error     { return f.change("sync", vfs.File.Sync) }
func (f *tracedFile) SyncData() error { return f.change("sync", vfs.File.SyncData) }

func (f *tracedFile) SyncTo(length int64) (whole bool, err error) {
	err = f.change("sync", func(file vfs.File) error {
		whole, err = file.SyncTo(length)
		return err
	})
	return whole, err
}

// copyTree copies a directory and what is below, if it is there.
func copyTree(from, to vfs.FS, dir string) error {
	names, err := from.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err = errors.Join(err, to.MkdirAll(dir, 0o755))
	for _, name := range names {
		name = path.Join(dir, name)
		info, statErr := from.Stat(name)
		switch {
		case statErr != nil:
			err = errors.Join(err, statErr)
		case info.IsDir():
			err = errors.Join(err, copyTree(from, to, name))
		default:
			err = errors.Join(err, copyFile(from, to, name))
		}
	}
	return err
}

func copyFile(from, to vfs.FS, name string) error {
	text, err := readMemFile(from, name)
	if err != nil {
		return err
	}
	f, err := to.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// fileClass says what a file is for: crash points are counted by it.
func fileClass(name string) string {
	if name = strings.TrimPrefix(path.Clean(name), "/"); name == "." || name == "" {
		return "directory ."
	}
	dir, base := path.Dir(name), path.Base(name)
	switch area, _, _ := strings.Cut(name, "/"); {
	case area == "state":
		return "state " + stateClass(base)
	case path.Ext(base) == "" && base != "LOCK" && !strings.HasPrefix(base, ".new-"):
		return "directory " + strings.TrimPrefix(directoryClass(name), "out/")
	case strings.HasSuffix(dir, "_staging"):
		return "staged " + path.Ext(base)
	case strings.HasPrefix(base, ".new-"):
		return "new manifest"
	case strings.HasPrefix(dir, "out/_commits"):
		return "manifest"
	case strings.HasPrefix(dir, "out/data"):
		return "data file"
	case strings.HasPrefix(dir, "out/deadletter"):
		return "dead letters"
	}
	return base
}

func directoryClass(name string) string {
	if strings.Contains(name, "dt=") {
		return "out/data/dt"
	}
	return name
}

// stateClass sorts Pebble's files.
func stateClass(base string) string {
	switch {
	case strings.HasSuffix(base, ".log"):
		return "WAL"
	case strings.HasSuffix(base, ".sst"):
		return "table"
	case strings.HasPrefix(base, "MANIFEST"):
		return "version"
	case strings.HasPrefix(base, "marker"):
		return "marker"
	case strings.HasPrefix(base, "OPTIONS"), strings.HasSuffix(base, ".dbtmp"):
		return "options"
	}
	return "directory"
}
