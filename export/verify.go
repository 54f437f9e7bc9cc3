package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// verifier goes through an output.
type verifier struct {
	*Archive
	VerifyOptions
	ctx     context.Context
	verdict Verdict
	named   map[string]bool // files that a manifest names
	sound   []file          // files whose bytes are as they were written
	done    int64
	total   int64
	partial bool // some rows are not known
}

// Verify proves that an output is what its joiner wrote: the chain of manifests
// is unbroken, every file is there with its bytes and rows, nothing is in data/
// or deadletter/ that no manifest names, no row is there twice, no revision is
// missing, and the books add up. It may run beside the joiner; what is committed
// meanwhile is not looked at. Rows are compared in as many passes as keep the
// memory below about half a gigabyte. The error says that it could not look.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (Verdict, error) {
	v := &verifier{Archive: a, ctx: ctx, VerifyOptions: opts, named: map[string]bool{}}
	if v.Progress == nil {
		v.Progress = func(int64, int64) {}
	}
	v.verdict.Findings = []Finding{}
	// Files are listed before manifests are: one that is there now was named by
	// then.
	there, err := v.there()
	if err != nil {
		return v.verdict, err
	}
	manifests, err := v.chain()
	if err != nil {
		return v.verdict, err
	}
	v.name(manifests)
	for _, name := range there {
		if !v.named[name] {
			v.find(name, "no manifest names it: it is not of this output's commits. If it was copied here, remove it")
		}
	}
	if err := v.files(manifests); err != nil {
		return v.verdict, err
	}
	return v.verdict, v.revisions()
}

func (v *verifier) find(name, format string, args ...any) {
	v.verdict.Findings = append(v.verdict.Findings, Finding{Path: name, Problem: fmt.Sprintf(format, args...)})
}

// there lists what readers may take for data or dead letters.
func (v *verifier) there() ([]string, error) {
	var names []string
	list := func(dir string) error {
		entries, err := v.bucket.List(dir)
		for _, e := range entries {
			// Another partition's files are its own business.
			if p, ok := partitionOf(e); ok && p != v.partition && v.exists(manifestDir(p)) {
				continue
			}
			names = append(names, path.Join(dir, e))
		}
		return err
	}
	days, err := v.bucket.List(dataDir)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		dir := path.Join(dataDir, d)
		if !strings.HasPrefix(d, dayPrefix) {
			names = append(names, dir)
			continue
		}
		if err := list(dir); err != nil {
			v.find(dir, "it cannot be listed: %s", err)
		}
	}
	if err := list(deadLetterDir); err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func (v *verifier) exists(dir string) bool {
	names, err := v.bucket.List(dir)
	return err == nil && len(names) > 0
}

// chain reads all manifests and checks that each continues the one before.
func (v *verifier) chain() ([]*manifest, error) {
	if err := v.strangers(); err != nil {
		return nil, err
	}
	numbers, err := v.numbers()
	if err != nil {
		return nil, err
	}
	var manifests []*manifest
	var last *manifest
	lastHash, next := "", uint64(1)
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
		last, lastHash = m, hashOf(data)
		manifests = append(manifests, m)
	}
	v.verdict.Commits = len(manifests)
	return manifests, nil
}

// strangers finds what does not belong beside the manifests.
func (v *verifier) strangers() error {
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
		if len(m.Gaps) < len(last.Gaps) {
			v.find(name, "it records fewer gaps than the one before")
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

// name collects the files that manifests name.
func (v *verifier) name(manifests []*manifest) {
	for _, m := range manifests {
		for _, a := range m.artifacts() {
			v.total += a.bytes
			if v.named[a.path] {
				v.find(a.path, "two manifests name it")
			}
			v.named[a.path] = true
		}
	}
}

// files reads the files of all manifests. The files of the last may not be
// published yet.
func (v *verifier) files(manifests []*manifest) error {
	for i, m := range manifests {
		newest := i == len(manifests)-1
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
				v.sound = append(v.sound, *f)
			}
		}
		if d := m.DeadLetters; d != nil {
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
	for _, c := range f.Columns {
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
