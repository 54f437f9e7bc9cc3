package export

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// MergedError says that files were not read because they were merged, or their days
// were ended, since the list of them was read. It is no damage: read the list again.
type MergedError struct{ Err error }

// Error implements error.
func (e *MergedError) Error() string {
	return fmt.Sprintf("files were merged, or their days were removed, while they were read: try again while neither compact nor retain runs: %v", e.Err)
}

// Unwrap is what happened to the file.
func (e *MergedError) Unwrap() error { return e.Err }

// readAgain is how often what is merged meanwhile is read again. A file is kept until the
// compaction after the one that merged it, so only two of these in a row take it away.
const readAgain = 5

// orMerged tells a file that an operation since a number has removed from one that is lost.
func (a *Archive) orMerged(err error, since uint64) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	gone, failed := a.removedSince(since)
	if failed != nil || len(gone) == 0 {
		return errors.Join(err, failed)
	}
	return &MergedError{err}
}

// removedSince are the files that the operations after a number have removed.
func (a *Archive) removedSince(number uint64) (map[string]bool, error) {
	gone := map[string]bool{}
	for n := number + 1; ; n++ {
		op, err := a.log.Read(n)
		if errors.Is(err, fs.ErrNotExist) {
			return gone, nil
		}
		if err != nil {
			return nil, err
		}
		for _, name := range op.Removed {
			gone[name] = true
		}
	}
}

// merged reports whether a file that was not there was removed since the newest manifest
// that was read.
func (v *verifier) merged() (bool, error) {
	if v.last == nil || len(v.missing) == 0 {
		return false, nil
	}
	gone, err := v.removedSince(v.last.Number)
	return slices.ContainsFunc(v.missing, func(name string) bool { return gone[name] }), err
}
