package partition

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// FreshDir makes a directory, or takes one that is empty: what a demo, a dump or a
// benchmark makes must not mix with what is there.
func FreshDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return &terminal.UsageError{Err: fmt.Errorf("%s is not empty: name a new directory", dir)}
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return &terminal.UsageError{Err: err}
	}
	return MakeDir(dir)
}

// makeDurableDir makes a directory that only its owner reads and that outlives
// the machine. Pebble syncs what it makes itself, and this it finds made: a
// state whose directory is lost would have to be rebuilt from the log, which
// may not reach back far enough any more. Directories that were there before
// are synced as well, for the process that made them may have died too soon.
func makeDurableDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for parent := fs.PathDir(dir); parent != dir; dir, parent = parent, fs.PathDir(parent) {
		f, err := fs.OpenDir(parent)
		if errors.Is(err, os.ErrPermission) {
			return nil // not ours to open, and then not ours to see to
		}
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("syncing %s: %w", parent, err)
		}
	}
	return nil
}

// MakeDir makes a directory that only its owner reads.
func MakeDir(dir string) error { return making(dir, os.MkdirAll(dir, 0o700)) }

// making explains an error of making a directory. Waiting does not help where a file is in its place.
func making(dir string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return &terminal.UsageError{Err: fmt.Errorf("%s is a file, or lies in one (%w): name another folder, or take the file away",
			dir, err)}
	}
	if err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	return nil
}
