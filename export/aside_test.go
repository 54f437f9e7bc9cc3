package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// copyMissing copies the files below a folder that are not in the copy yet.
func copyMissing(t testing.TB, from, to vfs.FS, dir string) {
	t.Helper()
	names, err := from.List(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		t.Fatal(err)
	}
	for _, name := range names {
		at := path.Join(dir, name)
		info, err := from.Stat(at)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			copyMissing(t, from, to, at)
			continue
		}
		if _, err := to.Stat(at); err == nil || name == lockName {
			continue
		}
		data, err := contents(from, at)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := to.Create(at, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// online copies an output in the documented order while its joiner makes commits:
// its newest manifests are of commit `copied`, its files of commit `made`.
func online(t testing.TB, to vfs.FS, copied, made uint64) {
	t.Helper()
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	for k := uint64(1); k <= made; k++ {
		mustCommit(t, o, k)
		if k == copied {
			copyMissing(t, mem, to, testDir+"/_commits")
			copyMissing(t, mem, to, testDir+"/_staging")
		}
	}
	copyMissing(t, mem, to, testDir)
	for k := copied + 1; k <= made; k++ {
		if err := to.Remove(path.Join(testDir, tablelog.ManifestPath(0, k))); err != nil {
			t.Fatal(err)
		}
	}
}

// A copy that was made while the joiner wrote has files of commits whose manifests
// it lacks. It opens, the rows of those commits are written again, and each is
// there once. So it is with an output that lost its newest manifests.
func TestCopyMadeWhileTheJoinerWrites(t *testing.T) {
	for _, made := range []uint64{3, 4, 6} {
		t.Run(fmt.Sprint("commits after the copied manifests: ", made-2), func(t *testing.T) {
			mem := vfs.NewMem()
			online(t, mem, 2, made)
			o := open(t, options(mem))
			if last, _, _ := o.Last(); last.Number != 2 {
				t.Fatalf("commit %d is the last", last.Number)
			}
			// Until it goes on, nothing is touched: a start may be refused still.
			checkVisible(t, mem, made)
			for k := uint64(3); k <= made+1; k++ {
				mustCommit(t, o, k)
				checkVisible(t, mem, k)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			o = open(t, options(mem))
			mustCommit(t, o, made+2)
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			checkVisible(t, mem, made+2)
			sessions, err := listed(mem, testDir+"/_aside")
			if err != nil || len(sessions) != 1 {
				t.Fatalf("set aside in %q: %v", sessions, err)
			}
		})
	}
}

// The power fails before every operation of opening such a copy and going on.
func TestPowerLossWhileFilesAreSetAside(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{0, 50} {
		t.Run(fmt.Sprint(percent, " percent kept"), func(t *testing.T) {
			rng := newRand(uint64(percent))
			base := vfs.NewCrashableMem()
			o := open(t, options(base)) // the folders' names are durable
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			online(t, base, 2, 4)
			o = open(t, options(base))
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{"data", "data/dt=2026-11-22", "data/dt=2026-11-23", "deadletter", "_commits/p0000",
				"_staging", ""} {
				f, err := base.OpenDir(path.Join(testDir, dir))
				if err != nil {
					continue
				}
				if err := errors.Join(f.Sync(), f.Close()); err != nil {
					t.Fatal(err)
				}
			}
			acked, points := uint64(2), 0
			hooked := &faulty{FS: base, noLocks: true}
			hooked.before = func(op, name string) error {
				if points++; points%stride() > 0 {
					return nil
				}
				clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
				if err := goesOn(clone, acked); err != nil {
					return fmt.Errorf("power lost before operation %d, %s %s: %w", points, op, name, err)
				}
				return nil
			}
			o, err := Open(options(hooked))
			if err != nil {
				t.Fatal(err)
			}
			if err := history(o, 5, func(k uint64) { acked = k }); err != nil {
				t.Fatal(err)
			}
			checkVisible(t, base, 5)
			if points < 40 {
				t.Fatalf("only %d crash points", points)
			}
		})
	}
}

// goesOn opens what a crash left and makes the commits up to the sixth.
func goesOn(fsys *vfs.MemFS, acked uint64) error {
	o, err := Open(options(fsys))
	if err != nil {
		return err
	}
	if last, _, _ := o.Last(); last.Number < acked || last.Number > acked+1 {
		return fmt.Errorf("commit %d is the last, %d had returned", last.Number, acked)
	}
	if err := history(o, 6, func(uint64) {}); err != nil {
		return err
	}
	return errors.Join(differs(fsys, 6), o.Close())
}

// Who has been fenced by another process sets nothing of it aside.
func TestAFencedProcessSetsNothingAside(t *testing.T) {
	mem := vfs.NewMem()
	online(t, mem, 2, 3)
	blind := &faulty{FS: mem, noLocks: true, before: func(string, string) error { return nil }}
	late := open(t, options(blind))
	first := open(t, options(blind))
	mustCommit(t, first, 3)
	if _, err := commit(late, 3, "late"); !errors.As(err, new(*FencedError)) {
		t.Fatalf("error %v, want that it is fenced", err)
	}
	checkVisible(t, mem, 3)
}

// dayCut is a cut whose newest event is of that day.
func dayCut(k uint64, newest string) *joiner.Cut {
	cut := testCut(k, fmt.Sprint("nonce", k))
	when, err := time.Parse(time.DateOnly, newest)
	if err != nil {
		panic(err)
	}
	cut.MaxEvent = events.At(when)
	return cut
}

func commitRevision(t *testing.T, o *Output, k uint64, day string, revision uint32, newest string) error {
	t.Helper()
	s, err := o.Stage(k)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	when, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	req := &events.Request{ID: day, TS: events.At(when)}
	if err := s.Row(req, &joiner.Row{Item: -1, Cells: make([]joiner.Cell, 1), Revision: revision,
		Reason: joiner.ReasonCorrected}); err != nil {
		return err
	}
	_, err = s.Commit(t.Context(), dayCut(k, newest))
	return err
}

// Old days may be deleted: while it runs, and at a start, whichever commit the
// files are of. A file of today, or one of several of its day, is lost instead.
func TestOldDaysMayBeDeleted(t *testing.T) {
	const old, today = "2026-11-20", "2026-11-23"
	begin := func(t *testing.T) (*Output, *vfs.MemFS) {
		mem := vfs.NewMem()
		o := open(t, options(mem))
		if err := errors.Join(commitRevision(t, o, 1, old, 0, today), commitRevision(t, o, 2, today, 0, today)); err != nil {
			t.Fatal(err)
		}
		return o, mem
	}
	remove := func(t *testing.T, mem *vfs.MemFS, day string) {
		if err := mem.RemoveAll(path.Join(testDir, "data/dt="+day)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("while it runs", func(t *testing.T) {
		o, mem := begin(t)
		remove(t, mem, old)
		if err := commitRevision(t, o, 3, old, 1, today); err != nil {
			t.Fatal(err)
		}
		if ids, _, err := visible(mem); err != nil || strings.Join(ids, " ") != old+" "+today {
			t.Fatalf("rows %q are there: %v", ids, err)
		}
	})
	t.Run("all days, while it runs", func(t *testing.T) {
		o, mem := begin(t)
		if err := mem.RemoveAll(path.Join(testDir, "data")); err != nil {
			t.Fatal(err)
		}
		if err := commitRevision(t, o, 3, old, 1, today); err != nil {
			t.Fatal(err)
		}
	})
	for name, keepsFolder := range map[string]bool{"before a start": false, "its files only": true} {
		t.Run(name, func(t *testing.T) {
			o, mem := begin(t)
			if err := errors.Join(commitRevision(t, o, 3, old, 1, today), o.Close()); err != nil {
				t.Fatal(err)
			}
			remove(t, mem, old)
			if keepsFolder {
				if err := mem.MkdirAll(path.Join(testDir, "data/dt="+old), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			o = open(t, options(mem))
			for w, err := range o.Written(events.MinTime, 0, false) {
				t.Errorf("a row of a deleted day is listed: %v %v", w, err)
			}
			if err := commitRevision(t, o, 4, old, 2, today); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("today", func(t *testing.T) {
		o, mem := begin(t)
		if err := errors.Join(commitRevision(t, o, 3, today, 1, today), o.Close()); err != nil {
			t.Fatal(err)
		}
		remove(t, mem, today)
		if _, err := Open(options(mem)); !errors.As(err, new(*MissingFileError)) {
			t.Fatalf("error %v, want that the file is lost", err)
		}
	})
	t.Run("one file of an old day", func(t *testing.T) {
		o, mem := begin(t)
		if err := errors.Join(commitRevision(t, o, 3, old, 1, today), o.Close()); err != nil {
			t.Fatal(err)
		}
		if err := mem.Remove(path.Join(testDir, "data/dt="+old, "p0000-00000000000000000003-000.parquet")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(options(mem)); !errors.As(err, new(*MissingFileError)) {
			t.Fatalf("error %v, want that the file is lost", err)
		}
	})
	t.Run("dead letters", func(t *testing.T) {
		mem := vfs.NewMem()
		o := open(t, options(mem))
		mustCommit(t, o, 1)
		if err := errors.Join(o.Close(), mem.RemoveAll(path.Join(testDir, tablelog.DeadLetterDir))); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, open(t, options(mem)), 2)
	})
}

// An output that is deleted or unmounted is not begun anew in its place.
func TestTheOutputIsGone(t *testing.T) {
	for _, gone := range []string{"", "_commits", "_commits/p0000", "_commits/p0000/00000000000000000002.json"} {
		t.Run("gone: "+gone, func(t *testing.T) {
			mem := vfs.NewMem()
			o := open(t, options(mem))
			mustCommit(t, o, 1)
			mustCommit(t, o, 2)
			if err := mem.RemoveAll(path.Join(testDir, gone)); err != nil {
				t.Fatal(err)
			}
			_, err := commit(o, 3, "n")
			if e := (*GoneError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), "unmounted") {
				t.Fatalf("error %v, want that the output is gone", err)
			}
			if gone == "" {
				if _, err := mem.Stat(testDir); err == nil {
					t.Fatal("the directory was made again")
				}
			}
		})
	}
	t.Run("all that is in it", func(t *testing.T) {
		mem := vfs.NewMem()
		o := open(t, options(mem))
		mustCommit(t, o, 1)
		if err := errors.Join(mem.RemoveAll(testDir), mem.MkdirAll(testDir, 0o755)); err != nil {
			t.Fatal(err)
		}
		if _, err := commit(o, 2, "n"); !errors.As(err, new(*GoneError)) {
			t.Fatalf("error %v, want that the output is gone", err)
		}
	})
	t.Run("what is staged only", func(t *testing.T) {
		mem := vfs.NewMem()
		o := open(t, options(mem))
		mustCommit(t, o, 1)
		if err := mem.RemoveAll(path.Join(testDir, tablelog.StagingDir)); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, o, 2)
		checkVisible(t, mem, 2)
	})
}

// A lock that cannot be opened is not called another process's.
func TestLockThatCannotBeOpened(t *testing.T) {
	opts := options(vfs.Default)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join(testDir, tablelog.ManifestDir(0), lockName), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(opts)
	if !errors.As(err, new(*LockedError)) || strings.Contains(err.Error(), "another process") {
		t.Fatalf("error %v", err)
	}
}

// TestOutputThatIsAFile: the error says that, and does not speak of another process. So it does of each of its folders.
func TestOutputThatIsAFile(t *testing.T) {
	for _, folder := range []string{".", "data", tablelog.StagingDir, "_commits", tablelog.ManifestDir(0), "deadletter"} {
		t.Run(folder, func(t *testing.T) {
			opts := options(vfs.Default)
			t.Chdir(t.TempDir())
			file := filepath.Join(testDir, folder)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(opts)
			folder := (*FolderError)(nil)
			if !errors.As(err, &folder) || !strings.Contains(err.Error(), "is a file") || strings.Contains(err.Error(), "process") {
				t.Fatalf("error %v", err)
			}
		})
	}
}
