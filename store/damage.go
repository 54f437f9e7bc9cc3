package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
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
