package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Finding is one thing that is wrong with an output.
type Finding struct {
	Path    string `json:"path"` // below the output directory
	Problem string `json:"problem"`
}

// Verdict is what Verify found.
type Verdict struct {
	Commits  int       `json:"commits"`
	Files    int       `json:"files"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Findings []Finding `json:"findings"`
	// Foreign are files and directories of other programs, below the output directory, that
	// no reader takes for data: what a file manager, a file system or a copy leaves.
	Foreign []string `json:"foreign,omitempty"`
}

// Sound reports whether nothing is wrong.
func (v *Verdict) Sound() bool { return len(v.Findings) == 0 }

// VerifyOptions says what Verify looks at.
type VerifyOptions struct {
	// Since leaves out files of requests before it only: old days may have been
	// deleted. 0 looks at all.
	Since    events.Time
	Progress func(done, total int64) // told of the bytes read; may be nil
}

// verifier goes through an output. It holds one manifest at a time.
type verifier struct {
	*Archive
	VerifyOptions
	ctx        context.Context
	verdict    Verdict
	gone       map[string]uint64   // files that an operation removed, with its number
	there      map[string]bool     // files that no manifest has named so far
	letters    []tablelog.Artifact // dead letters to look at
	sound      []soundFile         // files whose bytes are as they were written
	last       *tablelog.Operation // the newest that can be read
	first      *joiner.Cut         // the first commit whose manifest is kept; nil: none is known
	before     *joiner.Cut         // the newest commit so far; nil: none is known
	state      *tablelog.State     // nil: the manifests cannot be read through
	partitions int
	done       int64
	total      int64
	partial    bool     // some rows are not known
	missing    []string // files that were not there
}

// soundFile is what the search for revisions needs to know of a file.
type soundFile struct {
	tablelog.Artifact
	rows int64
}

// Verify proves that an output is what its joiner wrote: the chain of manifests
// is unbroken, every file is there with its bytes and rows, nothing is in data/
// or deadletter/ that no manifest names, no row is there twice, no revision is
// missing, the declared gaps are those of the manifests, and the books add up. It
// may run beside the joiner; what is committed meanwhile is not looked at. Rows are
// compared in as many passes as keep the memory below about half a gigabyte. The
// error says that it could not look; it is an *EmptyError where nothing was ever
// committed nor begun.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (Verdict, error) {
	for range readAgain {
		v, err := a.verifyOnce(ctx, opts)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return v.verdict, err
		}
		merged, failed := v.merged()
		if failed != nil {
			return v.verdict, failed
		}
		if !merged {
			return v.verdict, err
		}
	}
	return Verdict{}, &MergedError{fmt.Errorf("this happened %d times", readAgain)}
}

// verifyOnce looks at the output as its newest manifest has it.
func (a *Archive) verifyOnce(ctx context.Context, opts VerifyOptions) (*verifier, error) {
	v := &verifier{Archive: a, ctx: ctx, VerifyOptions: opts, there: map[string]bool{}, gone: map[string]uint64{},
		partitions: 1}
	if v.Progress == nil {
		v.Progress = func(int64, int64) {}
	}
	v.verdict.Findings = []Finding{}
	// Files are listed before manifests are: one that is there now was named by
	// then.
	if err := v.list(); err != nil {
		return v, err
	}
	live, err := v.chain()
	if err != nil {
		return v, err
	}
	if err := v.nothing(); err != nil {
		return v, err
	}
	v.unnamed()
	if err := errors.Join(v.strangers(), v.declared()); err != nil {
		return v, err
	}
	slices.Sort(v.verdict.Foreign)
	if err := v.files(live); err != nil {
		return v, err
	}
	return v, v.revisions()
}

func (v *verifier) find(name, format string, args ...any) {
	v.verdict.Findings = append(v.verdict.Findings, Finding{Path: name, Problem: fmt.Sprintf(format, args...)})
}

// list finds what readers may take for data or dead letters.
func (v *verifier) list() error {
	days, err := v.bucket.List(tablelog.DataDir)
	if err != nil {
		return err
	}
	for _, d := range days {
		dir := path.Join(tablelog.DataDir, d)
		if !strings.HasPrefix(d, tablelog.DayPrefix) {
			v.look(dir, tablelog.FileSuffix, 0)
			continue
		}
		names, err := v.bucket.List(dir)
		if err != nil {
			v.find(dir, "it cannot be listed: %s", err)
		}
		for _, name := range names {
			v.look(path.Join(dir, name), tablelog.FileSuffix, 0)
		}
	}
	letters, err := v.bucket.List(tablelog.DeadLetterDir)
	for _, name := range letters {
		v.look(path.Join(tablelog.DeadLetterDir, name), tablelog.DeadLetterSuffix, 0)
	}
	return err
}

// deepestForeign is how many directories of others within each other are looked into: a
// link may lead back.
const deepestForeign = 4

// look tells files that readers find by a pattern from what other programs leave. Hidden
// ones are found as well, by DuckDB, and so is what lies in a directory.
func (v *verifier) look(name, suffix string, depth int) {
	if strings.HasSuffix(name, suffix) {
		v.there[name] = true
		return
	}
	if depth == 0 {
		v.verdict.Foreign = append(v.verdict.Foreign, name)
	}
	if depth == deepestForeign {
		return
	}
	below, err := v.bucket.List(name)
	if err != nil {
		return // it is a file, or not ours to look into
	}
	for _, each := range below {
		v.look(path.Join(name, each), suffix, depth+1)
	}
}

// unnamed tells of the files that no manifest names. Another partition's files are
// its own business, if there is such a partition.
func (v *verifier) unnamed() {
	operation, commit := uint64(0), uint64(0)
	if v.last != nil {
		operation = v.last.Number
	}
	if v.before != nil {
		commit = v.before.Number
	}
	for _, name := range slices.Sorted(maps.Keys(v.there)) {
		f, ok := tablelog.ParseFileName(path.Base(name))
		switch {
		case ok && f.Partition != v.partition && f.Partition < v.partitions:
		case ok && f.Partition == v.partition && f.Token != "" && v.bucket.Direct():
		// an attempt that was not committed, or what an operation removed: no reader sees it
		case ok && f.Partition == v.partition && !f.Operation && f.Number > commit:
			v.find(name, "no manifest names it: it is of commit %d, and the newest manifest here is of commit %d: if this is a copy that was made while the joiner ran, nothing is lost, "+
				"and the first commit after the next start sets the file aside and writes its rows again; else the manifest is lost: restore it from a backup", f.Number, commit)
		case v.gone[name] != 0 && v.gone[name] == operation: // it is being removed
		case v.gone[name] != 0:
			v.find(name, "operation %d removed it, and it is still there, where readers may take its rows for others: run labeljoin compact, which completes that", v.gone[name])
		// its manifest was ended
		case ok && f.Partition == v.partition && v.first != nil && !f.Operation && f.Number < v.first.Number &&
			strings.HasPrefix(name, tablelog.DeadLetterDir+"/"):
		case ok && f.Partition == v.partition && f.Operation && f.Number > operation:
			v.find(name, "no manifest names it: it is of operation %d, and the newest manifest here is of operation %d: the manifest is lost: restore it from a backup", f.Number, operation)
		default:
			v.find(name, "no manifest names it: it is not of this output's commits. If it was copied here, remove it")
		}
	}
}

// nothing returns an *EmptyError where no joiner ever was: an empty directory
// proves nothing, and most likely a disk is not mounted.
func (v *verifier) nothing() error {
	if v.verdict.Commits > 0 || len(v.verdict.Findings) > 0 || len(v.there) > 0 {
		return nil
	}
	return v.begun()
}

// files reads the live files. Those of the newest operations may not be published yet.
func (v *verifier) files(live []tablelog.File) error {
	for i := range live {
		f := &live[i]
		if v.Since != 0 && f.MaxRequestTS < v.Since {
			v.partial = true
			continue
		}
		if day := tablelog.DayName(f.MinRequestTS); f.Day() != day {
			v.find(f.Path, "its requests are of %s", tablelog.DayPrefix+day)
		}
		ok, err := v.checkFile(f.Artifact(), f)
		if err != nil {
			return err
		}
		if v.partial = v.partial || !ok; ok {
			v.sound = append(v.sound, soundFile{Artifact: f.Artifact(), rows: f.Rows})
		}
	}
	for _, a := range v.letters {
		if _, err := v.checkFile(a, nil); err != nil {
			return err
		}
	}
	return nil
}

// summary is what a manifest says of a file, as rowfile does.
func summary(f *tablelog.File) *rowfile.Summary {
	s := &rowfile.Summary{Rows: f.Rows, Hash: f.RowsHash}
	for _, c := range f.Columns { // none: the file's own, which its hash proves
		// A type that does not exist hashes to something else than was written.
		typ, _ := rowfile.ParseColumnType(c.Type)
		s.Columns = append(s.Columns, rowfile.Column{Name: c.Name, Type: typ})
	}
	return s
}

// checkFile checks a file's bytes, and the rows of one that has some: f is nil for dead
// letters.
func (v *verifier) checkFile(a tablelog.Artifact, f *tablelog.File) (sound bool, err error) {
	if err := v.ctx.Err(); err != nil {
		return false, err
	}
	r, err := v.log.OpenFile(a)
	if errors.Is(err, bucket.ErrNotFile) {
		v.find(a.Path, "%s: restore it from a backup, or replay its requests", err)
		return false, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		v.missing = append(v.missing, a.Path)
		v.find(a.Path, "it is missing: restore it from a backup, or replay its requests")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open %s: %w", a.Path, err)
	}
	defer r.Close()
	v.verdict.Files++
	if err := checkReader(r, a.Bytes, a.SHA256); err != nil {
		v.find(a.Path, "%s: restore it from a backup, or replay its requests", err)
		return false, nil
	}
	v.done += a.Bytes
	v.verdict.Bytes += a.Bytes
	v.Progress(v.done, v.total)
	if f == nil {
		return true, nil
	}
	// Only now: a Parquet reader is no judge of bytes that no hash vouches for.
	if err := rowfile.Verify(r, r.Size(), summary(f)); err != nil {
		v.find(a.Path, "its rows are not those of its manifest: %s", err)
		return false, nil
	}
	v.verdict.Rows += f.Rows
	return true, nil
}
