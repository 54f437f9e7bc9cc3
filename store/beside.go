package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// A state that is rebuilt stands beside the one that it replaces, in a directory
// within that one's, and a file names the directory that counts. That file is
// replaced by a rename, which a crash leaves done or not done, so that there is
// one whole state at any moment.
const (
	pointerFile   = "USE"       // names the directory that counts; absent: the database lies beside it
	besideDir     = "rebuild-"  // and a number: a database that was built beside another
	pointerUnborn = "USE.draft" // the pointer while it is written
)

// Reset implements engine.Store.
func (s *Store) Reset() error {
	if s.old != nil {
		return errors.New("emptying the state: it was emptied before, and neither adopted nor restored since")
	}
	if len(s.saved.Progress.Inputs) == 0 {
		return nil // it is empty: there is nothing to keep
	}
	if s.unflushed { // what was stays as it is, to its last batch
		if err := flush(s.db.Load()); err != nil {
			return err
		}
	}
	name := besideDir + strconv.Itoa(s.besideNumber()+1)
	db, err := s.openIn(name)
	if err != nil {
		return fmt.Errorf("making a state beside the one in %s, which stays: %w", s.o.Dir, err)
	}
	err = s.batch.Close()
	s.old, s.oldName = s.db.Load(), s.name
	s.use(db, name)
	return err
}

// Adopt implements engine.Store.
func (s *Store) Adopt() error {
	if s.old == nil {
		return nil
	}
	if err := flush(s.db.Load()); err != nil {
		return err
	}
	if err := s.point(); err != nil {
		return fmt.Errorf("putting the rebuilt state in the place of the one in %s, which stays: %w", s.o.Dir, err)
	}
	err := s.old.Close()
	s.old = nil
	return errors.Join(err, s.sweep())
}

// Restore implements engine.Store.
func (s *Store) Restore() error {
	if s.old == nil {
		return nil
	}
	beside, dir := s.db.Load(), s.o.FS.PathJoin(s.o.Dir, s.name)
	err := s.batch.Close()
	s.use(s.old, s.oldName)
	s.old = nil
	return errors.Join(err, beside.Close(), s.o.FS.RemoveAll(dir), s.load())
}

// use makes a database the one that is read and written, as if it were empty.
func (s *Store) use(db *pebble.DB, name string) {
	s.db.Store(db)
	s.name, s.batch, s.unflushed = name, db.NewBatch(), false
	s.index, s.saved, s.deleted = newIndex(), nothing(), events.MinTime
	s.rowsQueued, s.deadLetters = 0, 0
	s.newRequests, s.groups = s.newRequests[:0], s.groups[:0]
	s.dirty.empty()
}

// besideNumber is the number of the directory in use, 0 if it is the first.
func (s *Store) besideNumber() int {
	n, _ := strconv.Atoi(strings.TrimPrefix(s.name, besideDir)) // checked by pointed
	return n
}

// pointed reads which directory counts.
func pointed(fs vfs.FS, dir string) (name string, err error) {
	f, err := fs.Open(fs.PathJoin(dir, pointerFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	name = strings.TrimSuffix(string(text), "\n")
	if n, err := strconv.Atoi(strings.TrimPrefix(name, besideDir)); err != nil || n < 1 ||
		name != besideDir+strconv.Itoa(n) {
		return "", fmt.Errorf("%s names %q, which is no directory of a state", pointerFile, name)
	}
	return name, nil
}

// point makes the directory in use the one that counts.
func (s *Store) point() error {
	fs := s.o.FS
	draft := fs.PathJoin(s.o.Dir, pointerUnborn)
	f, err := fs.Create(draft, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(s.name + "\n"))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(draft, fs.PathJoin(s.o.Dir, pointerFile)); err != nil {
		return err
	}
	return syncDir(fs, s.o.Dir)
}

// sweep removes what does not count: what a rebuild that was broken off has left,
// and what one that was adopted has replaced.
func (s *Store) sweep() error {
	fs := s.o.FS
	names, err := fs.List(s.o.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		replaced := s.name != "" && name != pointerFile && name != s.name
		if broken := strings.HasPrefix(name, besideDir) && name != s.name; replaced || broken {
			err = errors.Join(err, fs.RemoveAll(fs.PathJoin(s.o.Dir, name)))
		}
	}
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
