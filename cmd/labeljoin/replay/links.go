package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// glob expands a pattern as doublestar.FilepathGlob does. Directories that lie in
// themselves by way of a link are left out, so that ** comes to an end.
func glob(pattern string) (matches []string, err error) {
	base, rest := doublestar.SplitPattern(filepath.ToSlash(filepath.Clean(pattern)))
	matches, err = doublestar.Glob(&uncircled{os.DirFS(base), base}, rest, doublestar.WithFailOnIOErrors())
	if errors.Is(err, doublestar.ErrBadPattern) {
		return nil, fmt.Errorf("there is no such file, and as a pattern it is malformed: %w", err)
	}
	for i := range matches {
		matches[i] = filepath.FromSlash(path.Join(base, matches[i]))
	}
	return matches, err
}

// uncircled is a file system in which no directory has an entry that is one of the
// directories above it.
type uncircled struct {
	fs.FS
	base string // its root
}

// Stat implements fs.StatFS. Without it a file would be opened, and a pipe waits for its writer.
func (u *uncircled) Stat(name string) (fs.FileInfo, error) { return fs.Stat(u.FS, name) }

// ReadDir implements fs.ReadDirFS.
func (u *uncircled) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(u.FS, name)
	if err != nil {
		return nil, err
	}
	above, linked, err := u.above(name)
	if err != nil {
		return nil, err
	}
	kept := entries[:0]
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 && !(linked && e.IsDir()) {
			kept = append(kept, e)
			continue
		}
		target, err := realPath(filepath.Join(u.base, filepath.FromSlash(name), e.Name()))
		if err != nil || !above[target] { // a link that leads nowhere is told of by who opens it
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// above are a directory and those above it by its name, as they are without links; linked
// says that there are links among them.
func (u *uncircled) above(name string) (dirs map[string]bool, linked bool, err error) {
	dirs = map[string]bool{}
	at, last := u.base, ""
	for _, part := range append([]string{"."}, strings.Split(name, "/")...) {
		at = filepath.Join(at, part)
		real, err := realPath(at)
		if err != nil {
			return nil, false, err
		}
		linked = linked || last != "" && part != "." && real != filepath.Join(last, part)
		dirs[real], last = true, real
	}
	return dirs, linked, nil
}

// realPath is a path without links, from the root on.
func realPath(name string) (string, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Errorf("%s leads nowhere: %w", name, err)
	}
	return real, nil
}
