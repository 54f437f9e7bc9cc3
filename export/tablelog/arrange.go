package tablelog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// Arrange makes the folder of a day show the files that are live in a state, and no file
// that an operation has removed: in one step, so that a reader who lists the folder sees
// every row once. It does what is left to do, so it may be repeated, and completes what
// another process began. The token must be another one for each call. Files that left
// are kept in _removed/ for readers who still need them.
func (l *Log) Arrange(s *State, day, token string) error {
	if l.bucket.Direct() { // readers see what manifests name
		return nil
	}
	files, err := s.Files(day)
	if err != nil {
		return err
	}
	dir := DayDir(day)
	names, err := l.bucket.List(dir)
	if err != nil {
		return err
	}
	live := map[string]*File{}
	for i := range files {
		live[path.Base(files[i].Path)] = &files[i]
	}
	want, drop := map[string]string{}, map[string]bool{}
	for _, name := range names {
		if live[name] == nil && s.removed(name) {
			drop[name] = true
		} else {
			want[name] = path.Join(dir, name)
		}
	}
	var moves []bucket.Move
	for name, f := range live {
		if want[name] != "" {
			continue
		}
		at, err := l.find(f)
		if err != nil {
			return err
		}
		if at == "" {
			continue // its day was deleted by hand, or it is lost, which verify tells
		}
		want[name] = at
		moves = append(moves, bucket.Move{From: at, To: f.Path})
	}
	if len(drop) == 0 {
		if len(moves) == 0 {
			return nil
		}
		return l.bucket.Publish(moves)
	}
	aside := path.Join(RemovedDir, fmt.Sprintf("%s-%s", OperationName(l.partition, s.Number), token), DayPrefix+day)
	if err := l.bucket.Arrange(dir, aside, want, drop); err != nil {
		return err
	}
	for _, m := range moves {
		if err := l.bucket.Remove(m.From); err != nil {
			return err
		}
	}
	return nil
}

// removed reports whether a file that is not live is one that an operation removed: by
// its name it is of this partition, and not newer than the newest operation.
func (s *State) removed(name string) bool {
	f, ok := ParseFileName(name)
	if !ok || f.Partition != s.Partition {
		return false
	}
	if f.Operation {
		return f.Number <= s.Number
	}
	return f.Number <= s.Receipt.Number
}

// find looks for a live file that is not in its place: where it was staged, or among
// what operations have removed, if it came there meanwhile. It is empty if the file is
// nowhere.
func (l *Log) find(f *File) (string, error) {
	places := []string{}
	if f.Staging != "" {
		places = append(places, f.Staging)
	}
	dirs, err := l.bucket.List(RemovedDir)
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		places = append(places, path.Join(RemovedDir, dir, DayPrefix+f.Day(), path.Base(f.Path)))
	}
	for _, place := range places {
		r, err := l.bucket.Open(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return place, r.Close()
	}
	return "", nil
}

// ArrangeAll arranges the folders of all days. It reads all lists of live files.
func (l *Log) ArrangeAll(s *State, token string) error {
	if l.bucket.Direct() {
		return nil
	}
	names, err := l.bucket.List(DataDir)
	if err != nil {
		return err
	}
	days := s.dayNames()
	for _, name := range names {
		if day := DayOf(path.Join(name, "x")); name == DayPrefix+day {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	for _, day := range slices.Compact(days) {
		if err := l.Arrange(s, day, token); err != nil {
			return err
		}
	}
	return nil
}
