package store

import (
	"bufio"
	"errors"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableBuffer is how much of a table is written at once, in bytes. Pebble writes a
// block at a time, of which a group fills one, through a buffer of 4 KiB; at that
// size a byte costs several times as much (BenchmarkTableFile).
const tableBuffer = 128 << 10

// tableFS is a file system that gathers what is written to a new table.
type tableFS struct{ vfs.FS }

// Unwrap implements vfs.FS.
func (f tableFS) Unwrap() vfs.FS { return f.FS }

// Create implements vfs.FS.
func (f tableFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || filepath.Ext(name) != ".sst" {
		return file, err
	}
	return &tableFile{File: file, buffer: bufio.NewWriterSize(file, tableBuffer)}, nil
}

// tableFile is a table being written, from its begin to its end. No reader has it
// before it is closed, and it does not count before it is synced.
type tableFile struct {
	vfs.File
	buffer *bufio.Writer
}

// Write implements vfs.File.
func (f *tableFile) Write(p []byte) (int, error) { return f.buffer.Write(p) }

// Sync implements vfs.File.
func (f *tableFile) Sync() error { return f.after(f.File.Sync) }

// SyncData implements vfs.File.
func (f *tableFile) SyncData() error { return f.after(f.File.SyncData) }

// after writes what is gathered and then does something with the file.
func (f *tableFile) after(do func() error) error {
	if err := f.buffer.Flush(); err != nil {
		return err
	}
	return do()
}

// SyncTo implements vfs.File.
func (f *tableFile) SyncTo(length int64) (whole bool, err error) {
	err = f.after(func() (err error) {
		whole, err = f.File.SyncTo(length)
		return err
	})
	return whole, err
}

// Close implements vfs.File.
func (f *tableFile) Close() error { return errors.Join(f.buffer.Flush(), f.File.Close()) }
