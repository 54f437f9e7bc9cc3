package commandline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// WrongPath makes an error of the command line or the configuration out of an error about a path: a file is where a
// directory has to be or the reverse, this user may not use it, or its file system is read-only. Trying again helps
// none of them. That nothing is at a path is such an error where the path stands on the command line alone: what the
// configuration names may be on a disk that is not mounted yet. Every other error is returned as it is, and so is one
// that has another exit code than that of a failure, or that stopped work which had begun.
func WrongPath(args []string, err error) error {
	code := terminal.ExitCode(err)
	_, begun := errors.AsType[*terminal.BegunError](err)
	if begun || code != terminal.ExitFailed && code != terminal.ExitUsage {
		return err
	}
	if _, gone := os.Getwd(); gone != nil {
		return &terminal.UsageError{Err: fmt.Errorf("%w; the folder that this command was started in is gone: change to another",
			err)}
	}
	failed, ok := failedPath(err)
	if !ok || code != terminal.ExitFailed {
		return err
	}
	for _, arg := range args {
		for name := arg; ; { // --out=DIR and --events NAME=FILES have the path behind an equals sign
			if named(name, failed) {
				return &terminal.UsageError{Err: wayOut(name, failed, err)}
			}
			var more bool
			if _, name, more = strings.Cut(name, "="); !more {
				break
			}
		}
	}
	if errors.Is(failed.Err, fs.ErrNotExist) {
		return err
	}
	return &terminal.UsageError{Err: ofConfiguration(failed, err)}
}

// failedPath is the path that a lasting error is about. It is "" for the socket of another user.
func failedPath(err error) (failed *fs.PathError, ok bool) {
	if failed, ok = errors.AsType[*fs.PathError](err); ok {
		return failed, lasts(failed.Err)
	}
	return &fs.PathError{Err: fs.ErrPermission}, errors.Is(err, fs.ErrPermission)
}

// lasts reports whether an error of the file system stays until a person does something.
func lasts(err error) bool {
	for _, kind := range []error{
		fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.EISDIR, syscall.EROFS, syscall.ENAMETOOLONG,
		syscall.ELOOP,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// ofConfiguration says what to do about a path that does not stand on the command line, where the error ends without.
func ofConfiguration(failed *fs.PathError, err error) error {
	switch {
	case failed.Path == "" || !strings.HasSuffix(err.Error(), failed.Err.Error()):
	case errors.Is(failed.Err, fs.ErrPermission):
		return fmt.Errorf("%w: give this user the right to it, or let the configuration or a flag name another place", err)
	case errors.Is(failed.Err, syscall.EROFS):
		return fmt.Errorf("%w: let the configuration or a flag name a place on a disk that can be written", err)
	}
	return err
}

// named reports whether the path on the command line is why an operation failed: it failed at the path, at a directory
// above it, or, because the path is no directory or one of another user, below it. Where a file below it is not there,
// something else has removed the file.
func named(name string, failed *fs.PathError) bool {
	at, err1 := filepath.Abs(name)
	where, err2 := filepath.Abs(failed.Path)
	if name == "" || failed.Path == "" || err1 != nil || err2 != nil {
		return false
	}
	return where == at || above(where, at) || above(at, where) && !errors.Is(failed.Err, fs.ErrNotExist)
}

// above reports whether a directory is above a path.
func above(dir, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// wayOut says what a path has to be instead, where the error does not.
func wayOut(name string, failed *fs.PathError, err error) error {
	info, statErr := os.Stat(name)
	switch {
	case errors.Is(failed.Err, syscall.EISDIR):
		return fmt.Errorf("%w: name a file", err)
	case errors.Is(failed.Err, syscall.ENOTDIR) && statErr == nil && !info.IsDir():
		return fmt.Errorf("%w: %s is a file: name a directory", err, name)
	}
	return err
}
