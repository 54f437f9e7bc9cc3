package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// The folders of an archive.
const (
	RequestsDir = "requests"
	OutcomesDir = "outcomes"
	stagingDir  = "_staging"
	lockName    = "_LOCK"
)

// Prefix begins the columns of requests that are the archive's own.
const Prefix = "labeljoin_"

// Options say what an archive holds.
type Options struct {
	Dir string // it is made; it must not hold an archive yet
	// Labels are the columns of labels, with those of their times: no feature gets their names, as in
	// the output of a joiner.
	Labels []string
	// Features, Mode and Rename are the columns of features, as in the output of a joiner.
	Features []rowfile.Feature
	Mode     rowfile.Mode
	Rename   map[string]string
	// Keep are the features that conditions look at. They are kept as they are, besides their columns.
	Keep []rule.Feature
	// PerRequest writes one row for each request, and not one for each of its items.
	PerRequest bool
	// FileRows and FileBytes end a file of requests; 0: 1,000,000 rows, 128 MiB in memory.
	FileRows  int
	FileBytes int
}

// ExistsError says that there is an archive already.
type ExistsError struct{ Dir string }

// Error implements error.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s holds an archive already: name another directory; a query can read several", e.Dir)
}

// Misuse reports that the command line has to be changed.
func (e *ExistsError) Misuse() bool { return true }

// Writer writes an archive. Nothing of it is in its place before Close. One goroutine uses
// it.
type Writer struct {
	dir      string
	lock     io.Closer // nil: it is released
	requests *requests
	outcomes *outcomes
}

// New begins an archive.
func New(o Options) (*Writer, error) {
	lock, err := bucket.NewDir(vfs.Default, o.Dir).Lock(lockName)
	if errors.Is(err, bucket.ErrLocked) {
		return nil, fmt.Errorf("%s is written by another process (%w): name another directory, or wait until that one ends",
			o.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", o.Dir, err)
	}
	w, err := begin(&o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return w, nil
}

// begin makes the folders. What a process left that was killed is removed, also the outcomes that were in their place
// when the requests were not.
func begin(o *Options, lock io.Closer) (*Writer, error) {
	staging := filepath.Join(o.Dir, stagingDir)
	halfway := there(staging)
	if there(filepath.Join(o.Dir, RequestsDir)) || there(filepath.Join(o.Dir, OutcomesDir)) && !halfway {
		return nil, &ExistsError{Dir: o.Dir}
	}
	// The staging goes last, for it says that the rest is a remnant.
	for _, dir := range []string{filepath.Join(o.Dir, OutcomesDir), staging} {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("removing what an interrupted run left: %w", err)
		}
	}
	w := &Writer{dir: o.Dir, lock: lock, outcomes: &outcomes{dir: filepath.Join(staging, OutcomesDir)}}
	var err error
	if w.requests, err = newRequests(filepath.Join(staging, RequestsDir), o); err != nil {
		return nil, err
	}
	for _, dir := range []string{w.requests.dir, w.outcomes.dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// there reports whether something has a name, or may have it.
func there(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Request adds a request, with the SHA-256 of its event's bytes.
func (w *Writer) Request(req *events.Request, hash [32]byte) error {
	return w.requests.add(req, hash)
}

// Outcome adds an outcome.
func (w *Writer) Outcome(o *events.Outcome) error { return w.outcomes.add(outcomeRow(o)) }

// Heartbeat adds a heartbeat of the outcomes: it says up to which time they are known.
func (w *Writer) Heartbeat(ts events.Time) error { return w.outcomes.add(row{TS: int64(ts)}) }

// Mixed lists columns of undeclared features, in lower case, that have values of several types. A query over the
// archive stops because of them. They are 20 at most.
func (w *Writer) Mixed() []string { return w.requests.kinds.mixed }

// Close completes the archive and puts it into its place.
func (w *Writer) Close() error {
	if err := errors.Join(w.requests.finish(), w.outcomes.finish()); err != nil {
		return errors.Join(err, w.Abort())
	}
	for _, name := range []string{OutcomesDir, RequestsDir} {
		if err := os.Rename(filepath.Join(w.dir, stagingDir, name), filepath.Join(w.dir, name)); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(filepath.Join(w.dir, stagingDir)), w.release())
}

// Abort removes what was written. After Close it does nothing.
func (w *Writer) Abort() error {
	if w.lock == nil {
		return nil // another process may write here by now
	}
	w.outcomes.abandon()
	return errors.Join(os.RemoveAll(filepath.Join(w.dir, stagingDir)), w.release())
}

func (w *Writer) release() error {
	lock := w.lock
	w.lock = nil
	return lock.Close()
}

// own reports whether a name is like those of the archive's own columns.
func own(name string) bool {
	return len(name) >= len(Prefix) && events.SameColumn(name[:len(Prefix)], Prefix)
}

// create makes a file of an archive.
func create(dir string, number int) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, fmt.Sprintf("part-%05d.parquet", number)), os.O_WRONLY|os.O_CREATE|os.O_EXCL,
		0o644)
}
