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

// WrongPath makes an error of the command line or the configuration out of an error about a path that cannot be what
// it ought to be: a file is where a directory has to be or the reverse, or the name is too long. Trying again does not
// help. Where the path stands on the command line, the same holds if nothing is there, if this user may not use it, or
// if its file system is read-only. What the configuration names may be on a disk that is mounted later, or again: that
// remains a failure, which says what to do. Every other error is returned as it is, and so is one that has another exit
// code than that of a failure.
func WrongPath(args []string, err error) error {
	if code := terminal.ExitCode(err); code != terminal.ExitFailed && code != terminal.ExitUsage {
		return err
	}
	if _, gone := os.Getwd(); gone != nil {
		return fmt.Errorf("%w; the folder that this command was started in is gone: change to another", err)
	}
	failed, ok := errors.AsType[*fs.PathError](err)
	if !ok || terminal.ExitCode(err) != terminal.ExitFailed || !lasts(failed.Err) {
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
	switch {
	case errors.Is(failed.Err, fs.ErrNotExist):
		return err
	case errors.Is(failed.Err, fs.ErrPermission), errors.Is(failed.Err, syscall.EROFS):
		return ofConfiguration(failed, err)
	}
	return &terminal.UsageError{Err: err}
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
