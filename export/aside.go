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
)

// numbered lists the published files of this partition, with their commits.
func (o *Output) numbered() (map[string]uint64, error) {
	days, err := o.bucket.List(dataDir)
	if err != nil {
		return nil, err
	}
	dirs := []string{deadLetterDir}
	for _, d := range days {
		if strings.HasPrefix(d, dayPrefix) {
			dirs = append(dirs, path.Join(dataDir, d))
		}
	}
	found := map[string]uint64{}
	for _, dir := range dirs {
		names, err := o.bucket.List(dir)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			if p, k, ok := fileNumber(name); ok && p == o.opts.Partition {
				found[path.Join(dir, name)] = k
			}
		}
	}
	return found, nil
}

// findLater remembers the files of commits after the last. Their manifests are not
// here: the output is a copy that was made while a joiner wrote, or the newest
// manifests were lost. The log still has what those commits read, or the joiner
// refuses to go on; so their rows are written again, and must not be there twice.
func (o *Output) findLater(there map[string]uint64, last uint64) {
	for name, k := range there {
		if k > last {
			o.later = append(o.later, name)
		}
	}
	slices.Sort(o.later)
	if len(o.later) > 0 {
		o.opts.Log.Warn("there are files of commits that have no manifest here: the next commit sets them aside, and their rows are written again",
			"files", len(o.later), "first", o.later[0], "last_commit", last, "aside", asideDir)
	}
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
	if theirs, _, err := o.readManifest(last.Number + 1); err == nil {
		return &FencedError{Partition: o.opts.Partition, Number: last.Number + 1, Theirs: theirs.Nonce}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var moves []bucket.Move
	dirs := map[string]bool{}
	for _, name := range later {
		moves = append(moves, bucket.Move{From: name, To: path.Join(asideDir, o.session, name)})
		dirs[path.Dir(name)] = true
	}
	if err := o.bucket.Publish(moves); err != nil {
		return fmt.Errorf("setting files of commits without a manifest aside: %w", err)
	}
	for dir := range dirs {
		if err := o.bucket.Settle(dir); err != nil {
			return err
		}
	}
	o.opts.Log.Warn("set files of commits without a manifest aside", "files", len(later), "folder", path.Join(asideDir, o.session))
	o.mu.Lock()
	o.later = nil
	o.mu.Unlock()
	return nil
}

// deleted reports whether a file of the last commit that is nowhere was deleted on
// purpose: old days may be, and dead letters that were dealt with. A day is old if
// newer events were read, and none of its files is left. Else the file is lost.
func (o *Output) deleted(m *manifest, a *artifact) (bool, error) {
	if !strings.HasPrefix(a.path, dataDir+"/") {
		o.opts.Log.Warn("the dead letters of the last commit were deleted", "file", a.path, "commit", m.Number)
		return true, nil
	}
	gone, err := o.dayDeleted(events.Time(m.MaxEvent), path.Dir(a.path))
	if gone {
		o.opts.Log.Warn("a file of the last commit is not there, nor is any other of its day, which is taken for deleted on purpose", "file", a.path, "commit", m.Number)
	}
	return gone, err
}

// dayDeleted reports whether a day's folder is empty and of a day before the newest
// event's.
func (o *Output) dayDeleted(newest events.Time, dir string) (bool, error) {
	if dir >= path.Join(dataDir, dayPrefix+dayName(newest)) {
		return false, nil
	}
	names, err := o.bucket.List(dir)
	return len(names) == 0, err
}

// present returns a *GoneError if the last commit is not there any more. It keeps a
// joiner whose output was deleted or unmounted from beginning another in its place.
func (o *Output) present() error {
	_, last, ok := o.Last()
	if !ok {
		return nil
	}
	name := manifestPath(o.opts.Partition, last.Number)
	r, err := o.bucket.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &GoneError{Dir: o.opts.Dir, Path: name, Last: last.Number}
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
		return &GoneError{Dir: o.opts.Dir, Last: last.Number}
	case errors.Is(err, fs.ErrNotExist):
		if gone, ok := errors.AsType[*GoneError](o.present()); ok {
			return gone
		}
	}
	return err
}
