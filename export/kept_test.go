package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// keptOptions are those of a replay that goes on where it was stopped.
func keptOptions(fs vfs.FS) Options {
	opts := options(fs)
	opts.Keep, opts.Behind = "abc", true
	return opts
}

// keptRows are the rows of the commit: they make several files, of two days. Variant changes one.
const keptRows = 23

// rowAdder is a stage, or days that are computed again.
type rowAdder interface {
	Rows(rows *gathered.Rows) error
}

// stageKept adds the rows of the commit.
func stageKept(s rowAdder, rows, variant int) error {
	for i := range rows {
		r, row := testRow(1, i)
		if i == 6 && variant > 0 {
			row.Cells[0].Value = float64(10 + variant)
		}
		if err := s.Rows(&gathered.Rows{List: []joiner.Labeled{{Request: r, Row: row}}}); err != nil {
			return err
		}
	}
	return nil
}

// commitKept makes the commit, and says how many files of an attempt before it used.
func commitKept(fs vfs.FS, variant int) (reused int, err error) {
	o, err := Open(keptOptions(fs))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	s, err := o.Stage(1)
	if err != nil {
		return 0, err
	}
	defer s.Abort()
	if err := stageKept(s, keptRows, variant); err != nil {
		return 0, err
	}
	if err := s.DeadLetter(letter()); err != nil {
		return 0, err
	}
	_, err = s.Commit(context.Background(), testCut(1, "nonce"))
	return s.Reused(), err
}

// dataOf are the bytes of all data files and dead letters; nothing may be left in _staging.
func dataOf(t *testing.T, fs vfs.FS) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range []string{"data", "deadletter"} {
		days, err := listed(fs, path.Join(testDir, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			names, _ := listed(fs, path.Join(testDir, dir, day))
			for _, name := range append(names, "") {
				name = path.Join(dir, day, name)
				if data, err := contents(fs, path.Join(testDir, name)); err == nil {
					found[name] = string(data)
				}
			}
		}
	}
	if left, _ := listed(fs, testDir+"/_staging"); len(left) > 0 {
		t.Errorf("left in _staging: %q", left)
	}
	return found
}

// A process dies before every operation, or the power fails there: the next one that gets the same
// rows uses the files that were finished, and makes the same bytes.
func TestKeptFilesMakeTheSameBytes(t *testing.T) {
	t.Parallel()
	whole := vfs.NewCrashableMem()
	if reused, err := commitKept(whole, 0); err != nil || reused != 0 {
		t.Fatal(reused, err)
	}
	want := dataOf(t, whole)
	errKilled := errors.New("killed")
	most, points := 0, 0
	for at := 1; ; at += stride() {
		base := vfs.NewCrashableMem()
		n := atomic.Int64{} // a file is finished beside the next one
		dying := &faulty{FS: base, noLocks: true, before: func(string, string) error {
			if n.Add(1) >= int64(at) {
				return errKilled
			}
			return nil
		}}
		if _, err := commitKept(dying, 0); err == nil {
			break // no operation was left to die at
		}
		fs := base
		if percent := []int{100, 0, 50}[at%3]; percent < 100 {
			fs = base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: newRand(uint64(at))})
		}
		if reused, made := commitAgain(t, fs, at, want); made {
			most = max(most, reused)
			points++
		}
	}
	t.Logf("%d points; at most %d files were used again", points, most)
	if most < 4 || points < 20/stride() {
		t.Errorf("at %d points at most %d files were used again, want more", points, most)
	}
}

// commitAgain makes the commit, unless it is there, and compares the files.
func commitAgain(t *testing.T, fs *vfs.MemFS, at int, want map[string]string) (reused int, made bool) {
	t.Helper()
	o, err := Open(keptOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	_, _, there := o.Last()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if !there {
		if reused, err = commitKept(fs, 0); err != nil {
			t.Fatalf("killed before operation %d: %v", at, err)
		}
	}
	sameData(t, dataOf(t, fs), want, fmt.Sprintf("killed before operation %d", at))
	return reused, !there
}

func sameData(t *testing.T, got, want map[string]string, when string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", when, len(got), len(want))
	}
	for name, data := range want {
		if got[name] != data {
			t.Errorf("%s: %s has other bytes", when, name)
		}
	}
}

// A file that does not become durable is in no commit, though the rows after it were added meanwhile.
func TestFilesThatAreNotDurableAreNotCommitted(t *testing.T) {
	t.Parallel()
	files := 0
	for ; ; files++ {
		base, syncs := vfs.NewMem(), atomic.Int64{}
		errLost := errors.New("the disk has lost it")
		losing := &faulty{FS: base, noLocks: true, before: func(op, name string) error {
			if op == "sync" && strings.HasSuffix(name, tablelog.FileSuffix) && syncs.Add(1) == int64(files+1) {
				return errLost
			}
			return nil
		}}
		if _, err := commitKept(losing, 0); err == nil {
			break // there was no such file
		} else if !errors.Is(err, errLost) {
			t.Fatalf("file %d: %v", files, err)
		}
		o, err := Open(keptOptions(base))
		if err != nil {
			t.Fatal(err)
		}
		if _, receipt, there := o.Last(); there {
			t.Errorf("file %d was lost, and there is commit %d", files, receipt.Number)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files < 4 {
		t.Errorf("the commit has %d files, which is too few to test", files)
	}
}

// What was kept is used for the same rows only, and goes with another name or none.
func TestKeptFilesOfOthersAreNotUsed(t *testing.T) {
	t.Parallel()
	leave := func(t *testing.T) *vfs.MemFS {
		fs := vfs.NewMem()
		o := open(t, keptOptions(fs))
		s, err := o.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := stageKept(s, keptRows, 0); err != nil {
			t.Fatal(err)
		}
		if files, rows := s.Leave(); files < 3 || rows < 9 {
			t.Fatalf("%d files with %d rows were left", files, rows)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	t.Run("other rows", func(t *testing.T) {
		fs, whole := leave(t), vfs.NewMem()
		reused, err := commitKept(fs, 1)
		if err != nil || reused < 2 {
			t.Fatal(reused, err)
		}
		if _, err := commitKept(whole, 1); err != nil {
			t.Fatal(err)
		}
		sameData(t, dataOf(t, fs), dataOf(t, whole), "with another value")
	})
	t.Run("changed bytes", func(t *testing.T) {
		fs, whole := leave(t), vfs.NewMem()
		staged, _ := listed(fs, testDir+"/_staging")
		for _, name := range staged {
			if strings.HasSuffix(name, ".parquet") {
				spoil(t, fs, path.Join(testDir, "_staging", name))
			}
		}
		if reused, err := commitKept(fs, 0); err != nil || reused != 0 {
			t.Fatal(reused, err)
		}
		if _, err := commitKept(whole, 0); err != nil {
			t.Fatal(err)
		}
		sameData(t, dataOf(t, fs), dataOf(t, whole), "with spoilt files")
	})
	for _, keep := range []string{"", "abcd"} {
		t.Run("keep "+keep, func(t *testing.T) {
			fs := leave(t)
			opts := keptOptions(fs)
			opts.Keep = keep
			if err := open(t, opts).Close(); err != nil {
				t.Fatal(err)
			}
			if left, _ := listed(fs, testDir+"/_staging"); len(left) > 0 {
				t.Errorf("left in _staging: %q", left)
			}
		})
	}
}

// TestKeptFilesThatAreNotNeeded: an attempt left more files than the commit has, and files of another
// attempt. Nothing of them is left once the commit is made.
func TestKeptFilesThatAreNotNeeded(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	o := open(t, keptOptions(fs))
	for _, rows := range []int{keptRows, 4 * keptRows} {
		s, err := o.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := stageKept(s, rows, 0); err != nil {
			t.Fatal(err)
		}
		if files, _ := s.Leave(); files < 3 {
			t.Fatalf("%d files were left", files)
		}
	}
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := stageKept(s, 5, 0); err != nil {
		t.Fatal(err)
	}
	cut := testCut(1, "nonce")
	cut.Progress.Ledger.Rows, cut.Closed.Rows = 5, 5
	if _, err := s.Commit(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if left, _ := listed(fs, testDir+"/_staging"); len(left) > 0 {
		t.Errorf("left in _staging: %q", left)
	}
	closing(t, o)
	if v := verified(t, fs); !v.Sound() || v.Rows != 5 {
		t.Errorf("verdict %+v", v)
	}
}

// spoil changes a byte in the middle of a file.
func spoil(t *testing.T, fs vfs.FS, name string) {
	t.Helper()
	data, err := contents(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(data)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestKeptFilesOfDays: days that are computed again go on likewise, though the joiner has committed and
// was started again meanwhile, and small files were merged. What is never gone on with is removed when
// old days are ended, or when days are computed again otherwise.
func TestKeptFilesOfDays(t *testing.T) {
	t.Parallel()
	fs := &faulty{FS: vfs.NewMem(), before: func(string, string) error { return nil }} // which can exchange directories
	o := open(t, options(fs))
	mustCommit(t, o, 1)
	if reused := computeDays(t, fs, "abc", true); reused != 0 {
		t.Errorf("%d files were used again by the first attempt", reused)
	}
	mustCommit(t, o, 2)
	closing(t, o)
	o = open(t, options(fs))
	defer func() { closing(t, o) }()
	keeping(t, fs, func(k *Keeper) error {
		_, err := k.Compact(t.Context(), CompactOptions{Before: "2999-12-31"})
		return err
	})
	if reused := computeDays(t, fs, "abc", false); reused < 3 {
		t.Errorf("%d files were used again", reused)
	}
	noneStaged(t, fs, "after they were used")

	computeDays(t, fs, "abc", true)
	keeping(t, fs, func(k *Keeper) error {
		_, err := k.Retain(t.Context(), RetainOptions{From: "2000-01-01", Needed: events.MinTime})
		return err
	})
	noneStaged(t, fs, "after old days were ended")

	computeDays(t, fs, "abc", true)
	if reused := computeDays(t, fs, "abcd", false); reused != 0 {
		t.Errorf("%d files of another configuration were used", reused)
	}
	noneStaged(t, fs, "after the days were computed otherwise")
}

// TestKeptFilesOfAnOperationThatWasMade: a process dies once its operation is made, and before the days show it.
// The joiner commits meanwhile, so that the newest operation is no reason to look at what was before it.
func TestKeptFilesOfAnOperationThatWasMade(t *testing.T) {
	t.Parallel()
	dead, mem := false, vfs.NewMem()
	fs := able(mem)
	books := grown(t, fs, 4)
	made := testDir + "/" + tablelog.ManifestPath(0, 5)
	dying := &faulty{FS: fs, before: func(string, string) error {
		if _, err := fs.Stat(made); err == nil {
			dead = true
			return errors.New("the process is dead")
		}
		return nil
	}}
	k, err := OpenKeeperAgain(placeOf(dying), 0, "abc", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.Recompute(keptOptions(dying))
	if err != nil {
		t.Fatal(err)
	}
	if err := stageKept(r, keptRows, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(t.Context(), func(string) bool { return false }); err == nil || !dead {
		t.Fatalf("the process did not die: %v", err)
	}
	_ = k.Close() // as the system gives up the lock of a process that is dead
	books.commit(t, 0, [2]int{50, 0})
	closing(t, books.out)
	closing(t, open(t, options(fs)))
	if v := verified(t, mem); !v.Sound() {
		t.Errorf("the joiner was started again: %+v", v.Findings)
	}
}

// keeping keeps house, for no replay.
func keeping(t *testing.T, fs vfs.FS, do func(*Keeper) error) {
	t.Helper()
	k, err := OpenKeeper(placeOf(fs), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, k)
	if err := do(k); err != nil {
		t.Fatal(err)
	}
}

// computeDays computes the days of the rows again, or leaves what is finished, and says how many files
// of an attempt before were used.
func computeDays(t *testing.T, fs vfs.FS, keep string, leave bool) (reused int) {
	t.Helper()
	k, err := OpenKeeperAgain(placeOf(fs), 0, keep, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, k)
	opts := keptOptions(fs)
	opts.Keep = keep
	r, err := k.Recompute(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := stageKept(r, keptRows, 0); err != nil {
		t.Fatal(err)
	}
	if leave {
		reused = r.Reused()
		if files, _ := r.Leave(); files < 3 {
			t.Fatalf("%d files were left", files)
		}
		return reused
	}
	if _, err := r.Commit(t.Context(), func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	return r.Reused()
}

// noneStaged looks that nothing is left in _staging.
func noneStaged(t *testing.T, fs vfs.FS, when string) {
	t.Helper()
	if left, _ := listed(fs, testDir+"/_staging"); len(left) > 0 {
		t.Errorf("left in _staging %s: %q", when, left)
	}
}

func closing(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
