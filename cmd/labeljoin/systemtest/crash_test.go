package systemtest

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/store"
)

var (
	crashPointsFlag = flag.Int("crashpoints", 0, "how many crashes TestCrashes tries; 0 is its own number")
	crashSeedFlag   = flag.Uint64("seed", 0, "try the crashes of this seed only")
)

// leastChecked is how many crashes draw each kind of operation about seven times, so that check can ask for all kinds.
const leastChecked = 600

// pointsPerSeed is how many crashes are tried of each world.
const pointsPerSeed = 25

// TestCrashes stops a joiner at operations of every kind that it does on its
// disk, state and output together, and lets another go on from what is there
// then: when the power fails, exactly what was synced, or that and some of the
// rest; when the process is killed, all of it, synced or not. In the end the
// output must be as if nothing had happened. To see one seed again:
//
//	go test ./cmd/labeljoin/systemtest -run TestCrashes -seed N
//
// and for many more points:
//
//	go test ./cmd/labeljoin/systemtest -run TestCrashes -crashpoints 10000
func TestCrashes(t *testing.T) {
	t.Parallel()
	points := crashPoints
	if testing.Short() {
		points = min(points, leastChecked)
	}
	if *crashPointsFlag > 0 {
		points = *crashPointsFlag
	}
	seeds := uint64(points+pointsPerSeed-1) / pointsPerSeed
	tally := newCrashTally()
	t.Run("seeds", func(t *testing.T) {
		var next atomic.Uint64
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= seeds && !t.Failed(); seed = next.Add(1) {
					if *crashSeedFlag != 0 {
						seed, seeds = *crashSeedFlag, 0
					}
					crashSeed(t, seed, tally)
				}
			})
		}
	})
	tally.report(t)
	if *crashSeedFlag == 0 && !t.Failed() && points >= leastChecked {
		tally.check(t, points)
	}
}

// crashTally counts what crashes were tried and how they were found.
type crashTally struct {
	mu       sync.Mutex
	done     map[string]int // operations done in undisturbed runs, by kind
	crashed  map[string]int // crashes at them
	found    map[recovery]int
	points   int
	kills    int // of the process only
	again    int // crashes of a recovery
	removed  int // states deleted on purpose
	unopened int // states that Pebble did not open
	lost     int // rebuilds of a state that was not deleted
}

func newCrashTally() *crashTally {
	return &crashTally{done: map[string]int{}, crashed: map[string]int{}, found: map[recovery]int{}}
}

func (c *crashTally) count(add func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add()
}

func (c *crashTally) report(t *testing.T) {
	t.Logf("%d crash points, %d of them kills, %d in recoveries; %v; %d states deleted, %d not opened by Pebble, %d lost",
		c.points, c.kills, c.again, c.found, c.removed, c.unopened, c.lost)
	for _, kind := range slices.Sorted(maps.Keys(c.crashed)) {
		t.Logf("%6d at %s", c.crashed[kind], kind)
	}
}

// check requires that everything that can be hit was.
func (c *crashTally) check(t *testing.T, points int) {
	if c.points < points {
		t.Errorf("%d crash points, want %d", c.points, points)
	}
	for kind, n := range c.done {
		if c.crashed[kind] == 0 && n > 20+points/100 { // what is rare may be missed by few points
			t.Errorf("no crash was tried at %q, which was done %d times", kind, n)
		}
	}
	for _, kind := range []string{
		"sync state table", "write state table", "sync state version", "sync staged .parquet", "sync staged .jsonl", "sync directory _staging",
		"link manifest", "sync directory _commits/p0000", "rename data file", "sync directory data/dt",
		"rename dead letters", "sync directory deadletter", "remove new manifest", "mkdir directory data/dt",
	} {
		if c.crashed[kind] == 0 {
			t.Errorf("no crash was tried at %q", kind)
		}
	}
	for _, how := range []recovery{found, begun, completed, voided, rebuilt} {
		if c.found[how] == 0 {
			t.Errorf("no place was found with %q", how)
		}
	}
	if c.lost > 0 {
		t.Errorf("%d times a state that was not deleted was rebuilt: it was not durable", c.lost)
	}
	if c.again == 0 || c.removed == 0 || c.kills == 0 {
		t.Errorf("%d crashes of recoveries, %d deleted states, %d kills", c.again, c.removed, c.kills)
	}
}

// crashSeed tries the crashes of a seed's world.
func crashSeed(t *testing.T, seed uint64, tally *crashTally) {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("seed %d: %s", seed, fmt.Sprintf(format, args...))
	}
	w := newCrashWorld(seed)
	r := crashRand(seed, 2)
	calm := &watcher{w: w, fs: vfs.NewCrashableMem(), wants: func(string, int, int) bool { return false }}
	if _, err := calm.run(); err != nil {
		fail("without a crash: %v", err)
		return
	}
	if err := calm.check(); err != nil {
		fail("without a crash: %v", err)
		return
	}
	tally.count(func() {
		for kind, n := range calm.counts {
			tally.done[kind] += n
		}
	})
	for _, x := range crashes(w, calm, r) {
		if _, err := x.run(); err != nil {
			fail("%v", err)
			return
		}
		for i := range x.points {
			c := crash{w: w, r: r, tally: tally, percent: x.clone.UnsyncedDataPercent}
			w.again.Store(0)
			if err := c.recover(&x.points[i]); err != nil {
				fail("%s: %v", strings.Join(c.trail, ", then "), err)
				return
			}
		}
	}
}

// crashes plans runs that are stopped at some operations: half of them drawn by
// kind, so that rare kinds have their share, the others from all.
func crashes(w *crashWorld, calm *watcher, r *rand.Rand) []*watcher {
	kinds := slices.Sorted(maps.Keys(calm.counts))
	var plans []*watcher
	for left := pointsPerSeed; left > 0; {
		x := newCrash(w, vfs.NewCrashableMem(), r)
		n := 1
		if !x.kills {
			n = min(left, 1+r.IntN(pointsPerSeed))
		}
		left -= n
		nths, ns := map[string]map[int]bool{}, map[int]bool{}
		for range n {
			if r.IntN(2) == 0 {
				ns[calm.n-1-r.IntN(calm.n*2/3)] = true // the first third is Pebble setting up
				continue
			}
			kind := kinds[r.IntN(len(kinds))]
			if nths[kind] == nil {
				nths[kind] = map[int]bool{}
			}
			nths[kind][r.IntN(calm.counts[kind])] = true
		}
		x.wants = func(kind string, nth, n int) bool { return nths[kind][nth] || ns[n] }
		plans = append(plans, x)
	}
	return plans
}

// newCrash says how a run over a file system will end: killed, or by a failure
// of the power that leaves some of what was not synced, or, mostly, nothing.
func newCrash(w *crashWorld, fs *vfs.MemFS, r *rand.Rand) *watcher {
	x := &watcher{w: w, fs: fs, clone: vfs.CrashCloneCfg{RNG: crashRand(r.Uint64(), 3)}}
	switch r.IntN(8) {
	case 0, 1, 2, 3:
		x.kills = true
	case 4, 5:
		x.clone.UnsyncedDataPercent = 1 + r.IntN(99)
	}
	return x
}

// crash is what happens after a crash.
type crash struct {
	w       *crashWorld
	r       *rand.Rand
	tally   *crashTally
	percent int // of the unsynced that survived the last one
	trail   []string
	removed bool // the state was deleted on the way
	partial bool // of the unsynced some survived and some did not
}

// recover goes on from a crash point to the end of the logs, possibly through
// more crashes, and checks what came of it.
func (c *crash) recover(p *crashPoint) error {
	c.tally.count(func() { c.tally.points++; c.tally.crashed[p.kind]++ })
	how := fmt.Sprintf("power lost, %d %% of the unsynced kept", c.percent)
	if p.killed {
		how = "killed"
		c.tally.count(func() { c.tally.kills++ })
	}
	c.partial = c.partial || !p.killed && c.percent > 0
	c.trail = append(c.trail, fmt.Sprintf("%s before operation %d, %s, after %d commits", how, p.n, p.kind, len(p.acked)))
	if c.r.IntN(20) == 0 {
		c.trail, c.removed = append(c.trail, "state deleted"), true
		c.tally.count(func() { c.tally.removed++ })
		if err := p.fs.RemoveAll(crashState); err != nil {
			return err
		}
	}
	at, chance := -1, 6
	if p.killed {
		chance = 2 // what it left unsynced is still so
	}
	if len(c.trail) < 6 && c.r.IntN(chance) == 0 {
		at = c.r.IntN(80)
	}
	x := newCrash(c.w, p.fs, c.r)
	x.acked = p.acked
	x.wants = func(_ string, _, n int) bool { return n == at }
	if err := c.run(x); err != nil {
		return err
	}
	if !x.killed {
		if err := x.check(); err != nil {
			return err
		}
	}
	if len(x.points) == 0 {
		return nil
	}
	c.tally.count(func() { c.tally.again++ })
	c.percent = x.clone.UnsyncedDataPercent
	return c.recover(&x.points[0])
}

// run runs a joiner. Pebble has a gap of its own: what it survives is the loss
// of everything unsynced, not of some of it (its issue 5825). A state that it
// does not open then has to be deleted.
func (c *crash) run(x *watcher) error {
	how, err := x.run()
	if _, damaged := errors.AsType[*store.DamagedError](err); damaged && c.partial {
		c.trail, c.removed = append(c.trail, "state not opened: "+err.Error()), true
		c.tally.count(func() { c.tally.unopened++ })
		if err := x.fs.RemoveAll(crashState); err != nil {
			return err
		}
		x.n, x.points = 0, nil
		how, err = x.run()
	}
	c.tally.count(func() {
		c.tally.found[how]++
		if how == rebuilt && !c.removed && !c.partial {
			c.tally.lost++
		}
	})
	c.trail = append(c.trail, string(how))
	return err
}
