package store

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// DamagedError says that the files of a state are not what was written: some
// are missing, or their content cannot be read. The state is a cache of the
// log, so nothing is lost by it.
type DamagedError struct {
	Dir string
	Err error
}

// Error says what to do.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the state in %s is damaged: %v; it is a cache of the log: delete this directory and start again, and it is rebuilt from the log", e.Dir, e.Err)
}

// Unwrap is the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// opening explains an error of opening or reading a state.
func opening(dir string, err error) error {
	if errors.Is(err, pebble.ErrDBDoesNotExist) { // only where it is opened for reading
		return fmt.Errorf("there is no state in %s: %w", dir, fs.ErrNotExist)
	}
	if errors.Is(err, syscall.EAGAIN) { // what locking a locked file gives
		return fmt.Errorf("the state in %s is in use by another process (%w): stop that one, or give this one another state.dir", dir, err)
	}
	// What the operating system refuses (permissions, too many files, a failing
	// disk) says nothing of the content.
	_, refused := errors.AsType[syscall.Errno](err)
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
	if refused && !missing {
		return fmt.Errorf("opening the state in %s: %w", dir, err)
	}
	return &DamagedError{Dir: dir, Err: err}
}

// damageMark is a file that says of a state that damage was found in it. What is
// damaged may be read long after the start: without the mark the next start
// would join until it meets the same block again.
const damageMark = "DAMAGED"

// damage is told by Pebble of files that are not what was written.
type damage struct {
	fs       vfs.FS
	dir      string
	readOnly bool
	log      logger

	mu   sync.Mutex
	open bool  // Open is done
	err  error // found by then
}

// marked is the error of a state in which damage was found before.
func (d *damage) marked() error {
	if _, err := d.fs.Stat(d.fs.PathJoin(d.dir, damageMark)); err != nil {
		return nil // there is no mark, or opening the state will say what is wrong
	}
	return errors.New("the process before found damage in it")
}

// found is called for each file in which there is damage. A state that is in
// use is marked, and the process ends, for what it would read may be wrong.
func (d *damage) found(info pebble.DataCorruptionInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.readOnly {
		return // what is read says so itself
	}
	if !d.open {
		d.err = errors.Join(d.err, fmt.Errorf("%s: %w", info.Path, info.Details))
		return
	}
	if f, err := d.fs.Create(d.fs.PathJoin(d.dir, damageMark), vfs.WriteCategoryUnspecified); err == nil {
		err = errors.Join(f.Sync(), f.Close())
		if err != nil {
			d.log.Errorf("marking the damaged state: %s", err)
		}
	}
	d.log.Fatalf("%s is damaged (%s): the next start rebuilds the state from the log", info.Path, info.Details)
}

// opened ends the time in which damage is an error of Open. It returns that
// error: what loading says, or what was found meanwhile.
func (d *damage) opened(loading error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := errors.Join(loading, d.err)
	d.open = err == nil
	return err
}
