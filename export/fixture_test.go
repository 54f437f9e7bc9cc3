package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// adapter shows that Output is the engine's but for the type that Stage
// returns, which this package cannot name without importing the engine.
type adapter struct{ *Output }

func (a adapter) Stage(k uint64) (engine.Stage, error) { return a.Output.Stage(k) }

var (
	_ engine.Output = adapter{}
	_ engine.Stage  = (*Stage)(nil)
)

const testDir = "out/labeled"

// placeOf is the output's directory in a file system.
func placeOf(fs vfs.FS) bucket.Bucket { return bucket.NewDir(fs, testDir) }

func options(fs vfs.FS) Options {
	return Options{
		Bucket: placeOf(fs), Name: "feed", RulesHash: "abc",
		Labels: []joiner.Label{{Name: "clicked"}}, FileRows: 4,
	}
}

func open(t testing.TB, opts Options) *Output {
	t.Helper()
	o, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// testRow is a row of commit k; its id tells everything.
func testRow(k uint64, i int) (*events.Request, *joiner.Row) {
	ts := events.At(time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)).Add(time.Duration(i) * 20 * time.Second)
	req := &events.Request{
		ID: fmt.Sprintf("r%d-%d", k, i), TS: ts,
		Features: []events.Field{{Name: "f", Value: events.Value{Kind: events.ValueInt, Int: int64(i)}}},
	}
	row := &joiner.Row{Item: -1, Cells: []joiner.Cell{{Value: float64(i % 2), TS: events.MinTime}}}
	return req, row
}

// rowsOf is how many rows and dead letters commit k has: some have neither.
func rowsOf(k uint64) (rows, letters int) { return int(k*3) % 7, int(k) % 3 }

func testCut(k uint64, nonce string) *joiner.Cut {
	c := &joiner.Cut{
		Number: k, Nonce: nonce, RulesHash: "abc", MaxEvent: events.Time(k),
		From: []events.Position{{Input: "S", Created: 5, Next: k * 10}},
		Progress: joiner.Progress{
			Commit: k, Clock: joiner.NewClock(), ClosedThrough: events.MinTime, PublishedThrough: events.MinTime,
			Inputs: []events.Position{{Input: "S", Created: 5, Next: k*10 + 10, Skip: 3}},
		},
	}
	c.Progress.Ledger.Kinds[events.KindRequest] = joiner.Tally{Read: int64(k)}
	c.Progress.Ledger.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted] = int64(k)
	return c
}

func commit(o *Output, k uint64, nonce string) (joiner.Receipt, error) {
	s, err := o.Stage(k)
	if err != nil {
		return joiner.Receipt{}, err
	}
	defer s.Abort()
	rows, letters := rowsOf(k)
	for i := range rows {
		if err := s.Row(testRow(k, i)); err != nil {
			return joiner.Receipt{}, err
		}
	}
	for i := range letters {
		d := &events.DeadLetter{Input: "S", Origin: events.Origin{Seq: k, Index: uint32(i)}, Reason: "not_json", Stored: events.MinTime, Data: []byte("x")}
		if err := s.DeadLetter(d); err != nil {
			return joiner.Receipt{}, err
		}
	}
	return s.Commit(context.Background(), testCut(k, nonce))
}

func mustCommit(t testing.TB, o *Output, k uint64) joiner.Receipt {
	t.Helper()
	r, err := commit(o, k, fmt.Sprint("nonce", k))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// visible lists the ids of all rows a glob over data/ finds, sorted, and the
// dead letters' lines.
func visible(fsys vfs.FS) (ids []string, letters int, err error) {
	days, err := listed(fsys, testDir+"/data")
	if err != nil {
		return nil, 0, err
	}
	for _, d := range days {
		files, err := listed(fsys, path.Join(testDir, "data", d))
		if err != nil {
			return nil, 0, err
		}
		for _, f := range files {
			if !strings.HasSuffix(f, ".parquet") {
				return nil, 0, fmt.Errorf("%s is in data/", f)
			}
			found, err := idsIn(fsys, path.Join(testDir, "data", d, f))
			if err != nil {
				return nil, 0, fmt.Errorf("%s/%s: %w", d, f, err)
			}
			ids = append(ids, found...)
		}
	}
	files, err := listed(fsys, testDir+"/deadletter")
	for _, f := range files {
		data, err := contents(fsys, path.Join(testDir, "deadletter", f))
		if err != nil {
			return nil, 0, err
		}
		letters += bytes.Count(data, []byte("\n"))
	}
	slices.Sort(ids)
	return ids, letters, err
}

func idsIn(fsys vfs.FS, name string) (ids []string, err error) {
	data, err := contents(fsys, name)
	if err != nil {
		return nil, err
	}
	return idsOf(bytes.NewReader(data), int64(len(data)))
}

func idsOf(r io.ReaderAt, size int64) (ids []string, err error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	for _, group := range f.RowGroups() {
		pages := group.ColumnChunks()[0].Pages()
		defer pages.Close()
		for {
			page, err := pages.ReadPage()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			values := make([]parquet.Value, page.NumValues())
			if n, err := page.Values().ReadValues(values); n != len(values) {
				return nil, err
			}
			for _, v := range values {
				ids = append(ids, v.String())
			}
		}
	}
	return ids, nil
}

func listed(fsys vfs.FS, dir string) ([]string, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

func contents(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// wanted is what must be visible after commits 1 to n.
func wanted(n uint64) (ids []string, letters int) {
	for k := uint64(1); k <= n; k++ {
		rows, dead := rowsOf(k)
		for i := range rows {
			ids = append(ids, fmt.Sprintf("r%d-%d", k, i))
		}
		letters += dead
	}
	slices.Sort(ids)
	return ids, letters
}

func checkVisible(t testing.TB, fsys vfs.FS, n uint64) {
	t.Helper()
	if err := differs(fsys, n); err != nil {
		t.Fatal(err)
	}
}

func differs(fsys vfs.FS, n uint64) error {
	ids, letters, err := visible(fsys)
	if err != nil {
		return err
	}
	want, dead := wanted(n)
	if !slices.Equal(ids, want) || letters != dead {
		return fmt.Errorf("after commit %d there are rows %q and %d dead letters, want %q and %d", n, ids, letters, want, dead)
	}
	return nil
}

// faulty wraps a file system: before is called ahead of every operation that
// changes something, and its error is the operation's. mangle, if set, may
// change what is written to a file.
type faulty struct {
	vfs.FS
	before  func(op, name string) error
	mangle  func(name string, p []byte)
	noLocks bool
	link    func(oldname, newname string) error
}

func (f *faulty) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.before("create", name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *faulty) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *faulty) Link(oldname, newname string) error {
	if err := f.before("link", newname); err != nil {
		return err
	}
	if f.link != nil {
		return f.link(oldname, newname)
	}
	return f.FS.Link(oldname, newname)
}

func (f *faulty) Rename(oldname, newname string) error {
	if err := f.before("rename", newname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Exchange implements bucket.Exchanger over a file system in memory.
func (f *faulty) Exchange(a, b string) error {
	if err := f.before("exchange", a); err != nil {
		return err
	}
	const aside = testDir + "/.exchange"
	return cmp.Or(f.FS.Rename(a, aside), f.FS.Rename(b, a), f.FS.Rename(aside, b))
}

func (f *faulty) RemoveAll(name string) error {
	if err := f.before("remove all", name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

func (f *faulty) Remove(name string) error {
	if err := f.before("remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faulty) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.before("mkdir", name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, perm)
}

func (f *faulty) Lock(name string) (io.Closer, error) {
	if f.noLocks {
		return io.NopCloser(nil), nil
	}
	return f.FS.Lock(name)
}

type faultyFile struct {
	vfs.File
	fs   *faulty
	name string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.before("write", f.name); err != nil {
		return 0, err
	}
	if f.fs.mangle != nil {
		p = bytes.Clone(p)
		f.fs.mangle(f.name, p)
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.before("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

func letter() *events.DeadLetter {
	return &events.DeadLetter{Input: "S", Origin: events.Origin{Seq: 1}, Reason: "not_json", Stored: events.MinTime, Data: []byte("x")}
}

// firstRow is the first row of a file of ours, of columns that are no lists.
func firstRow(r io.ReaderAt, size int64) (map[string]any, error) {
	f, err := parquet.OpenFile(r, size)
	if err != nil {
		return nil, err
	}
	rows := f.RowGroups()[0].Rows()
	defer rows.Close()
	buf := make([]parquet.Row, 1)
	if _, err := rows.ReadRows(buf); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	out := map[string]any{}
	for i, field := range f.Schema().Fields() {
		switch v := buf[0][i]; {
		case v.IsNull():
		case v.Kind() == parquet.Double:
			out[field.Name()] = v.Double()
		case v.Kind() == parquet.Int64:
			out[field.Name()] = v.Int64()
		default:
			out[field.Name()] = v.String()
		}
	}
	return out, nil
}
