package bucket

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writes tags our file's writes for the file system's accounting.
const writes = vfs.WriteCategoryUnspecified

// Dir is a Bucket in a directory of a file system with hard links.
//
// A name is durable only after an fsync of its directory, and that only if the
// directory's own name is. So Dir syncs the parents of every directory once
// before it relies on it, even of one that exists: the process that made it may
// have died before its own sync.
type Dir struct {
	fs   vfs.FS
	root string
	// session keeps the temporary files of two processes apart.
	session string

	mu    sync.Mutex
	known map[string]bool // directories whose names are durable
	owner *owner          // nil before the root is known
}

// NewDir returns the bucket at root, which is made when something is written to it.
func NewDir(fs vfs.FS, root string) *Dir {
	return &Dir{fs: fs, root: fs.PathJoin(root), session: rand.Text(), known: map[string]bool{}}
}

// String is the directory.
func (d *Dir) String() string { return d.root }

// Present looks for the directory.
func (d *Dir) Present() error {
	_, err := d.fs.Stat(d.root)
	return err
}

// Direct is false: files are renamed when they are committed.
func (d *Dir) Direct() bool { return false }

func (d *Dir) path(name string) string { return d.fs.PathJoin(d.root, name) }

// ensure makes a directory exist, durably.
func (d *Dir) ensure(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner == nil {
		if err := d.ensurePath(d.root); err != nil {
			return err
		}
		of := ownerOf(d.fs, d.root)
		d.owner = &of
	}
	return d.ensurePath(d.path(dir))
}

// give gives what was made to the owner of the root.
func (d *Dir) give(p string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.giveKnown(p)
}

// giveKnown does so under the lock. Above the root nothing is given away.
func (d *Dir) giveKnown(p string) error {
	if d.owner == nil {
		return nil
	}
	return d.owner.give(p)
}

// ensurePath climbs to the file system's root, or to the working directory of a
// relative path, and makes what is missing on the way back.
func (d *Dir) ensurePath(p string) error {
	parent := d.fs.PathDir(p)
	if d.known[p] || parent == p {
		return nil
	}
	_, err := d.fs.Stat(p)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if err := d.ensurePath(parent); err != nil {
		return err
	}
	if missing {
		if err := d.fs.MkdirAll(p, dirMode); err != nil {
			return err
		}
		if err := d.giveKnown(p); err != nil {
			return err
		}
	}
	// Directories that were there before may stand in one that is not ours to
	// open, and then their durability is not ours to see to either.
	if err := d.syncDir(parent); err != nil && !(errors.Is(err, fs.ErrPermission) && !missing) {
		return err
	}
	d.known[p] = true
	return nil
}

// dirMode lets only the owner and the group look: there are users' events
// in the files.
const dirMode = 0o750

// ensureNow makes a directory exist, durably, though others may have deleted it.
func (d *Dir) ensureNow(dir string) error {
	if err := d.ensure(dir); err != nil {
		return err
	}
	_, err := d.fs.Stat(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return d.again(dir)
	}
	return err
}

// again makes a directory that was there once and was deleted by others since,
// like a day that is not wanted any more. The root is not made again: a person who
// deleted or unmounted that must be told.
func (d *Dir) again(dir string) error {
	if _, err := d.fs.Stat(d.root); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", d.root, ErrGone)
	} else if err != nil {
		return err
	}
	d.mu.Lock()
	for p := d.path(dir); p != d.root && p != d.fs.PathDir(p); p = d.fs.PathDir(p) {
		delete(d.known, p)
	}
	d.mu.Unlock()
	return d.ensure(dir)
}

func (d *Dir) syncDir(p string) error {
	f, err := d.fs.OpenDir(p)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("sync directory %s: %w", p, err)
	}
	return f.Close()
}

// Stage creates the file under its name; until SyncDir a crash may lose it.
func (d *Dir) Stage(name string) (Writer, error) {
	if err := d.ensure(path.Dir(name)); err != nil {
		return nil, err
	}
	f, err := d.fs.Create(d.path(name), writes)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.again(path.Dir(name)); err != nil {
			return nil, err
		}
		f, err = d.fs.Create(d.path(name), writes)
	}
	if err != nil {
		return nil, err
	}
	if err := d.give(d.path(name)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileWriter{dir: d, name: name, file: f}, nil
}

// SyncDir syncs the directory.
func (d *Dir) SyncDir(dir string) error {
	if err := d.ensure(dir); err != nil {
		return err
	}
	err := d.syncDir(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.again(dir); err != nil {
			return err
		}
		err = d.syncDir(d.path(dir))
	}
	return err
}

// CreateIfAbsent writes a temporary file beside the name, syncs it and links
// it: link(2) fails if the name is taken, where rename(2) would replace it.
func (d *Dir) CreateIfAbsent(name string, data []byte) error {
	temporary, err := d.writeBeside(name, data)
	if err != nil {
		return err
	}
	err = d.fs.Link(d.path(temporary), d.path(name))
	_ = d.Remove(temporary) // what is left of it is swept on the next start
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", name, ErrExist)
	case err != nil:
		return err
	}
	return d.syncDir(d.path(path.Dir(name)))
}

// writeBeside writes a temporary file beside a name, durably but for its own name.
func (d *Dir) writeBeside(name string, data []byte) (temporary string, err error) {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name)) // not for a glob of whole files to find
	temporary = path.Join(path.Dir(name), TempPrefix+d.session+"-"+base)
	w, err := d.Stage(temporary)
	if err != nil {
		return "", err
	}
	// vfs.File may modify what it is given.
	if _, err := w.Write(bytes.Clone(data)); err != nil {
		w.Discard()
		return "", err
	}
	return temporary, w.Finish()
}

// Replace writes a temporary file beside the name, syncs it and renames it.
func (d *Dir) Replace(name string, data []byte) error {
	temporary, err := d.writeBeside(name, data)
	if err != nil {
		return err
	}
	if err := d.fs.Rename(d.path(temporary), d.path(name)); err != nil {
		return err
	}
	return d.syncDir(d.path(path.Dir(name)))
}

// TempPrefix begins the names of files that CreateIfAbsent may leave behind
// when the process dies.
const TempPrefix = ".new-"

// Publish renames. The target directories are synced even where nothing was
// left to move: the process that moved may have died before its sync.
func (d *Dir) Publish(moves []Move) error {
	var dirs []string
	seen := map[string]bool{}
	for _, m := range moves {
		dir := path.Dir(m.To)
		if !seen[dir] {
			if err := d.ensureNow(dir); err != nil {
				return err
			}
			seen[dir] = true
			dirs = append(dirs, dir)
		}
		if _, err := d.fs.Stat(d.path(m.To)); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := d.fs.Rename(d.path(m.From), d.path(m.To)); err != nil {
			return fmt.Errorf("publish %s: %w", m.To, err)
		}
	}
	for _, dir := range dirs {
		err := d.syncDir(d.path(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // others may delete it at once
			return err
		}
	}
	return nil
}

// Open opens a file. It looks first, for opening a pipe waits until another process
// writes to it.
func (d *Dir) Open(name string) (Reader, error) {
	switch info, err := d.fs.Stat(d.path(name)); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a %s: %w", name, kindOf(info.Mode()), ErrNotFile)
	}
	f, err := d.fs.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &fileReader{File: f, size: info.Size()}, nil
}

// kindOf says what something is that is not a file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeDevice != 0:
		return "device"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "special file"
}

// List lists a directory.
func (d *Dir) List(dir string) ([]string, error) {
	names, err := d.fs.List(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Remove removes a file.
func (d *Dir) Remove(name string) error {
	if err := d.fs.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Lock takes an advisory lock on a file that stays there.
func (d *Dir) Lock(name string) (io.Closer, error) {
	if err := d.ensure(path.Dir(name)); err != nil {
		return nil, err
	}
	lock, err := d.fs.Lock(d.path(name))
	if held(err) {
		return nil, fmt.Errorf("%w: %v", ErrLocked, err) // not %w: EACCES of a held lock is no missing right
	}
	if err != nil {
		return nil, err
	}
	if err := d.give(d.path(name)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// held reports whether an error of vfs.FS.Lock says that the lock is held. fcntl says so with one of three numbers,
// without a path, where os.Create, which comes before, names one; and Pebble says so of its own process in words alone.
func held(err error) bool {
	if err == nil || errors.As(err, new(*fs.PathError)) {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process")
}

type fileWriter struct {
	dir  *Dir
	name string
	file vfs.File // nil once finished or discarded
}

func (w *fileWriter) Write(p []byte) (int, error) { return w.file.Write(p) }

// Finish syncs the file. A failed fsync may have dropped the pages it could not
// write, so the file is given up and never synced again.
func (w *fileWriter) Finish() error {
	f := w.file
	w.file = nil
	err := f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = w.dir.Remove(w.name) // the error that matters is the first
		return fmt.Errorf("sync %s: %w", w.name, err)
	}
	return nil
}

func (w *fileWriter) Discard() {
	if w.file == nil {
		return
	}
	_ = w.file.Close() // nothing of it is wanted any more
	w.file = nil
	_ = w.dir.Remove(w.name)
}

type fileReader struct {
	vfs.File
	size int64
}

func (r *fileReader) Size() int64 { return r.size }
