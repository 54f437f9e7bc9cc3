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
	there      map[string]bool // files that no manifest has named so far
	sound      []soundFile     // files whose bytes are as they were written
	last       *manifest       // the newest that can be read
	partitions int
	done       int64
	total      int64
	partial    bool // some rows are not known
}

// soundFile is what the search for revisions needs to know of a file.
type soundFile struct {
	path, staging string
	rows          int64
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
	v := &verifier{Archive: a, ctx: ctx, VerifyOptions: opts, there: map[string]bool{}, partitions: 1}
	if v.Progress == nil {
		v.Progress = func(int64, int64) {}
	}
	v.verdict.Findings = []Finding{}
	// Files are listed before manifests are: one that is there now was named by
	// then.
	if err := v.list(); err != nil {
		return v.verdict, err
	}
	numbers, err := v.chain()
	if err != nil {
		return v.verdict, err
	}
	if err := v.nothing(numbers); err != nil {
		return v.verdict, err
	}
	v.unnamed()
	if err := errors.Join(v.strangers(), v.declared()); err != nil {
		return v.verdict, err
	}
	if err := v.files(numbers); err != nil {
		return v.verdict, err
	}
	return v.verdict, v.revisions()
}

func (v *verifier) find(name, format string, args ...any) {
	v.verdict.Findings = append(v.verdict.Findings, Finding{Path: name, Problem: fmt.Sprintf(format, args...)})
}

// list finds what readers may take for data or dead letters.
func (v *verifier) list() error {
	list := func(dir string) error {
		entries, err := v.bucket.List(dir)
		for _, e := range entries {
			v.there[path.Join(dir, e)] = true
		}
		return err
	}
	days, err := v.bucket.List(dataDir)
	if err != nil {
		return err
	}
	for _, d := range days {
		dir := path.Join(dataDir, d)
		if !strings.HasPrefix(d, dayPrefix) {
			v.there[dir] = true
			continue
		}
		if err := list(dir); err != nil {
			v.find(dir, "it cannot be listed: %s", err)
		}
	}
	return list(deadLetterDir)
}

// unnamed tells of the files that no manifest names. Another partition's files are
// its own business, if there is such a partition.
func (v *verifier) unnamed() {
	last := uint64(0)
	if v.last != nil {
		last = v.last.Number
	}
	for _, name := range slices.Sorted(maps.Keys(v.there)) {
		p, k, ok := fileNumber(path.Base(name))
		switch {
		case ok && p != v.partition && p < v.partitions:
		case ok && p == v.partition && k > last:
			v.find(name, "no manifest names it: it is of commit %d, and the newest manifest here is of commit %d: if this is a copy that was made while the joiner ran, nothing is lost, "+
				"and the first commit after the next start sets the file aside and writes its rows again; else the manifest is lost: restore it from a backup", k, last)
		default:
			v.find(name, "no manifest names it: it is not of this output's commits. If it was copied here, remove it")
		}
	}
}

// chain reads all manifests and checks that each continues the one before. It
// returns the numbers of those that can be read.
func (v *verifier) chain() (readable []uint64, err error) {
	numbers, err := v.numbers()
	if err != nil {
		return nil, err
	}
	lastHash, next := "", uint64(1)
	var last *manifest
	for _, k := range numbers {
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		for ; next < k; next++ {
			v.find(manifestPath(v.partition, next), "the manifest of commit %d is missing: restore it from a backup; without it its files cannot be told from strays", next)
			last, lastHash = nil, ""
		}
		v.partial = v.partial || next > 1 && last == nil
		next = k + 1
		m, data, err := v.manifest(k)
		var chain *ChainError
		switch {
		case errors.As(err, &chain):
			v.find(chain.Path, "%s: restore it from a backup", chain.Reason)
			last, lastHash = nil, ""
			continue
		case err != nil:
			return nil, err
		}
		v.link(k, m, last, lastHash)
		v.name(k, m)
		last, lastHash = m, hashOf(data)
		v.last, v.partitions = m, max(v.partitions, m.Partitions)
		readable = append(readable, k)
	}
	v.verdict.Commits = len(readable)
	return readable, nil
}

// nothing returns an *EmptyError where no joiner ever was: an empty directory
// proves nothing, and most likely a disk is not mounted.
func (v *verifier) nothing(numbers []uint64) error {
	if len(numbers) > 0 || len(v.verdict.Findings) > 0 || len(v.there) > 0 {
		return nil
	}
	return v.begun()
}

// strangers finds what does not belong beside the manifests.
func (v *verifier) strangers() error {
	partitions, err := v.bucket.List(commitsDir)
	if err != nil {
		return err
	}
	slices.Sort(partitions)
	known := map[string]bool{}
	for p := range v.partitions {
		known[partitionName(p)] = true
	}
	for _, name := range partitions {
		if !known[name] {
			v.find(path.Join(commitsDir, name), "this output has %d partitions, and this is none of them: remove it", v.partitions)
		}
	}
	names, err := v.bucket.List(manifestDir(v.partition))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := manifestNumber(name); !ok && name != lockName && !strings.HasPrefix(name, bucket.TempPrefix) {
			v.find(path.Join(manifestDir(v.partition), name), "it is no manifest: remove it")
		}
	}
	return nil
}

// link checks a manifest against the one before, which is nil for the first or
// where that cannot be read.
func (v *verifier) link(k uint64, m, last *manifest, lastHash string) {
	name := manifestPath(v.partition, k)
	if m.Number != k {
		v.find(name, "it is of commit %d: it was renamed or swapped", m.Number)
	}
	if m.Partition != v.partition {
		v.find(name, "it is of partition %d", m.Partition)
	}
	if last == nil && k > 1 {
		return // what it continues is not known, and that was said
	}
	previous := ledger{}
	if last != nil {
		previous = last.Ledger
		if m.Previous != lastHash {
			v.find(name, "it follows another manifest than the one before it: one of the two was changed, or is of another run")
		}
		if m.Name != last.Name {
			v.find(name, "it belongs to the joiner %q, the one before to %q", m.Name, last.Name)
		}
		if !slices.Equal(m.From, last.To) {
			v.find(name, "it begins at %v, the one before ends at %v: events between are missing or doubled", m.From, last.To)
		}
		if m.ClosedThrough < last.ClosedThrough {
			v.find(name, "it has closed less than the one before")
		}
		if !continues(m.Gaps, last.Gaps) {
			v.find(name, "it does not record all the gaps that the one before records")
		}
	}
	v.books(name, m, &previous)
}

// books checks that a manifest's counts continue those before.
func (v *verifier) books(name string, m *manifest, before *ledger) {
	now := fromLedger(&m.Ledger)
	if !now.Balanced() {
		v.find(name, "its books do not balance: what was read is not what was disposed of and is pending")
	}
	rows := int64(0)
	for i := range m.Files {
		rows += m.Files[i].Rows
	}
	if m.Ledger.Rows != before.Rows+rows || m.Closed.Rows != rows {
		v.find(name, "its files have %d rows, its books say %d, after %d before", rows, m.Ledger.Rows, before.Rows)
	}
	was := fromLedger(before)
	lines, letters := int64(0), int64(0)
	if m.DeadLetters != nil {
		lines = m.DeadLetters.Lines
	}
	for k := range now.Kinds {
		if now.Kinds[k].Read < was.Kinds[k].Read {
			v.find(name, "fewer %ss were read than by the commit before", events.Kind(k))
		}
		for _, d := range []joiner.Disposition{joiner.Rejected, joiner.Quarantined} {
			letters += now.Kinds[k].Disposed[d] - was.Kinds[k].Disposed[d]
		}
	}
	if lines != letters {
		v.find(name, "%d events were rejected or quarantined, its dead letters have %d", letters, lines)
	}
}

// name strikes the files that a manifest names off the list. A file's name has the
// number of its commit, so no two commits can name the same.
func (v *verifier) name(k uint64, m *manifest) {
	for _, a := range m.artifacts() {
		v.total += a.bytes
		if p, of, ok := fileNumber(path.Base(a.path)); !ok || p != v.partition || of != k {
			v.find(a.path, "the manifest of commit %d names it, and by its name it is of another commit", k)
		}
		delete(v.there, a.path)
	}
}

// files reads the files of all manifests. The files of the last may not be
// published yet.
func (v *verifier) files(numbers []uint64) error {
	for i, k := range numbers {
		m, _, err := v.manifest(k)
		if err != nil {
			return err
		}
		newest := i == len(numbers)-1
		for j := range m.Files {
			f := &m.Files[j]
			if v.Since != 0 && events.Time(f.MaxRequestTS) < v.Since {
				v.partial = true
				continue
			}
			if day := path.Join(dataDir, dayPrefix+dayName(events.Time(f.MinRequestTS))); path.Dir(f.Path) != day {
				v.find(f.Path, "its requests are of %s", path.Base(day))
			}
			ok, err := v.checkFile(artifact{f.Path, f.Staging, f.Bytes, f.SHA256}, newest, f)
			if err != nil {
				return err
			}
			if v.partial = v.partial || !ok; ok {
				v.sound = append(v.sound, soundFile{path: f.Path, staging: f.Staging, rows: f.Rows})
			}
		}
		// Dead letters may be deleted too, once they were dealt with.
		if d := m.DeadLetters; d != nil && (v.Since == 0 || events.Time(m.MaxEvent) >= v.Since) {
			if _, err := v.checkFile(artifact{d.Path, d.Staging, d.Bytes, d.SHA256}, newest, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// summary is what a manifest says of a file, as rowfile does.
func (f *file) summary() *rowfile.Summary {
	s := &rowfile.Summary{Rows: f.Rows, Hash: f.RowsHash}
	for _, c := range f.Columns { // none: the file's own, which its hash proves
		// A type that does not exist hashes to something else than was written.
		typ, _ := rowfile.ParseColumnType(c.Type)
		s.Columns = append(s.Columns, rowfile.Column{Name: c.Name, Type: typ})
	}
	return s
}

// checkFile checks a file's bytes, and the rows of one that has some.
func (v *verifier) checkFile(a artifact, newest bool, f *file) (sound bool, err error) {
	if err := v.ctx.Err(); err != nil {
		return false, err
	}
	staging := a.path
	if newest {
		staging = a.staging
	}
	r, err := v.open(a.path, staging)
	if errors.Is(err, bucket.ErrNotFile) {
		v.find(a.path, "%s: restore it from a backup, or replay its requests", err)
		return false, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		v.find(a.path, "it is missing: restore it from a backup, or replay its requests")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open %s: %w", a.path, err)
	}
	defer r.Close()
	v.verdict.Files++
	if err := checkReader(r, a.bytes, a.sha256); err != nil {
		v.find(a.path, "%s: restore it from a backup, or replay its requests", err)
		return false, nil
	}
	v.done += a.bytes
	v.verdict.Bytes += a.bytes
	v.Progress(v.done, v.total)
	if f == nil {
		return true, nil
	}
	// Only now: a Parquet reader is no judge of bytes that nobody vouches for.
	if err := rowfile.Verify(r, r.Size(), f.summary()); err != nil {
		v.find(a.path, "its rows are not those of its manifest: %s", err)
		return false, nil
	}
	v.verdict.Rows += f.Rows
	return true, nil
}
