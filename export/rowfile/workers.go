package rowfile

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// workers share the columns of a file out among goroutines. A file is on the way
// of the rows to a commit, and columns have nothing to do with each other.
type workers struct {
	columns int64
	taken   atomic.Int64
	running sync.WaitGroup
}

// maxWorkers is how many there are at most, on a machine that has the cores: the
// rest of the joiner has use for some.
const maxWorkers = 4

// workersAtOnce is how many there are.
func workersAtOnce() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

func newWorkers(columns int) *workers { return &workers{columns: int64(columns)} }

// start starts the goroutines, which work until next has no column left.
func (w *workers) start(work func(next func() (int, bool))) {
	for range workersAtOnce() {
		w.running.Go(func() { work(w.next) })
	}
}

func (w *workers) next() (int, bool) {
	i := w.taken.Add(1) - 1
	return int(i), i < w.columns
}

// wait returns when all columns are done.
func (w *workers) wait() { w.running.Wait() }

// stop leaves columns that no worker took, and returns when those taken are done.
func (w *workers) stop() {
	w.taken.Store(w.columns)
	w.running.Wait()
}
