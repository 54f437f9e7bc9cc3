package export

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// numbered lists the published files of this partition, with what their names say.
func (o *Output) numbered() (map[string]tablelog.FileName, error) {
	if o.bucket.Direct() { // no reader sees a file that no manifest names
		return nil, nil
	}
	days, err := o.bucket.List(tablelog.DataDir)
	if err != nil {
		return nil, err
	}
	dirs := []string{tablelog.DeadLetterDir}
	for _, d := range days {
		if strings.HasPrefix(d, tablelog.DayPrefix) {
			dirs = append(dirs, path.Join(tablelog.DataDir, d))
		}
	}
	found := map[string]tablelog.FileName{}
	for _, dir := range dirs {
		names, err := o.bucket.List(dir)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			if f, ok := tablelog.ParseFileName(name); ok && f.Partition == o.opts.Partition {
				found[path.Join(dir, name)] = f
			}
		}
	}
	return found, nil
}

// findLater remembers the files of commits after the last. Their manifests are not
// here: the output is a copy that was made while a joiner wrote, or the newest
// manifests were lost. The log still has what those commits read, or the joiner
// refuses to go on; so their rows are written again, and must not be there twice.
func (o *Output) findLater(there map[string]tablelog.FileName, state *tablelog.State) {
	for name, f := range there {
		if later(f, state) {
			o.later = append(o.later, name)
		}
	}
	slices.Sort(o.later)
	if len(o.later) > 0 {
		o.opts.Log.Warn("there are files of commits that have no manifest here: the next commit sets them aside, and their rows are written again",
			"files", len(o.later), "first", o.later[0], "last_commit", state.Receipt.Number, "aside", tablelog.AsideDir)
	}
}

// later reports whether a file is of a commit or of an operation after the newest.
func later(f tablelog.FileName, state *tablelog.State) bool {
	if f.Operation {
		return f.Number > state.Number
	}
	return f.Number > state.Receipt.Number
}

// setAside moves the files of later commits out of the readers' sight, durably.
// Another process that made such a commit meanwhile has fenced this one.
func (o *Output) setAside() error {
	o.mu.Lock()
	later := o.later
	o.mu.Unlock()
	if len(later) == 0 {
		return nil
	}
	_, last, _ := o.Last()
	if err := o.writer.Refresh(); err != nil {
		return err
	}
	if cut, now, _ := o.Last(); now.Number != last.Number {
		return &FencedError{Partition: o.opts.Partition, Number: now.Number, Theirs: cut.Nonce}
	}
	var moves []bucket.Move
	dirs := map[string]bool{}
	for _, name := range later {
		moves = append(moves, bucket.Move{From: name, To: path.Join(tablelog.AsideDir, o.session, name)})
		dirs[path.Dir(name)] = true
	}
	if err := o.bucket.Publish(moves); err != nil {
		return fmt.Errorf("setting files of commits without a manifest aside: %w", err)
	}
	for dir := range dirs {
		if err := o.bucket.SyncDir(dir); err != nil {
			return err
		}
	}
	o.opts.Log.Warn("set files of commits without a manifest aside", "files", len(later), "folder",
		path.Join(tablelog.AsideDir, o.session))
	o.mu.Lock()
	o.later = nil
	o.mu.Unlock()
	return nil
}

// deleted reports whether a file of the last commit that is nowhere was deleted on
// purpose: old days may be, and dead letters that were dealt with. A day is old if
// newer events were read, and none of its files is left. Else the file is lost.
func (o *Output) deleted(op *tablelog.Operation, a *tablelog.Artifact, state *tablelog.State) (bool, error) {
	if !strings.HasPrefix(a.Path, tablelog.DataDir+"/") {
		o.opts.Log.Warn("the dead letters of the last commit were deleted", "file", a.Path, "operation", op.Number)
		return true, nil
	}
	if state.Last == nil {
		return false, nil
	}
	gone, err := o.dayDeleted(state.Last.MaxEvent, path.Dir(a.Path))
	if gone {
		o.opts.Log.Warn("a file of the last commit is not there, nor is any other of its day, which is taken for deleted on purpose", "file", a.Path, "operation", op.Number)
	}
	return gone, err
}

// dayDeleted reports whether a day's folder has no file of rows and is of a day before the
// newest event's.
func (o *Output) dayDeleted(newest events.Time, dir string) (bool, error) {
	if dir >= tablelog.DayDir(tablelog.DayName(newest)) {
		return false, nil
	}
	names, err := o.bucket.List(dir)
	return !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, tablelog.FileSuffix) }), err
}

// present returns a *GoneError if the last commit is not there any more. It keeps a
// joiner whose output was deleted or unmounted from beginning another in its place.
func (o *Output) present() error {
	number, _, last := o.writer.Head()
	if number == 0 {
		return nil
	}
	name := tablelog.ManifestPath(o.opts.Partition, number)
	r, err := o.bucket.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &GoneError{Dir: o.dir, Path: name, Last: last.Number}
	}
	if err != nil {
		return err
	}
	return r.Close()
}

// whether turns an error into a *GoneError if the output is not there any more.
func (o *Output) whether(err error) error {
	switch {
	case errors.Is(err, bucket.ErrGone):
		_, last, _ := o.Last()
		return &GoneError{Dir: o.dir, Last: last.Number}
	case errors.Is(err, fs.ErrNotExist):
		if gone, ok := errors.AsType[*GoneError](o.present()); ok {
			return gone
		}
	}
	return err
}
