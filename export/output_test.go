package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

func calm(string, string) error { return nil }

func TestCommitAndReopen(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	if _, _, ok := o.Last(); ok {
		t.Fatal("there is a commit before the first")
	}
	var last joiner.Receipt
	for k := uint64(1); k <= 5; k++ {
		last = mustCommit(t, o, k)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	checkVisible(t, mem, 5)
	o = open(t, options(mem))
	defer o.Close()
	cut, receipt, ok := o.Last()
	if !ok || receipt != last || !reflect.DeepEqual(&cut, testCut(5, "nonce5")) {
		t.Fatalf("reopened: %+v, %+v, want receipt %+v", cut, receipt, last)
	}
	data, err := contents(mem, testDir+"/_commits/p0000/00000000000000000005.json")
	if err != nil || tablelog.HashOf(data) != last.Hash {
		t.Fatalf("the receipt is not the hash of the manifest's bytes: %v", err)
	}
	k := uint64(0)
	for cut, err := range o.Cuts() {
		k++
		if err != nil || !reflect.DeepEqual(&cut, testCut(k, fmt.Sprint("nonce", k))) {
			t.Fatalf("cut %d: %+v, %v", k, cut, err)
		}
	}
	if k != 5 {
		t.Fatalf("listed %d cuts, want 5", k)
	}
}

// Everything once more with the operating system's links, renames and locks.
func TestOnDisk(t *testing.T) {
	opts := options(vfs.Default)
	t.Chdir(t.TempDir())
	o := open(t, opts)
	for k := uint64(1); k <= 3; k++ {
		mustCommit(t, o, k)
	}
	if _, err := Open(opts); err == nil {
		t.Fatal("opened twice")
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, opts)
	defer o.Close()
	mustCommit(t, o, 4)
	checkVisible(t, vfs.Default, 4)
}

func TestFilesOfACommit(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	// Four rows to a file and four rows to either day: 3 + 6.
	for i := range 9 {
		if err := s.Row(testRow(1, i)); err != nil {
			t.Fatal(err)
		}
	}
	if rows, unfit := s.Tallies(); rows != 9 || unfit != 0 {
		t.Fatalf("tallies: %d rows, %d unfit", rows, unfit)
	}
	if _, err := s.Commit(context.Background(), testCut(1, "n")); err != nil {
		t.Fatal(err)
	}
	m, err := o.log.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range m.Added {
		got = append(got, fmt.Sprint(f.Path, " ", f.Rows))
	}
	want := []string{
		"data/dt=2026-11-23/p0000-00000000000000000001-000.parquet 4",
		"data/dt=2026-11-22/p0000-00000000000000000001-001.parquet 3",
		"data/dt=2026-11-23/p0000-00000000000000000001-002.parquet 2",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("files %q, want %q", got, want)
	}
	wantColumns := []tablelog.Column{
		{Name: "request_id", Type: "string"}, {Name: "request_ts", Type: "timestamp"}, {Name: "model", Type: "string"}, {Name: "model_version", Type: "string"},
		{Name: "user_id", Type: "string"}, {Name: "item_id", Type: "string"}, {Name: "position", Type: "int64"}, {Name: "score", Type: "double"}, {Name: "f", Type: "double"},
		{Name: "clicked", Type: "int32"}, {Name: "clicked_ts", Type: "timestamp"}, {Name: "revision", Type: "int32"}, {Name: "reason", Type: "string"},
	}
	if !slices.Equal(m.Added[0].Columns, wantColumns) {
		t.Fatalf("columns %v, want %v", m.Added[0].Columns, wantColumns)
	}
}

// However many days the rows are of, no more than FileBytes is buffered.
func TestMemoryIsBounded(t *testing.T) {
	mem := vfs.NewMem()
	opts := options(mem)
	opts.FileRows, opts.FileBytes = 1_000_000, 100_000
	o := open(t, opts)
	defer o.Close()
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	rng := newRand(1)
	for i := range 500 {
		req, row := testRow(1, i)
		req.TS = events.Time(rng.Int64N(40)) * events.Time(24*time.Hour)
		req.UserID = strings.Repeat("x", rng.IntN(5000))
		if err := s.Row(req, row); err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, b := range s.builders {
			sum += int64(b.Size())
		}
		if sum != s.buffered || sum > opts.FileBytes {
			t.Fatalf("row %d: %d bytes are buffered, %d accounted for, at most %d allowed", i, sum, s.buffered, opts.FileBytes)
		}
	}
	if _, err := s.Commit(context.Background(), testCut(1, "n")); err != nil {
		t.Fatal(err)
	}
	if ids, _, err := visible(mem); err != nil || len(ids) != 500 {
		t.Fatalf("%d rows are visible, want 500: %v", len(ids), err)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	_, err := Open(options(mem))
	if locked := (*LockedError)(nil); !errors.As(err, &locked) || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("second open: %v", err)
	}
	other := options(mem)
	other.Partition, other.Partitions = 1, 2
	p1 := open(t, other)
	if err := errors.Join(p1.Close(), o.Close(), o.Close()); err != nil {
		t.Fatal(err)
	}
	o = open(t, options(mem))
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Stage(1); err == nil {
		t.Fatal("a closed output was staged to")
	}
}

// Two processes that both believe to own the partition: one commit wins.
func TestFencing(t *testing.T) {
	mem := vfs.NewMem()
	shared := &faulty{FS: mem, before: calm, noLocks: true}
	a, b := open(t, options(shared)), open(t, options(shared))
	mustCommit(t, a, 1)
	_, err := commit(b, 1, "another")
	fenced := (*FencedError)(nil)
	if !errors.As(err, &fenced) || fenced.Theirs != "nonce1" || fenced.Mine != "another" || fenced.Number != 1 {
		t.Fatalf("the second owner's commit: %v", err)
	}
	if _, err := b.Stage(1); err == nil {
		t.Fatal("a fenced output went on")
	}
	checkVisible(t, mem, 1)
	if left, _ := listed(mem, testDir+"/_staging"); len(left) > 0 {
		t.Fatalf("left in _staging: %q", left)
	}
	mustCommit(t, a, 2)
	checkVisible(t, mem, 2)
}

// The answer to the creation of the manifest got lost, or said that it exists,
// which is our own doing.
func TestOwnManifestIsAdopted(t *testing.T) {
	for _, answer := range []error{fs.ErrExist, errors.New("timed out")} {
		mem := vfs.NewMem()
		lossy := &faulty{FS: mem, before: calm, link: func(oldname, newname string) error {
			if err := mem.Link(oldname, newname); err != nil {
				return err
			}
			return answer
		}}
		o := open(t, options(lossy))
		for k := uint64(1); k <= 3; k++ {
			mustCommit(t, o, k)
		}
		checkVisible(t, mem, 3)
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		o = open(t, options(mem))
		if _, receipt, _ := o.Last(); receipt.Number != 3 {
			t.Fatalf("commit %d is the last, want 3", receipt.Number)
		}
	}
}

// An attempt before us, with the same cut, created the manifest: its files are
// the ones that count.
func TestManifestOfAnEarlierAttempt(t *testing.T) {
	mem := vfs.NewMem()
	shared := &faulty{FS: mem, before: calm, noLocks: true}
	a, b := open(t, options(shared)), open(t, options(shared))
	first, err := commit(a, 1, "same")
	if err != nil {
		t.Fatal(err)
	}
	second, err := commit(b, 1, "same")
	if err != nil || first != second {
		t.Fatalf("receipts %+v and %+v: %v", first, second, err)
	}
	checkVisible(t, mem, 1)
	if left, _ := listed(mem, testDir+"/_staging"); len(left) > 0 {
		t.Fatalf("left in _staging: %q", left)
	}
}

func TestCorruptStagedFileIsNoticed(t *testing.T) {
	for suffix, says := range map[string]string{".parquet": "its hash is", ".jsonl": "SHA-256"} {
		t.Run(suffix, func(t *testing.T) {
			mem := vfs.NewMem()
			hits := 0
			bad := &faulty{FS: mem, before: calm, mangle: func(name string, p []byte) {
				if strings.HasSuffix(name, suffix) && len(p) > 20 {
					p[len(p)/2] ^= 4
					hits++
				}
			}}
			o := open(t, options(bad))
			_, err := commit(o, 1, "n")
			// The checksum must tell, before the Parquet library sees such bytes.
			if corrupt := (*CorruptFileError)(nil); hits == 0 || !errors.As(err, &corrupt) || !strings.Contains(err.Error(), says) {
				t.Fatalf("%s: %d corruptions, error %v", suffix, hits, err)
			}
			if _, err := mem.Stat(testDir + "/_commits/p0000/00000000000000000001.json"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s: there is a manifest: %v", suffix, err)
			}
			bad.mangle = nil
			mustCommit(t, o, 1) // nothing was decided: the commit can be tried again
			checkVisible(t, mem, 1)
		})
	}
}

func TestStageIsUsedUp(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	if _, err := o.Stage(2); err == nil {
		t.Fatal("commit 2 came first")
	}
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Stage(1); err == nil {
		t.Fatal("two stages are open")
	}
	for i := range 9 {
		if err := s.Row(testRow(1, i)); err != nil {
			t.Fatal(err)
		}
	}
	s.Abort()
	if left, _ := listed(mem, testDir+"/_staging"); len(left) > 0 {
		t.Fatalf("left in _staging: %q", left)
	}
	if err := s.Row(testRow(1, 1)); !errors.Is(err, errStageDone) {
		t.Fatalf("a row after the end: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s, err = o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, testCut(1, "n")); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled commit: %v", err)
	}
	s.Abort()
	s, err = o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, cut := range map[string]*joiner.Cut{"number": testCut(2, "n"), "nonce": testCut(1, "")} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.commit(context.Background(), cut); err == nil {
				t.Fatalf("a cut with the wrong %s was committed", name)
			}
		})
	}
}
