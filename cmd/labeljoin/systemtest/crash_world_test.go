package systemtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// The directories of a crash world, on one file system.
const (
	crashState  = "state"
	crashOutput = "out"
)

// crashWorld is a world, the configuration that joins it and the rows that must come of it, whatever happens on the
// way.
type crashWorld struct {
	enginetest.World
	seed    uint64
	shape   enginetest.Shape
	answer  enginetest.Answer
	cfg     config.Config
	patient bool // reading waits for commits, so that there are many of them
	full    int  // in a hundred batches after which a memory table is full; 0: commits flush first

	gapped bool                 // labels may be made unknown after the close
	disk   func(vfs.FS) vfs.FS  // what the disk does besides; nil: nothing
	heard  func(message string) // told what the joiner logs; nil: not called
	again  *atomic.Int64        // outcomes that the joiner says wait again after a lost state
}

func crashRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// newCrashWorld makes the world of a seed. A third of them have events that come
// late or in any order, so that there are corrections; a third write rows early; some
// have a hot id, or values at the ends of float64.
func newCrashWorld(seed uint64) *crashWorld {
	r := crashRand(seed, 1)
	w := &crashWorld{seed: seed, again: new(atomic.Int64), shape: enginetest.Shape{
		Timely: r.IntN(3) > 0, Late: r.IntN(2) == 0, Early: r.IntN(3) == 0, Hot: r.IntN(6) == 0, Wild: r.IntN(6) == 0,
	}}
	history := enginetest.Generate(seed, w.shape)
	history.Events = append(deadLetters(r, history.Events[0].At), history.Events...)
	reference := history.Reference()
	w.answer = reference.Join(history.Set())
	w.World = enginetest.NewWorld(history, enginetest.Layout{
		Inputs: 1 + r.IntN(2), Messages: 1 + r.IntN(4), Batches: 1 + r.IntN(3), Proofs: w.shape.Timely && r.IntN(2) == 0,
	}, r)
	w.Roll = []engine.Roll{{}, {Rows: 2}, {Bytes: 150}, {Bytes: 400}, {Bytes: 1000}}[r.IntN(5)]
	if w.Roll != (engine.Roll{}) {
		w.Roll.Interval = time.Hour
	}
	w.patient = r.IntN(4) > 0
	w.full = []int{0, 5, 40}[crashRand(seed, 14).IntN(3)]
	w.configure(r)
	return w
}

// deadLetters are events of every world that are none.
func deadLetters(r *rand.Rand, at events.Time) []enginetest.Arrival {
	var out []enginetest.Arrival
	for i := range 1 + r.IntN(3) {
		kind := events.Kind(r.IntN(events.Kinds))
		out = append(out, enginetest.Arrival{Kind: kind, TS: events.MinTime, At: at, Data: fmt.Appendf(nil, `{"no_id":%d}`, i)})
	}
	return out
}

func (w *crashWorld) configure(r *rand.Rand) {
	w.cfg = config.Default()
	w.cfg.Name = "crash"
	w.cfg.State.Cache = 1 << 20
	w.cfg.Output.Roll.Rows = 1 + r.Int64N(4) // of a file: most commits have several
	rules := &w.History.Rules
	for i := range rules.Labels {
		w.cfg.Labels = append(w.cfg.Labels, config.Label{Name: rules.Labels[i].Name, Window: config.Duration(rules.Labels[i].Window)})
	}
	w.cfg.Complete()
	w.cfg.Join.MaxFuture, w.cfg.Join.MaxAge = config.Duration(w.History.MaxFuture), config.Duration(w.History.MaxAge)
	if w.History.Limit > 0 {
		w.cfg.Limits.OutcomesPerRequest = int64(w.History.Limit)
	}
	w.cfg.Inputs.List[0].TimeUnit, w.cfg.Inputs.List[1].TimeUnit = "ns", "ns"
}

// recovery says how an opened place was found.
type recovery string

const (
	found     recovery = "nothing under way"
	begun     recovery = "begun anew"
	completed recovery = "pending commit completed"
	voided    recovery = "pending cut voided"
	rebuilt   recovery = "rebuilt"
)

// recoveryOf foretells what recovering will find.
func recoveryOf(p *partition.Partition) recovery {
	s := p.Store.Progress()
	cut, receipt, _ := p.Output.Last()
	switch {
	case len(s.Progress.Inputs) == 0 && receipt.Number == 0:
		return begun
	case s.Pending != nil && s.Pending.Number == receipt.Number && s.Pending.Nonce == cut.Nonce:
		return completed
	case s.Pending != nil:
		return voided
	}
	return found
}

// run joins what is left of the logs on a file system. It tells how it found
// the place, how the books stand at the end, and of every commit made.
func (w *crashWorld) run(fs vfs.FS, committed func(joiner.Receipt)) (how recovery, books joiner.Ledger, err error) {
	if w.disk != nil {
		fs = w.disk(fs)
	}
	told := &rebuildHandler{heard: w.heard, again: w.again}
	log := slog.New(told)
	p, err := partition.Open(fs, partition.ID{}, &w.cfg, &w.History.Rules, crashState, bucket.NewDir(fs, crashOutput), log)
	if err != nil {
		return "", books, err
	}
	defer func() {
		books = p.Store.Progress().Progress.Ledger
		err = errors.Join(err, p.Close())
		if told.rebuilding.Load() {
			how = rebuilt
		}
	}()
	how = recoveryOf(p)
	o, err := partition.EngineOptions(&w.cfg, w.History.Rules, p, log)
	if err != nil {
		return how, books, err
	}
	o.Roll, o.Inputs, o.Replay = w.Roll, w.Inputs(), w.Replay
	staging := &sync.Mutex{}
	o.Output = tellingOutput{Output: o.Output, committed: committed, staging: staging}
	o.Store = fullStore{Store: o.Store, full: w.full, rand: crashRand(w.seed, 15)}
	if w.patient {
		o.Store = patientStore{Store: o.Store, staging: staging}
	}
	return how, books, engine.New(o).Run(context.Background())
}

// rebuildHandler hears a joiner say that it rebuilds its state.
type rebuildHandler struct {
	slog.Handler
	rebuilding atomic.Bool
	heard      func(string)  // or nil
	again      *atomic.Int64 // see crashWorld
}

func (h *rebuildHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *rebuildHandler) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "rebuilding") {
		h.rebuilding.Store(true)
	}
	if strings.Contains(r.Message, "outcomes wait again") {
		r.Attrs(func(a slog.Attr) bool { h.again.Add(a.Value.Int64()); return true })
	}
	if h.heard != nil {
		h.heard(r.Message)
	}
	return nil
}

// tellingOutput tells of commits that were made, and holds a lock while one is
// staged.
type tellingOutput struct {
	engine.Output
	committed func(joiner.Receipt)
	staging   *sync.Mutex
}

func (o tellingOutput) Stage(k uint64) (engine.Stage, error) {
	s, err := o.Output.Stage(k)
	if err != nil {
		return nil, err
	}
	o.staging.Lock()
	return &tellingStage{Stage: s, committed: o.committed, staging: o.staging}, nil
}

type tellingStage struct {
	engine.Stage
	committed func(joiner.Receipt)
	staging   *sync.Mutex // nil once given up
}

func (s *tellingStage) Commit(ctx context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	r, err := s.Stage.Commit(ctx, cut)
	if err == nil {
		s.committed(r)
	}
	s.over()
	return r, err
}

func (s *tellingStage) Abort() {
	s.Stage.Abort()
	s.over()
}

func (s *tellingStage) over() {
	if s.staging != nil {
		s.staging.Unlock()
		s.staging = nil
	}
}

// fullStore flushes after some batches, as the state does when a memory table is
// full, which takes more than these worlds have. What a crash leaves is then more
// than the last commit had flushed.
type fullStore struct {
	engine.Store
	full int
	rand *rand.Rand
}

func (s fullStore) Apply(saved *state.Checkpoint, sync bool) error {
	return s.Store.Apply(saved, s.rand.IntN(100) < s.full || sync)
}

// patientStore applies nothing while a commit is staged.
type patientStore struct {
	engine.Store
	staging *sync.Mutex
}

func (s patientStore) Apply(saved *state.Checkpoint, sync bool) error {
	s.staging.Lock()
	defer s.staging.Unlock()
	return s.Store.Apply(saved, sync)
}

// crashPoint is a moment of a run at which it stopped.
type crashPoint struct {
	kind  string // of the operation that was not done any more
	n     int    // of the operation, in the run
	fs    *vfs.MemFS
	acked []joiner.Receipt // of the commits made by then
	// killed says that the process died and the machine did not.
	killed bool
}

// watcher watches a run over a file system. At some of its operations it clones
// the file system as the power's failure would leave it; or it kills the run at
// one, and the file system, where nothing is lost, serves the next.
type watcher struct {
	w     *crashWorld
	fs    *vfs.MemFS
	wants func(kind string, nth, n int) bool // nth of its kind, n-th of all
	clone vfs.CrashCloneCfg
	kills bool

	mu     sync.Mutex
	killed bool
	n      int
	counts map[string]int
	acked  []joiner.Receipt
	points []crashPoint
	books  joiner.Ledger // at the end
}

func (x *watcher) run() (how recovery, err error) {
	x.counts = map[string]int{}
	traced := &tracedFS{FS: x.fs, before: x.before}
	if x.kills {
		traced.FS, traced.twin = vfs.NewMem(), x.fs
		for _, dir := range []string{crashState, crashOutput} {
			if err := copyTree(x.fs, traced.FS, dir); err != nil {
				return "", err
			}
		}
	}
	how, x.books, err = x.w.run(traced, func(r joiner.Receipt) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.killed {
			x.acked = append(x.acked, r)
		}
	})
	return how, err
}

// check checks what came of the run.
func (x *watcher) check() error {
	return errors.Join(x.w.check(x.fs, x.acked), x.w.checkBooks(&x.books))
}

func (x *watcher) before(kind string) (alive bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.killed {
		return false
	}
	if x.wants(kind, x.counts[kind], x.n) {
		p := crashPoint{kind: kind, n: x.n, fs: x.fs, acked: x.acked[:len(x.acked):len(x.acked)], killed: x.kills}
		if x.killed = x.kills; !x.killed {
			p.fs = x.fs.CrashClone(x.clone)
		}
		x.points = append(x.points, p)
	}
	x.counts[kind]++
	x.n++
	return !x.killed
}
