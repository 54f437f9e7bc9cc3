package export

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Archive is an output directory opened for reading. It takes no lock, so it
// may be read beside the joiner that writes it.
type Archive struct {
	bucket    bucket.Bucket
	log       *tablelog.Log
	dir       string
	partition int
}

// OpenArchive opens an output for reading. One that does not exist gives
// fs.ErrNotExist.
func OpenArchive(b bucket.Bucket, partition int) (*Archive, error) {
	if err := b.Present(); err != nil {
		return nil, fmt.Errorf("open output %s: %w", b, err)
	}
	return &Archive{bucket: b, log: tablelog.Open(b, partition), dir: b.String(), partition: partition}, nil
}

// Log is the log of the operations on the table of rows.
func (a *Archive) Log() *tablelog.Log { return a.log }

// read reads a live file of the table, once its bytes are known to be those that
// were committed. The error is a *MissingFileError if they are not, fs.ErrNotExist if
// the file is not there: its day was deleted, or it is lost.
func (a *Archive) read(f *tablelog.File, do func(r io.ReaderAt, size int64) error) error {
	return a.readSized(f, func(r sizedReader) error { return do(r, r.Size()) })
}

func (a *Archive) readSized(f *tablelog.File, do func(r sizedReader) error) error {
	r, err := a.log.OpenFile(f.Artifact())
	if err != nil {
		return err
	}
	defer r.Close()
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		return &MissingFileError{Dir: a.dir, Path: f.Path, Number: f.LastCommit, Reason: err.Error()}
	}
	if err := do(r); err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	return nil
}

// Commit is a commit as its manifest tells it.
type Commit struct {
	Name  string // of the joiner
	Cut   joiner.Cut
	Files []tablelog.File // that it added; later operations may have removed some
	Hash  string          // SHA-256 of the manifest
}

// Commits lists the commits of the joiner whose manifests are kept, oldest first. It
// ends with the first error.
func (a *Archive) Commits() iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		for op, err := range a.log.Operations() {
			if err != nil {
				yield(Commit{}, err)
				return
			}
			if op.Commit != nil && !yield(commitOf(op), nil) {
				return
			}
		}
	}
}

func commitOf(op *tablelog.Operation) Commit {
	return Commit{Name: op.Name, Cut: *op.Commit, Files: op.Added, Hash: op.Hash}
}

// Last is the newest commit; ok is false if there is none. It has no files.
func (a *Archive) Last() (c Commit, ok bool, err error) {
	s, err := a.log.State()
	if err != nil || s.Last == nil {
		return c, false, err
	}
	return Commit{Name: s.Name, Cut: *s.Last, Hash: s.Receipt.Hash}, true, nil
}

// Row is a row of a request as it stands in the output.
type Row struct {
	rowfile.Stored
	Path   string
	Commit Commit
}

// Rows finds the rows of a request, oldest commit first, in the files that may
// hold requests stamped from..to, both included. Labels are in the order of the
// names given.
func (a *Archive) Rows(requestID string, from, to events.Time, labels []string) (rows []Row, err error) {
	state, err := a.log.State()
	if err != nil {
		return nil, err
	}
	for f, err := range state.AllFiles(dayBound(from), dayBound(to)) {
		if err != nil {
			return rows, err
		}
		if f.MaxRequestTS < from || f.MinRequestTS > to {
			continue
		}
		found, err := a.lookup(&f, requestID, labels)
		if err != nil {
			return rows, err
		}
		if len(found) == 0 {
			continue
		}
		commits, err := a.commitsOf(&f, found)
		if err != nil {
			return rows, err
		}
		for i, s := range found {
			rows = append(rows, Row{Stored: s, Path: f.Path, Commit: commits[i]})
		}
	}
	slices.SortStableFunc(rows, func(x, y Row) int { return cmp.Compare(x.Commit.Cut.Number, y.Commit.Cut.Number) })
	return rows, nil
}

// dayBound is the day of a bound, or empty for the ends of time.
func dayBound(t events.Time) string {
	if t == events.MinTime || t == events.MaxTime {
		return ""
	}
	return tablelog.DayName(t)
}

// lookup finds the rows of a request in one file. Old days may be deleted.
func (a *Archive) lookup(f *tablelog.File, requestID string, labels []string) (found []rowfile.Stored, err error) {
	err = a.read(f, func(r io.ReaderAt, size int64) (err error) {
		found, err = rowfile.Lookup(r, size, requestID, labels)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return found, err
}

// recentFiles is how many files FeatureColumns looks at.
const recentFiles = 1000

// FeatureColumns lists the columns of features in the schema of the table and in the newest
// live files, in lower case, which is how names are compared.
func (a *Archive) FeatureColumns() (map[string]bool, error) {
	state, err := a.log.State()
	if err != nil {
		return nil, err
	}
	found, looked := map[string]bool{}, 0
	for _, c := range state.Schema() {
		if c.Kind == tablelog.SchemaFeature {
			found[events.ColumnKey(c.Name)] = true
		}
	}
	days, err := state.Days()
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(days) {
		files, err := state.Files(d.Name)
		if err != nil {
			return nil, err
		}
		for i := range files {
			for _, c := range featuresOf(files[i].Columns) {
				found[events.ColumnKey(c.Name)] = true
			}
		}
		if looked += len(files); looked >= recentFiles {
			break
		}
	}
	return found, nil
}

// ownColumns is how many columns every file begins with that are not features.
const ownColumns = 8

// tailColumns are those that a file ends with.
func tailColumns() []string { return []string{"weight", "revision", "reason", "pending", "stage"} }

// featuresOf are the columns between those that every file begins with and the
// labels: first pairs of a value and a time, which no feature is, and then what labels keep.
func featuresOf(columns []tablelog.Column) []tablelog.Column {
	if len(columns) < ownColumns {
		return nil
	}
	columns = columns[ownColumns:]
	isTime := func(c tablelog.Column) bool { return c.Type == "timestamp" }
	if at := slices.IndexFunc(columns, isTime); at > 0 {
		return columns[:at-1] // the first time is the first label's, behind its value
	}
	for n := len(columns); n > 0 && slices.Contains(tailColumns(), columns[n-1].Name); n-- {
		columns = columns[:n-1]
	}
	return columns
}
