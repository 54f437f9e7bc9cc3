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

// WrongPath makes an error of the command line out of an error about a path that stands there: nothing is at the path,
// a file is where a directory has to be or the reverse, or this user may not use it. Trying again helps none of them.
// Every other error is returned as it is, and so is one that has another exit code than that of a failure.
func WrongPath(args []string, err error) error {
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
	return err
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
