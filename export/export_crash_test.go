package export

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The history that power fails in, and the shorter one that is run again for
// every one of its operations.
const (
	crashCommits = 9
	shortCommits = 2
)

// crashOptions makes a checkpoint of the table with every commit, so that crashes meet
// those too.
func crashOptions(fs vfs.FS) Options {
	opts := options(fs)
	opts.CheckpointEvery = 1
	return opts
}

// history makes the commits after the last one, up to number to.
func history(o *Output, to uint64, acked func(k uint64)) error {
	last, _, _ := o.Last()
	for k := last.Number + 1; k <= to; k++ {
		if _, err := commit(o, k, fmt.Sprint("nonce", k)); err != nil {
			return err
		}
		acked(k)
	}
	return nil
}

// point is a moment of a history at which the power failed.
type point struct {
	n     int
	op    string
	acked uint64 // the last commit that had returned
	fs    *vfs.MemFS
}

// stride is by how many moments the tests go on that try every moment: with -short they try some, in which a race
// shows as well.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// recovers checks the point's promise: every commit that had returned is
// there, at most the one under way besides, the rows are exactly theirs, and
// the next commit follows. What opening reports must be durable, or a
// state that forgets rows on its word would lose them.
func (p *point) recovers() error {
	o, err := Open(crashOptions(p.fs))
	if err != nil {
		return err
	}
	last, receipt, _ := o.Last()
	if last.Number < p.acked || last.Number > p.acked+1 {
		return fmt.Errorf("commit %d is the last, %d had returned", last.Number, p.acked)
	}
	if err := differs(p.fs, last.Number); err != nil {
		return err
	}
	again := p.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := reopened(again, last.Number, receipt.Hash); err != nil {
		return fmt.Errorf("after a second crash: %w", err)
	}
	if err := history(o, last.Number+1, func(uint64) {}); err != nil {
		return err
	}
	if left, _ := listed(p.fs, testDir+"/_staging"); len(left) > 0 {
		return fmt.Errorf("left in _staging: %q", left)
	}
	if err := differs(p.fs, last.Number+1); err != nil {
		return err
	}
	return o.Close()
}

func reopened(fs *vfs.MemFS, want uint64, hash string) error {
	o, err := Open(crashOptions(fs))
	if err != nil {
		return err
	}
	defer o.Close()
	if _, receipt, _ := o.Last(); receipt.Number != want || receipt.Hash != hash {
		return fmt.Errorf("commit %d is the last, want %d", receipt.Number, want)
	}
	return differs(fs, want)
}

// The power fails before every single operation, and every unsynced byte and
// name is lost, or half of them are.
func TestPowerLossAtEveryOperation(t *testing.T) {
	t.Parallel()
	points := 0
	for _, percent := range []int{0, 50} {
		seed := uint64(percent)
		rng := newRand(seed)
		base := vfs.NewCrashableMem()
		var acked uint64
		var failed []*point
		n := 0
		hooked := &faulty{FS: base, before: func(op, name string) error {
			n++
			clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			failed = append(failed, &point{n: n, op: op + " " + name, acked: acked, fs: clone})
			return nil
		}}
		o := open(t, crashOptions(hooked))
		if err := history(o, crashCommits, func(k uint64) { acked = k }); err != nil {
			t.Fatal(err)
		}
		checkVisible(t, base, crashCommits)
		points += len(failed)
		for i := 0; i < len(failed); i += stride() {
			p := failed[i]
			if err := p.recovers(); err != nil {
				t.Fatalf("%d %% of what was not synced kept (seed %d), power lost before operation %d, %s: %v", percent, seed, p.n, p.op, err)
			}
		}
	}
	t.Logf("%d crash points", points)
	if points < 300 {
		t.Fatalf("only %d crash points: the history is too short to mean anything", points)
	}
}

// The process dies at an operation, the machine lives; a new process opens what
// is there, and then the power fails.
func TestKillAtEveryOperationThenPowerLoss(t *testing.T) {
	t.Parallel()
	errKilled := errors.New("killed")
	for at := 1; ; at += stride() {
		base := vfs.NewCrashableMem()
		n := 0
		var acked uint64
		dying := &faulty{FS: base, noLocks: true, before: func(string, string) error {
			if n++; n >= at {
				return errKilled
			}
			return nil
		}}
		o, err := Open(crashOptions(dying))
		if err == nil {
			err = history(o, shortCommits, func(k uint64) { acked = k })
		}
		if err == nil {
			break // no operation was left to die at
		}
		p := &point{n: at, acked: acked, fs: base}
		if err := p.recovers(); err != nil {
			t.Fatalf("killed at operation %d: %v", at, err)
		}
	}
}

// A single operation fails and the process lives on: it opens the output again,
// as after any error of Commit.
func TestOneFailingOperation(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("no space left on device")
	for at := 1; ; at += stride() {
		base := vfs.NewCrashableMem()
		n := 0
		var acked uint64
		hooked := &faulty{FS: base, before: func(string, string) error {
			if n++; n == at {
				return errDisk
			}
			return nil
		}}
		o, err := Open(crashOptions(hooked))
		if err == nil {
			err = history(o, shortCommits, func(k uint64) { acked = k })
			if closeErr := o.Close(); closeErr != nil {
				t.Fatal(closeErr)
			}
		}
		if n < at {
			break
		}
		if err != nil && !errors.Is(err, errDisk) {
			t.Fatalf("operation %d failed with %v, which is not what went wrong", at, err)
		}
		p := &point{n: at, acked: acked, fs: base}
		if err := p.recovers(); err != nil {
			t.Fatalf("operation %d failed: %v", at, err)
		}
	}
}
