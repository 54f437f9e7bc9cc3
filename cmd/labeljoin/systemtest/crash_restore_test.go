package systemtest

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// moments runs a world to its end and returns the disk before every commit's
// manifest, and at the end.
func moments(t *testing.T, w *crashWorld) []*vfs.MemFS {
	t.Helper()
	x := &watcher{
		w: w, fs: vfs.NewCrashableMem(), clone: vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: crashRand(w.seed, 4)},
		wants: func(kind string, _, _ int) bool { return kind == "link manifest" },
	}
	if _, err := x.run(); err != nil {
		t.Fatalf("seed %d: %v", w.seed, err)
	}
	var out []*vfs.MemFS
	for i := range x.points {
		out = append(out, x.points[i].fs)
	}
	return append(out, x.fs)
}

// assembleDisk makes a disk of the state on one and the output on another.
func assembleDisk(t *testing.T, state, output vfs.FS) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if err := errors.Join(copyTree(state, disk, crashState), copyTree(output, disk, crashOutput)); err != nil {
		t.Fatal(err)
	}
	return disk
}

// TestOldStateRestored puts back a copy of the state that is older than the
// output: it is rebuilt, and the rows are what they would have been.
func TestOldStateRestored(t *testing.T) {
	t.Parallel()
	found := map[recovery]int{}
	for seed := uint64(1); seed <= restoreSeeds; seed++ {
		w, r := newCrashWorld(seed), crashRand(seed, 5)
		disks := moments(t, w)
		newer := r.IntN(len(disks))
		older := r.IntN(newer + 1)
		x := &watcher{
			w: w, fs: assembleDisk(t, disks[older], disks[newer]),
			wants: func(string, int, int) bool { return false },
		}
		how, err := x.run()
		if err == nil {
			err = x.check()
		}
		if err != nil {
			t.Errorf("seed %d: state before commit %d, output before %d of %d (%s): %v", seed, older+1, newer+1, len(disks), how, err)
		}
		found[how]++
	}
	t.Logf("%v", found)
	if found[rebuilt] == 0 {
		t.Errorf("no state was rebuilt: %v", found)
	}
}

// TestOldOutputRestored puts back a copy of the output that is older than the
// state: going on would leave a hole, so it is refused, until the state is
// deleted.
func TestOldOutputRestored(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := uint64(1); seed <= restoreSeeds; seed++ {
		w := newCrashWorld(seed)
		disks := moments(t, w)
		older := crashRand(seed, 6).IntN(len(disks) - 1)
		disk := assembleDisk(t, disks[len(disks)-1], disks[older])
		x := &watcher{w: w, fs: disk, wants: func(string, int, int) bool { return false }}
		_, err := x.run()
		if _, ok := errors.AsType[*engine.OutputBehindError](err); !ok || terminal.ExitCode(err) != terminal.ExitRefused {
			t.Fatalf("seed %d: output before commit %d of %d: exit code %d, %v", seed, older+1, len(disks)-1, terminal.ExitCode(err), err)
		}
		refused++
		if err := disk.RemoveAll(crashState); err != nil {
			t.Fatal(err)
		}
		if _, err = x.run(); err == nil {
			err = x.check()
		}
		if err != nil {
			t.Errorf("seed %d: output before commit %d, state deleted: %v", seed, older+1, err)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// TestForeignOutput puts the output of another joiner of the same name beside a
// state: they have as many commits, and not the same ones.
func TestForeignOutput(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := uint64(1); seed <= restoreSeeds; seed++ {
		w := newCrashWorld(seed)
		mine, theirs := moments(t, w), moments(t, w)
		if len(mine) != len(theirs) {
			continue // where one has more commits it is a copy of another age
		}
		x := &watcher{
			w: w, fs: assembleDisk(t, mine[len(mine)-1], theirs[len(theirs)-1]),
			wants: func(string, int, int) bool { return false },
		}
		_, err := x.run()
		if _, ok := errors.AsType[*engine.ForeignOutputError](err); !ok || terminal.ExitCode(err) != terminal.ExitRefused {
			t.Fatalf("seed %d: exit code %d, %v", seed, terminal.ExitCode(err), err)
		}
		refused++
	}
	if refused == 0 {
		t.Error("no two runs had as many commits")
	}
}
