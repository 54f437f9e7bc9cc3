package export

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/labeljoin/labeljoin/export/tablelog"
)

// FencedError says that another process made the commit: this process is not the
// partition's owner any more.
type FencedError = tablelog.FencedError

// ChainError says that the manifests do not continue one another: one is
// missing, was changed, or belongs to something else.
type ChainError = tablelog.ChainError

// LockedError says that another process has the output open, or that its lock
// cannot be taken for another reason.
type LockedError struct {
	Dir       string
	Partition int
	Err       error
}

func (e *LockedError) Error() string {
	if pathErr, ok := errors.AsType[*fs.PathError](e.Err); ok { // it could not even be opened
		return fmt.Sprintf("output %s, partition %d, cannot be locked: %v: its lock is a file that this process may write",
			e.Dir, e.Partition, pathErr)
	}
	return fmt.Sprintf("output %s, partition %d, is in use by another process (%v): stop that one, or give this one another output.dir", e.Dir, e.Partition, e.Err)
}

func (e *LockedError) Unwrap() error { return e.Err }

// FolderError says that a file is where an output has a folder.
type FolderError struct {
	Dir string
	Err error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("output %s is a file, or one of its folders is (%v): name a folder in output.dir, or take the file away",
		e.Dir, e.Err)
}

func (e *FolderError) Unwrap() error { return e.Err }

// Misuse reports that waiting does not help.
func (e *FolderError) Misuse() bool { return true }

// notLocked explains why an output could not be locked.
func notLocked(dir string, partition int, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return &FolderError{Dir: dir, Err: err}
	}
	return &LockedError{Dir: dir, Partition: partition, Err: err}
}

// inFolders explains an error of an output if it is that a file is where a folder ought to be.
func inFolders(dir string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return &FolderError{Dir: dir, Err: err}
	}
	return err
}

// MissingFileError says that a committed file is not there, or not the one that
// was committed.
type MissingFileError struct {
	Dir    string
	Path   string // of the file, below Dir
	Number uint64 // of its commit
	Reason string
}

func (e *MissingFileError) Error() string {
	return fmt.Sprintf("output %s: file %s of commit %d: %s; restore the output whole from a backup, compute the day again with `labeljoin replay --replace`, or start over with an empty output.dir and state.dir",
		e.Dir, e.Path, e.Number, e.Reason)
}

// Refusal reports that a person has to decide.
func (e *MissingFileError) Refusal() bool { return true }

// GoneError says that an output directory, or what was committed into it, is not
// there any more: it was deleted, or its disk is not mounted.
type GoneError struct {
	Dir  string
	Path string // what is missing, below Dir; empty: the directory itself
	Last uint64 // the commit that was made last; 0: none is known
}

func (e *GoneError) Error() string {
	what := "it is not there any more"
	if e.Path != "" {
		what = fmt.Sprintf("%s is not there any more, though commit %d was made", e.Path, e.Last)
	}
	return fmt.Sprintf("output %s: %s: was the directory deleted, or its disk unmounted? Mount it, or restore the output whole from a backup, and start again; to start over, empty output.dir and state.dir both", e.Dir, what)
}

// Refusal reports that a person has to decide.
func (e *GoneError) Refusal() bool { return true }

// EmptyError says that there is nothing in an output directory, not even what a
// joiner leaves that has committed nothing.
type EmptyError struct{ Dir string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("output %s: no joiner ever wrote here, so nothing can be told from it: is it the right directory, and is its disk mounted?", e.Dir)
}

// Refusal reports that a person has to decide.
func (e *EmptyError) Refusal() bool { return true }

// GapError says that the file in which a gap was declared is not what was written.
type GapError struct {
	Path string // of the declaration, below the output directory
	Err  error
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s: %v: the file was changed from outside: restore it from a backup; the manifests have the gaps that were taken in", e.Path, e.Err)
}

// Refusal reports that a person has to decide.
func (e *GapError) Refusal() bool { return true }

func (e *GapError) Unwrap() error { return e.Err }

// CorruptFileError says that a staged file, read back, was not what had been
// written. Nothing was committed.
type CorruptFileError struct {
	Path string // of the staged file
	Err  error
}

func (e *CorruptFileError) Error() string {
	return fmt.Sprintf("staged file %s was read back and is not what was written: %v; nothing was committed: check the disk and the memory of this machine", e.Path, e.Err)
}

// Refusal reports that a person has to decide.
func (e *CorruptFileError) Refusal() bool { return true }

func (e *CorruptFileError) Unwrap() error { return e.Err }
