package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Archive is an output directory opened for reading. It takes no lock, so it
// may be read beside the joiner that writes it.
type Archive struct {
	bucket    bucket.Bucket
	dir       string
	partition int
}

// OpenArchive opens an output directory for reading. One that does not exist
// gives fs.ErrNotExist.
func OpenArchive(fsys vfs.FS, dir string, partition int) (*Archive, error) {
	if _, err := fsys.Stat(dir); err != nil {
		return nil, fmt.Errorf("open output %s: %w", dir, err)
	}
	b, err := bucket.NewDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("open output %s: %w", dir, err)
	}
	return &Archive{bucket: b, dir: dir, partition: partition}, nil
}

// Commit is a commit as its manifest tells it.
type Commit struct {
	Name  string // of the joiner
	Cut   joiner.Cut
	Files []File
	Hash  string // SHA-256 of the manifest
}

// File is one Parquet file of a commit.
type File struct {
	Path                       string // below the output directory
	Rows, Bytes                int64
	MinRequestTS, MaxRequestTS events.Time
	MaxRevision                uint32
}

// Commits lists the commits there are, oldest first. It ends with the first
// error. It does not check that one continues the other: Verify does.
func (a *Archive) Commits() iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		numbers, err := a.numbers()
		if err != nil {
			yield(Commit{}, err)
			return
		}
		for _, k := range numbers {
			c, err := a.Commit(k)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Last is the newest commit; ok is false if there is none.
func (a *Archive) Last() (c Commit, ok bool, err error) {
	numbers, err := a.numbers()
	if err != nil || len(numbers) == 0 {
		return c, false, err
	}
	c, err = a.Commit(numbers[len(numbers)-1])
	return c, err == nil, err
}

// Commit reads commit k.
func (a *Archive) Commit(k uint64) (Commit, error) {
	m, data, err := a.manifest(k)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{Name: m.Name, Cut: m.cut(), Hash: hashOf(data)}
	for i := range m.Files {
		f := &m.Files[i]
		c.Files = append(c.Files, File{
			Path: f.Path, Rows: f.Rows, Bytes: f.Bytes, MaxRevision: f.MaxRevision,
			MinRequestTS: events.Time(f.MinRequestTS), MaxRequestTS: events.Time(f.MaxRequestTS),
		})
	}
	return c, nil
}

// numbers lists the commits that have a manifest, in order.
func (a *Archive) numbers() ([]uint64, error) {
	names, err := a.bucket.List(manifestDir(a.partition))
	if err != nil {
		return nil, fmt.Errorf("list the commits: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		if k, ok := manifestNumber(name); ok {
			numbers = append(numbers, k)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (a *Archive) manifest(k uint64) (*manifest, []byte, error) {
	name := manifestPath(a.partition, k)
	data, err := readObject(a.bucket, name)
	if errors.Is(err, bucket.ErrNotFile) {
		return nil, nil, &ChainError{Dir: a.dir, Path: name, Reason: err.Error()}
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, data, &ChainError{Dir: a.dir, Path: name, Reason: err.Error()}
	}
	return m, data, nil
}

// open opens a file of a commit: where it is published, or where it waits for
// that.
func (a *Archive) open(published, staged string) (bucket.Reader, error) {
	r, err := a.bucket.Open(published)
	if errors.Is(err, fs.ErrNotExist) {
		if r, stagedErr := a.bucket.Open(staged); stagedErr == nil {
			return r, nil
		}
		r, err = a.bucket.Open(published) // it may have been published in between
	}
	return r, err
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
	for c, err := range a.Commits() {
		if err != nil {
			return rows, err
		}
		for i := range c.Files {
			f := &c.Files[i]
			if f.MaxRequestTS < from || f.MinRequestTS > to {
				continue
			}
			found, err := a.lookup(c.Cut.Number, f.Path, requestID, labels)
			if err != nil {
				return rows, err
			}
			for _, s := range found {
				rows = append(rows, Row{Stored: s, Path: f.Path, Commit: c})
			}
		}
	}
	return rows, nil
}

// lookup finds the rows of a request in one file. Old days may be deleted.
func (a *Archive) lookup(k uint64, name, requestID string, labels []string) (found []rowfile.Stored, err error) {
	err = a.read(k, name, func(r sizedReader) (err error) {
		found, err = rowfile.Lookup(r, r.Size(), requestID, labels)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return found, err
}

// sizedReader is a file that is read at random.
type sizedReader interface {
	io.ReaderAt
	Size() int64
}

// read reads a file of commit k, once its bytes are known to be ours.
func (a *Archive) read(k uint64, name string, do func(sizedReader) error) error {
	m, _, err := a.manifest(k)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(m.Files, func(f file) bool { return f.Path == name })
	f := &m.Files[at]
	r, err := a.open(f.Path, f.Staging)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		return &MissingFileError{Dir: a.dir, Path: name, Number: k, Reason: err.Error()}
	}
	if err := do(r); err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	return nil
}

// recentCommits is how many commits FeatureColumns looks into.
const recentCommits = 100

// FeatureColumns lists the columns of features in the files of the newest commits,
// in lower case, which is how names are compared.
func (a *Archive) FeatureColumns() (map[string]bool, error) {
	numbers, err := a.numbers()
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, k := range numbers[max(0, len(numbers)-recentCommits):] {
		m, _, err := a.manifest(k)
		if err != nil {
			return nil, err
		}
		for i := range m.Files {
			for _, c := range featuresOf(m.Files[i].Columns) {
				found[strings.ToLower(c.Name)] = true
			}
		}
	}
	return found, nil
}

// featuresOf are the columns between those that every file begins with and the
// labels: pairs of a value and a time, which no feature is.
func featuresOf(columns []column) []column {
	const head = 8
	if len(columns) < head {
		return nil
	}
	columns = columns[head:]
	for n := len(columns); n > 0 && slices.Contains([]string{"weight", "revision", "reason"}, columns[n-1].Name); n-- {
		columns = columns[:n-1]
	}
	for n := len(columns); n > 1 && columns[n-1].Type == "timestamp" && columns[n-1].Name == columns[n-2].Name+"_ts"; n -= 2 {
		columns = columns[:n-2]
	}
	return columns
}
