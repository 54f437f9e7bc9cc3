package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// The folders of an archive.
const (
	RequestsDir = "requests"
	OutcomesDir = "outcomes"
	stagingDir  = "_staging"
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
	requests *requests
	outcomes *outcomes
}

// New begins an archive.
func New(o Options) (*Writer, error) {
	for _, name := range []string{RequestsDir, OutcomesDir} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, err
			}
			return nil, &ExistsError{Dir: o.Dir}
		}
	}
	staging := filepath.Join(o.Dir, stagingDir)
	if err := os.RemoveAll(staging); err != nil {
		return nil, fmt.Errorf("removing what an interrupted run left: %w", err)
	}
	w := &Writer{dir: o.Dir, outcomes: &outcomes{dir: filepath.Join(staging, OutcomesDir)}}
	var err error
	if w.requests, err = newRequests(filepath.Join(staging, RequestsDir), &o); err != nil {
		return nil, err
	}
	for _, dir := range []string{w.requests.dir, w.outcomes.dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Request adds a request, with the SHA-256 of its event's bytes.
func (w *Writer) Request(req *events.Request, hash [32]byte) error {
	return w.requests.add(req, hash)
}

// Outcome adds an outcome.
func (w *Writer) Outcome(o *events.Outcome) error { return w.outcomes.add(outcomeRow(o)) }

// Heartbeat adds a heartbeat of the outcomes: it says up to which time they are known.
func (w *Writer) Heartbeat(ts events.Time) error { return w.outcomes.add(row{TS: int64(ts)}) }

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
	return os.Remove(filepath.Join(w.dir, stagingDir))
}

// Abort removes what was written. After Close it does nothing.
func (w *Writer) Abort() error {
	w.outcomes.abandon()
	return os.RemoveAll(filepath.Join(w.dir, stagingDir))
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
