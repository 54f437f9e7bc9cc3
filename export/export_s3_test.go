package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// inStore is the output in an object store, as a process on a machine of its own has it.
func inStore(t testing.TB, store *s3test.Store, transport http.RoundTripper) bucket.Bucket {
	t.Helper()
	client, err := s3.Connect(s3.Settings{Endpoint: store.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if transport != nil {
		if client, err = s3.ConnectThrough(s3.Settings{Endpoint: store.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret"}, transport); err != nil {
			t.Fatal(err)
		}
	}
	return s3.New(s3.Options{Client: client, Bucket: s3test.Name, Prefix: testDir, Local: bucket.NewDir(vfs.NewMem(), "uploads"),
		Scratch: t.TempDir(), Pause: time.Millisecond, RetryFor: time.Minute})
}

func storeOptions(t testing.TB, b bucket.Bucket) Options {
	t.Helper()
	opts := options(vfs.NewMem())
	opts.Bucket, opts.CheckpointEvery = b, 1
	return opts
}

// liveRows are the rows of an output's live files: their ids, and the hashes of whole rows
// by commit.
func liveRows(b bucket.Bucket) (ids, hashes []string, err error) {
	archive, err := OpenArchive(b, 0)
	if err != nil {
		return nil, nil, err
	}
	table, err := archive.Table()
	if err != nil {
		return nil, nil, err
	}
	for i := range table.Files {
		f := &table.Files[i]
		hashes = append(hashes, fmt.Sprint(f.FirstCommit, f.Day(), f.Rows, f.RowsHash))
		r, err := archive.ReadFile(f)
		if err != nil {
			return nil, nil, err
		}
		found, err := idsOf(r, r.Size())
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, nil, err
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	slices.Sort(hashes)
	return ids, hashes, nil
}

// soundInStore checks that an output has exactly the rows of commits 1 to n, whole, as a
// directory has them, and that verify is green.
func soundInStore(b bucket.Bucket, n uint64, want []string) error {
	ids, hashes, err := liveRows(b)
	if err != nil {
		return err
	}
	if len(ids) != int(2*n) {
		return fmt.Errorf("after commit %d there are rows %q", n, ids)
	}
	for _, h := range hashes {
		if !slices.Contains(want, h) {
			return fmt.Errorf("a file of other rows than in a directory: %s", h)
		}
	}
	archive, err := OpenArchive(b, 0)
	if err != nil {
		return err
	}
	v, err := archive.Verify(context.Background(), VerifyOptions{})
	if !v.Sound() {
		return fmt.Errorf("verify found %+v", v.Findings)
	}
	return err
}

// goOn makes commits after the last one, up to number to, with honest books. Each has two
// rows, and every other one a dead letter.
func goOn(o *Output, to uint64, acked func(k uint64)) error {
	last, _, _ := o.Last()
	b := &keeper{out: o, at: last.Number, ledger: last.Progress.Ledger}
	for k := int(last.Number) + 1; k <= int(to); k++ {
		if err := b.try(k%2, [2]int{k, 0}, [2]int{100 - k, 0}); err != nil {
			return err
		}
		acked(uint64(k))
	}
	return nil
}

// inDirectory are the hashes of the rows of so many commits in a directory.
func inDirectory(t testing.TB, commits uint64) []string {
	t.Helper()
	mem := vfs.NewMem()
	o := open(t, options(mem))
	if err := errors.Join(goOn(o, commits, func(uint64) {}), o.Close()); err != nil {
		t.Fatal(err)
	}
	_, hashes, err := liveRows(placeOf(mem))
	if err != nil {
		t.Fatal(err)
	}
	return hashes
}

// mortal is the network of a process that dies at a request: from then on nothing is
// answered. The request at which it dies may be done or not.
type mortal struct {
	at   int64
	done bool
	n    atomic.Int64
}

var errDead = errors.New("the process is dead")

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	n := m.n.Add(1)
	if n > m.at || n == m.at && !m.done {
		return nil, errDead
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if n == m.at && err == nil {
		answer.Body.Close()
		return nil, errDead
	}
	return answer, err
}

// A process dies at every request that it makes of the store, before or after the store did
// it. What another process on another machine finds is the table before or after that
// commit, whole, and it goes on.
func TestStoreCrashAtEveryRequest(t *testing.T) {
	t.Parallel()
	want := inDirectory(t, shortCommits+2)
	points := 0
	for _, done := range []bool{false, true} {
		for at := int64(1); ; at += int64(stride()) {
			store := s3test.New(t)
			dying := inStore(t, store, &mortal{at: at, done: done})
			dying.(*s3.Bucket).RetryFor = time.Nanosecond // it is dead, and does not try again
			var acked uint64
			o, err := Open(storeOptions(t, dying))
			if err == nil {
				err = goOn(o, shortCommits, func(k uint64) { acked = k })
			}
			if err == nil {
				break // no request was left to die at
			}
			points++
			if err := recoversInStore(t, store, acked, want); err != nil {
				t.Fatalf("dead at request %d, done %v: %v", at, done, err)
			}
		}
	}
	if t.Logf("%d crash points", points); points < 50/stride() {
		t.Errorf("only %d crash points", points)
	}
}

// recoversInStore goes on with what a dead process has left.
func recoversInStore(t testing.TB, store *s3test.Store, acked uint64, want []string) error {
	b := inStore(t, store, nil)
	o, err := Open(storeOptions(t, b))
	if err != nil {
		return err
	}
	last, _, _ := o.Last()
	if last.Number < acked || last.Number > acked+1 {
		return fmt.Errorf("commit %d is the last, %d had returned", last.Number, acked)
	}
	if last.Number > 0 {
		if err := soundInStore(b, last.Number, want); err != nil {
			return err
		}
	}
	if err := goOn(o, last.Number+1, func(uint64) {}); err != nil {
		return err
	}
	return errors.Join(soundInStore(b, last.Number+1, want), o.Close())
}

// Requests that fail, that are done without an answer, or twice, change nothing of what is
// committed.
func TestStoreFaults(t *testing.T) {
	t.Parallel()
	want := inDirectory(t, crashCommits)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			rng, store := newRand(seed), s3test.New(t)
			b := inStore(t, store, nil)
			if err := b.(*s3.Bucket).Probe(); err != nil {
				t.Fatal(err)
			}
			store.Break(func(int, *http.Request) s3test.Fault {
				if rng.IntN(3) > 0 {
					return s3test.FaultNone
				}
				return s3test.Faults()[rng.IntN(len(s3test.Faults()))]
			})
			o := open(t, storeOptions(t, b))
			if err := goOn(o, crashCommits, func(uint64) {}); err != nil {
				t.Fatal(err)
			}
			store.Break(nil)
			if err := errors.Join(soundInStore(b, crashCommits, want), o.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Two processes on two machines: no lock keeps them apart, and one of them stops.
func TestStoreFences(t *testing.T) {
	store := s3test.New(t)
	one, other := open(t, storeOptions(t, inStore(t, store, nil))), open(t, storeOptions(t, inStore(t, store, nil)))
	mustCommit(t, one, 1)
	if _, err := commit(other, 1, "another"); !errors.As(err, new(*FencedError)) {
		t.Errorf("the second one's commit: %v", err)
	}
	mustCommit(t, one, 2)
}

// House is kept in a store as in a directory: files are merged and days end, the rows stay,
// and what no operation can name any more is removed.
func TestStoreKeeper(t *testing.T) {
	store := s3test.New(t)
	b := inStore(t, store, nil)
	if err := goOn(open(t, storeOptions(t, b)), 4, func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	before, _, err := liveRows(b)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	k, err := OpenKeeper(inStore(t, store, nil), 0, quiet)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := k.Compact(t.Context(), CompactOptions{Before: afterAll})
	if err := errors.Join(err, k.Close()); err != nil || merged.FilesBefore < 4 {
		t.Fatalf("merged %+v: %v", merged, err)
	}
	if after, _, err := liveRows(b); err != nil || !slices.Equal(after, before) {
		t.Fatalf("rows %q, before %q: %v", after, before, err)
	}
	if k, err = OpenKeeper(inStore(t, store, nil), 0, quiet); err != nil { // it removes what was merged
		t.Fatal(err)
	}
	days, err := b.List("data")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, day := range days {
		names, err := b.List("data/" + day)
		if err != nil {
			t.Fatal(err)
		}
		files += len(names)
	}
	if files != merged.FilesAfter {
		t.Errorf("%d files are left, want %d", files, merged.FilesAfter)
	}
	archive, err := OpenArchive(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := archive.Verify(t.Context(), VerifyOptions{}); err != nil || !v.Sound() {
		t.Errorf("verify: %+v, %v", v.Findings, err)
	}
	ended, err := k.Retain(t.Context(), RetainOptions{From: afterAll})
	if err := errors.Join(err, k.Close()); err != nil || ended.Rows != 8 {
		t.Errorf("ended %+v: %v", ended, err)
	}
	if left, err := b.List("data"); err != nil || len(left) > 0 {
		t.Errorf("left %q: %v", left, err)
	}
}
