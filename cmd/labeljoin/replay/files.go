package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/packed"
	"github.com/labeljoin/labeljoin/events/logfile"
)

// stdinPath stands for standard input.
const stdinPath = "-"

// LogPaths are the files that a flag of replay names, in the order given. A
// directory stands for all files below it, and a pattern that the shell did not
// expand for its matches. So it is in an object store, which the configuration says
// how to reach. The error, if any, is about the command line, or the store's.
func (r *Replay) LogPaths(ctx context.Context, flag string, given []string) ([]string, error) {
	var paths []string
	for _, path := range given {
		if path == stdinPath {
			paths = append(paths, path)
			continue
		}
		info, err := os.Stat(path)
		switch {
		case config.IsAddress(path):
			var found []string
			if found, err = r.findObjects(ctx, path); err != nil && !isUsage(err) {
				return nil, fmt.Errorf("--%s: %w", flag, err)
			}
			paths = append(paths, found...)
		case err == nil && info.IsDir():
			var below []string
			if below, err = logsBelow(path); err == nil && len(below) == 0 {
				err = errors.New("there is no file in this directory")
			}
			paths = append(paths, below...)
		case err == nil:
			paths = append(paths, path)
		case errors.Is(err, fs.ErrNotExist):
			var matches []string
			matches, err = matchesOf(path)
			paths = append(paths, matches...)
		}
		if err != nil {
			return nil, &terminal.UsageError{Err: fmt.Errorf("--%s %s: %w", flag, path, err)}
		}
	}
	for _, path := range paths {
		if config.IsAddress(path) {
			continue
		}
		if err := readableLog(path); err != nil {
			return nil, &terminal.UsageError{Err: fmt.Errorf("--%s: %w", flag, err)}
		}
	}
	return paths, nil
}

// logsBelow lists the files below a directory, in order. Those whose names begin with
// a dot or an underscore are no logs: tools leave them to mark that they are done.
// A link to a directory is that directory, and a file that comes twice by way of links is there once.
func logsBelow(dir string) ([]string, error) {
	w := walk{walked: map[string]bool{}}
	if err := w.below(dir); err != nil || !w.linked {
		return w.files, err
	}
	slices.Sort(w.files)
	return eachOnce(w.files)
}

// walk collects the files below a directory.
type walk struct {
	files  []string
	linked bool            // some may be there twice
	walked map[string]bool // directories that links lead to: one may lead up
}

func (w *walk) below(dir string) error {
	root, err := filepath.EvalSymlinks(dir) // a walk does not follow its root
	if err != nil || w.walked[root] {
		return err
	}
	w.walked[root] = true
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		named := filepath.Join(dir, below)
		switch hidden := path != root && isHidden(e.Name()); {
		case hidden && e.IsDir():
			return fs.SkipDir
		case hidden || e.IsDir():
			return nil
		case e.Type()&fs.ModeSymlink != 0:
			w.linked = true
			info, err := os.Stat(path)
			if err == nil && info.IsDir() {
				return w.below(named)
			}
			if err == nil && !info.Mode().IsRegular() {
				return noFile(named)
			}
		case !e.Type().IsRegular():
			return noFile(named)
		}
		w.files = append(w.files, named)
		return nil
	})
}

// noFile refuses a pipe, a socket or a device that was found and not named: reading it may
// wait for ever, and leaving it out may leave events out.
func noFile(path string) error {
	return fmt.Errorf("%s is a pipe, a socket or a device, and not a file: take it away, or, if it is a pipe with a log, name it with a flag of its own",
		path)
}

// isHidden reports whether a name is one that tools give to what is no log.
func isHidden(name string) bool { return name != "" && strings.ContainsAny(name[:1], "._") }

// matchesOf expands a pattern, in which ** stands for any directories. A directory that matches stands for
// all files below it, as it does where the shell expands the pattern. What lies in directories whose names begin
// with a dot or an underscore is left out, unless the pattern names them so. A file that comes twice, by way of a
// link, is there once. It is an error if there is no match.
func matchesOf(path string) ([]string, error) {
	if !strings.ContainsAny(path, "*?[{") {
		if strings.Contains(path, ",") {
			return nil, errors.New("there is no such file; give the flag once for each file")
		}
		return nil, errors.New("there is no such file")
	}
	matches, err := glob(path)
	if err != nil {
		return nil, err
	}
	base, rest := doublestar.SplitPattern(filepath.ToSlash(filepath.Clean(path)))
	namesHidden := slices.ContainsFunc(strings.Split(rest, "/"), isHidden)
	var files []string
	for _, match := range matches {
		info, err := os.Stat(match)
		if err != nil {
			return nil, err
		}
		dir := match
		if !info.IsDir() {
			dir = filepath.Dir(match)
		}
		switch below, err := filepath.Rel(base, dir); {
		case err != nil:
			return nil, err
		case !namesHidden && inHidden(below):
			continue
		}
		if !info.IsDir() {
			if !info.Mode().IsRegular() {
				return nil, noFile(match)
			}
			files = append(files, match)
			continue
		}
		below, err := logsBelow(match)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	if slices.Sort(files); len(files) == 0 {
		return nil, errors.New("no file matches this pattern")
	}
	return eachOnce(files)
}

// inHidden reports whether a directory is hidden, or lies in one that is.
func inHidden(dir string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(dir), "/"), func(name string) bool {
		return name != "." && name != ".." && isHidden(name)
	})
}

// eachOnce leaves out paths of files that are there already, by another way.
func eachOnce(paths []string) (files []string, err error) {
	met := map[string]bool{}
	for _, path := range paths {
		target, err := realPath(path)
		if err != nil {
			return nil, err
		}
		if !met[target] {
			files = append(files, path)
		}
		met[target] = true
	}
	return files, nil
}

// readableLog reports why a file cannot be opened.
func readableLog(path string) error {
	if path == stdinPath {
		return nil
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return err // opening a pipe would wait for its writer
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// File is a file of events, and how it is read.
type File struct {
	Path  string
	Flag  string // that named it, for people
	Input string // of the configuration; empty: labeljoin's own format

	object *object // nil: it is a file of this machine
	feed   uint16  // of its messages
	mapped bool    // a mapping makes its events
	texts  bool    // cells of a table are texts
}

// options say how to open the file, and how columns are read.
func (f *File) options(k events.Kind, input uint8, columns columnReader) logfile.Options {
	o := logfile.Options{Path: f.Path, Kind: k, Input: input, Columns: columns, Texts: f.texts}
	if f.object != nil {
		o.Content, o.Columns = f.object.content, f.object.columns(o.Columns)
	}
	return o
}

// Files are files that a flag names, of an input of the configuration.
func Files(flag, input string, paths []string) []File {
	files := make([]File, len(paths))
	for i, path := range paths {
		files[i] = File{Path: path, Flag: flag, Input: input}
	}
	return files
}

// SharedLog is a file that both kinds would be read from, if there is one.
func SharedLog(requests, outcomes []string) (path string, shared bool) {
	for _, r := range requests {
		for _, o := range outcomes {
			if sameLog(r, o) {
				return r, true
			}
		}
	}
	return "", false
}

func sameLog(a, b string) bool {
	if a == stdinPath || b == stdinPath || config.IsAddress(a) || config.IsAddress(b) {
		return a == b
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	// A device gives anew to each that reads it: both kinds may be /dev/null.
	return errA == nil && errB == nil && infoA.Mode().IsRegular() && os.SameFile(infoA, infoB)
}

// logFiles is one input log made of files, one after the other. The sequence of
// a message is the number of its line, counted through all of them. A file that cannot
// be read to its end is damaged, and the next one follows. It implements batch.Source.
type logFiles struct {
	paths   []File
	kind    events.Kind
	input   uint8
	strict  bool            // a file that is damaged ends the reading
	ids     bool            // of files with columns, only the ids are read
	part    bool            // it is one of several parts of a log: if it is damaged, the log is read as one
	section logfile.Section // of each file
	rooms   *packed.Rooms   // where the log has its room from; nil: it has none

	mu     sync.Mutex      // guards what follows: the progress is asked from outside
	source *logfile.Source // nil: none is open
	sizes  []int64         // of the files, in bytes; 0 if not known
	files  []logFile       // opened so far
	last   uint64          // sequence of the newest message

	damaged []error // of the files that cannot be read to their ends
	memory  logfile.Memory
}

// logFile is what one file was found to hold.
type logFile struct {
	File
	base     uint64 // sequences of its messages are greater
	messages int64
}

// openLogs begins to read files. The caller has checked that they can be opened.
func openLogs(paths []File, kind events.Kind, input uint8) *logFiles {
	l := &logFiles{paths: paths, kind: kind, input: input}
	for _, path := range paths {
		size := int64(0)
		if path.object != nil {
			size = path.object.Size
		} else if info, err := os.Stat(path.Path); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		l.sizes = append(l.sizes, size)
	}
	return l
}

// Next implements batch.Source.
func (l *logFiles) Next(ctx context.Context) (events.Batch, error) {
	for {
		source, err := l.current()
		if err != nil && !errors.Is(err, io.EOF) {
			if err := l.damage(err); err != nil {
				return events.Batch{ReadThrough: events.MinTime}, err
			}
			continue
		}
		if err != nil {
			return events.Batch{ReadThrough: events.MinTime}, err
		}
		batch, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			if err := l.closeCurrent(); err != nil {
				return batch, err
			}
			continue
		}
		if err != nil && ctx.Err() == nil {
			if err := l.damage(err); err != nil {
				return batch, err
			}
			continue
		}
		l.mu.Lock()
		file := &l.files[len(l.files)-1]
		for i := range batch.Messages {
			batch.Messages[i].Seq += file.base
			batch.Messages[i].Feed = file.feed
			l.last = batch.Messages[i].Seq
		}
		file.messages += int64(len(batch.Messages))
		l.mu.Unlock()
		return batch, err
	}
}

// damage gives up a file.
func (l *logFiles) damage(err error) error {
	if l.part {
		return err
	}
	if l.strict {
		return &EvidenceError{err.Error() + " (--strict)"}
	}
	l.mu.Lock()
	l.damaged = append(l.damaged, err)
	l.mu.Unlock()
	return l.closeCurrent()
}

// current is the file being read, or the next one.
func (l *logFiles) current() (*logfile.Source, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source != nil {
		return l.source, nil
	}
	if len(l.files) == len(l.paths) {
		return nil, io.EOF
	}
	file := l.paths[len(l.files)]
	if l.kind == events.KindRequest && !file.mapped && l.rooms != nil && l.memory.Room() == nil {
		l.memory.SetRoom(l.rooms.Take())
	}
	l.files = append(l.files, logFile{File: file, base: l.last})
	o := file.options(l.kind, l.input, l.columnsOf(&file))
	o.Memory, o.Section = l.memoryOf(&file), l.section
	o.Section.Size = l.sizes[len(l.files)-1]
	source, err := logfile.Open(o)
	if err != nil {
		return nil, err
	}
	l.source = source
	return source, nil
}

// columnsOf says how the columns of a file are read: only a mapping knows which it needs,
// and only requests are packed.
func (l *logFiles) columnsOf(f *File) columnReader {
	switch {
	case f.mapped || l.kind != events.KindRequest:
		return ReadColumns
	case l.ids:
		return packRequests(l.memory.Room(), "request_id")
	}
	return packRequests(l.memory.Room())
}

// memoryOf is the memory of batches of a file, if it can be used again: what a mapping made
// of them may lie in it.
func (l *logFiles) memoryOf(f *File) *logfile.Memory {
	if f.mapped {
		return nil
	}
	return &l.memory
}

// Recycle implements batch.Recycler.
func (l *logFiles) Recycle(b *events.Batch) { l.memory.Recycle(b) }

func (l *logFiles) closeCurrent() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source == nil {
		return nil
	}
	source := l.source
	l.source = nil
	return source.Close()
}

// Close implements batch.Source.
func (l *logFiles) Close() error {
	err := l.closeCurrent()
	if room := l.memory.Room(); room != nil {
		l.memory.SetRoom(nil)
		l.rooms.Put(room)
	}
	return err
}

// Progress is how many bytes of all files have been read, and how many there
// are. It may be called from any goroutine.
func (l *logFiles) Progress() (read, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, n := range l.sizes {
		n /= int64(max(1, l.section.Of))
		size += n
		if i < len(l.files) {
			read += n
		}
	}
	if l.source != nil {
		n, of := l.source.Progress()
		if of == 0 { // it is not known how far it is
			of = l.sizes[len(l.files)-1] / int64(max(1, l.section.Of))
		}
		read += n - of
	}
	return read, size
}

// fileOf is the file that a message came from.
func (l *logFiles) fileOf(seq uint64) logFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range slices.Backward(l.files) {
		if seq > f.base {
			return f
		}
	}
	return logFile{}
}
