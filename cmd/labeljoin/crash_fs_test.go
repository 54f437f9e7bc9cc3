package main

import (
	"io/fs"
	"path"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tracedFS tells of every operation that changes the file system, before it is
// done. It is called by several goroutines.
type tracedFS struct {
	vfs.FS
	before func(kind string)
}

// Unwrap implements vfs.FS.
func (f *tracedFS) Unwrap() vfs.FS { return f.FS }

func (f *tracedFS) op(verb, name string) { f.before(verb + " " + fileClass(name)) }

func (f *tracedFS) file(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &tracedFile{File: file, fs: f, name: name}, nil
}

func (f *tracedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.op("create", name)
	file, err := f.FS.Create(name, c)
	return f.file(name, file, err)
}

func (f *tracedFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f.op("create", name)
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return f.file(name, file, err)
}

func (f *tracedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.op("reuse", to)
	file, err := f.FS.ReuseForWrite(from, to, c)
	return f.file(to, file, err)
}

func (f *tracedFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return f.file(name, file, err)
}

func (f *tracedFS) Link(from, to string) error {
	f.op("link", to)
	return f.FS.Link(from, to)
}

func (f *tracedFS) Rename(from, to string) error {
	f.op("rename", to)
	return f.FS.Rename(from, to)
}

func (f *tracedFS) Remove(name string) error {
	f.op("remove", name)
	return f.FS.Remove(name)
}

func (f *tracedFS) RemoveAll(name string) error {
	f.op("remove", name)
	return f.FS.RemoveAll(name)
}

func (f *tracedFS) MkdirAll(name string, perm fs.FileMode) error {
	f.op("mkdir", name)
	return f.FS.MkdirAll(name, perm)
}

type tracedFile struct {
	vfs.File
	fs   *tracedFS
	name string
}

func (f *tracedFile) Write(p []byte) (int, error) {
	f.fs.op("write", f.name)
	return f.File.Write(p)
}

func (f *tracedFile) WriteAt(p []byte, at int64) (int, error) {
	f.fs.op("write", f.name)
	return f.File.WriteAt(p, at)
}

func (f *tracedFile) Sync() error {
	f.fs.op("sync", f.name)
	return f.File.Sync()
}

func (f *tracedFile) SyncData() error {
	f.fs.op("sync", f.name)
	return f.File.SyncData()
}

func (f *tracedFile) SyncTo(length int64) (bool, error) {
	f.fs.op("sync", f.name)
	return f.File.SyncTo(length)
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
