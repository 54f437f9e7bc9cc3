package bucket

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Arrange makes a directory hold other objects, in one step: who lists it sees what it
// held before, or what it holds then. Want says which names are to be there and where
// each object is now; drop are the names that leave. Other names, which are published
// meanwhile, stay. What left is kept under aside, which must be a directory that is not
// there yet. Arranging again after a crash, with another aside, completes it.
//
// The error is ErrNoExchange where the file system cannot exchange two directories.
func (d *Dir) Arrange(dir, aside string, want map[string]string, drop map[string]bool) error {
	if len(want) == 0 {
		return d.moveAway(dir, aside, drop)
	}
	if err := d.ensure(aside); err != nil {
		return err
	}
	want = maps.Clone(want)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		err := d.fs.Link(d.path(want[name]), d.path(path.Join(aside, name)))
		if err == nil || errors.Is(err, fs.ErrExist) {
			continue
		}
		if info, statErr := d.fs.Stat(d.path(want[name])); statErr != nil || !info.IsDir() {
			return fmt.Errorf("link %s: %w", want[name], err)
		}
		delete(want, name) // a directory of another program cannot be linked: it is moved back at the end
	}
	if err := d.syncDir(d.path(aside)); err != nil {
		return err
	}
	if err := d.ensureNow(dir); err != nil {
		return err
	}
	if err := d.exchange(d.path(dir), d.path(aside)); err != nil {
		return fmt.Errorf("exchange %s and %s: %w", dir, aside, err)
	}
	return d.tidy(dir, aside, want, drop)
}

// tidy leaves only what left the directory in aside.
func (d *Dir) tidy(dir, aside string, want map[string]string, drop map[string]bool) error {
	// Aside first: what is in no directory any more could not be found again.
	for _, parent := range []string{path.Dir(aside), path.Dir(dir)} {
		if err := d.syncDir(d.path(parent)); err != nil {
			return err
		}
	}
	names, err := d.List(aside)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch {
		case drop[name]:
			continue
		case want[name] != "":
			err = d.Remove(path.Join(aside, name)) // it is in the directory too
		default:
			err = d.Publish([]Move{{From: path.Join(aside, name), To: path.Join(dir, name)}})
		}
		if err != nil {
			return err
		}
	}
	err = d.syncDir(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) { // it was moved away as a whole
		err = nil
	}
	return errors.Join(err, d.syncDir(d.path(aside)))
}

// moveAway takes a whole directory out of sight.
func (d *Dir) moveAway(dir, aside string, drop map[string]bool) error {
	if err := d.ensure(path.Dir(aside)); err != nil {
		return err
	}
	err := d.fs.Rename(d.path(dir), d.path(aside))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	delete(d.known, d.path(dir))
	d.mu.Unlock()
	return d.tidy(dir, aside, nil, drop)
}

// Exchanger is a file system that can exchange two directories in one step.
type Exchanger interface {
	Exchange(a, b string) error
}

// ErrNoExchange says that a file system cannot exchange two directories in one step.
var ErrNoExchange = errors.New("this file system cannot exchange two directories in one step, so files cannot be merged where readers look")

func (d *Dir) exchange(a, b string) error {
	for fsys := d.fs; ; {
		if x, ok := fsys.(Exchanger); ok {
			return x.Exchange(a, b)
		}
		if fsys == vfs.Default {
			return exchange(a, b)
		}
		inner := fsys.Unwrap()
		if inner == nil || inner == fsys {
			return ErrNoExchange
		}
		fsys = inner
	}
}

// RemoveAll removes a directory and the files in it and in directories below it.
func (d *Dir) RemoveAll(dir string) error {
	if err := d.fs.RemoveAll(d.path(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.known, func(p string, _ bool) bool { return p == d.path(dir) || d.fs.PathDir(p) == d.path(dir) })
	return nil
}
