package engine_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/state"
	"github.com/labeljoin/labeljoin/store"
)

var (
	seedsFlag = flag.Int("seeds", 0, "how many histories each property is held against; 0 is the property's own number")
	seedFlag  = flag.Uint64("seed", 0,
		"hold properties against the history of this seed only, or with -seeds of so many from it on")
)

// forSeeds holds a property against histories. To see one again:
//
//	go test ./joiner/engine -run 'TestName' -seed N
func forSeeds(t *testing.T, n int, property func(t *testing.T, seed uint64)) {
	t.Helper()
	t.Parallel()
	first := uint64(1)
	switch {
	case *seedFlag != 0:
		first, n = *seedFlag, max(1, *seedsFlag)
	case *seedsFlag > 0:
		n = *seedsFlag
	default:
		if n = n/fewer + 1; testing.Short() {
			n = n/10 + 1
		}
	}
	for seed := first; seed < first+uint64(n); seed++ {
		property(t, seed)
		if t.Failed() {
			t.Fatalf("%s fails; to see it again: go test ./joiner/engine -run '^%s$' -seed %d", t.Name(), t.Name(), seed)
		}
	}
}

// world is a world with the disk of a state, which crashes, and an output in memory.
type world struct {
	enginetest.World
	*rand.Rand
	fs      *vfs.MemFS
	out     *memory.Output
	hash    string // of the rules
	labels  engine.Publisher
	days    time.Duration              // engine.Options.DayAfter
	limit   int                        // of outcomes per request
	first   uint64                     // first message of every log
	stop    int                        // after so many batches every log fails; -1: none does
	endless bool                       // log1 and those after it say nothing at all
	opened  func(from events.Position) // told where reading begins, if set
	final   state.Checkpoint           // where the last run ended
	lost    bool                       // troubled has lost the state
	staged  bool                       // some rules have had stages
	decoder *jsonevent.Decoder         // nil: the tests' own
	crashed func()                     // told of every crash of an engine, if set
	moved   int64                      // outcomes that rebuilds have moved in the books, as the log says

	source func(engine.Source, events.Position) engine.Source // stands around each source, if set
}

func newWorld(seed uint64, history enginetest.History, layout enginetest.Layout) *world {
	r := rand.New(rand.NewPCG(seed, 0x776f726c))
	w := &world{World: enginetest.NewWorld(history, layout, r), Rand: r, fs: vfs.NewCrashableMem(), out: &memory.Output{},
		hash: "rules", limit: history.Limit, stop: -1, staged: history.Rules.Stages != nil}
	w.First, w.Open = func(int) uint64 { return w.first }, w.openLog
	w.Roll = []engine.Roll{{}, {Rows: 3, Interval: time.Hour}, {Bytes: 500, Interval: time.Hour},
		{Interval: time.Hour}}[r.IntN(4)]
	return w
}

// repeated is how many more heartbeats the logs hold than the history: where outcomes
// lie in several logs, each has all of theirs.
func (w *world) repeated() (n int64) {
	for _, e := range w.History.Events {
		if e.Kind == events.KindOutcome && bytes.HasPrefix(e.Data, []byte(`{"heartbeat"`)) {
			n += int64(max(0, len(w.Logs)-2))
		}
	}
	return n
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x72616e64)) }

func anyLayout(r *rand.Rand, timely bool) enginetest.Layout {
	return enginetest.Layout{
		Inputs: 1 + r.IntN(4), Messages: 1 + r.IntN(6)*r.IntN(2), Batches: 1 + r.IntN(20)*r.IntN(2), Proofs: timely &&
			r.IntN(2) == 0,
	}
}

// options are what an engine over the world is made of.
func (w *world) options(st engine.Store, stop int) engine.Options {
	w.stop = stop
	o := engine.Options{
		Name: "test", Rules: w.History.Rules, RulesHash: w.hash,
		Decoders:  w.History.Decoders(),
		MaxFuture: w.History.MaxFuture, MaxAge: w.History.MaxAge,
		OutcomesPerRequest: w.limit,
		Replay:             w.Replay, Roll: w.Roll, DayAfter: w.days,
		Store: piecemeal{st, w.IntN(4)}, Output: w.out, Publisher: w.labels,
	}
	if w.decoder != nil {
		o.Decoders = [events.Kinds]jsonevent.Decoder{*w.decoder, *w.decoder}
	}
	w.Surround(&o)
	o.Log = slog.New(movedHandler{o.Log.Handler(), &w.moved})
	return o
}

// openLog opens a log as the world has it now.
func (w *world) openLog(ctx context.Context, input int, from events.Position) (engine.Source, error) {
	if w.opened != nil {
		w.opened(from)
	}
	source, err := memory.Log(w.Logs[input]).Open(ctx, from)
	if w.source != nil {
		source = w.source(source, from)
	}
	if w.endless && input > 0 {
		return silent{}, nil
	}
	return &breaking{Source: source, left: w.stop}, err
}

var errCrash = errors.New("crash")

// breaking is a source that fails after so many batches; never if negative.
type breaking struct {
	engine.Source
	left int
}

func (b *breaking) Next(ctx context.Context) (events.Batch, error) {
	if b.left == 0 {
		return events.Batch{}, errCrash
	}
	b.left--
	return b.Source.Next(ctx)
}

// silent is a source of which nothing comes.
type silent struct{}

func (silent) Close() error { return nil }

func (silent) Next(ctx context.Context) (events.Batch, error) {
	<-ctx.Done()
	return events.Batch{}, ctx.Err()
}

// faulty is a store whose nth Apply fails, before or after it has been done.
type faulty struct {
	engine.Store
	left  int
	after bool
}

func (f *faulty) Apply(s *state.Checkpoint, sync bool) error {
	f.left--
	if f.left != 0 {
		return f.Store.Apply(s, sync)
	}
	if f.after {
		return errors.Join(f.Store.Apply(s, sync), errCrash)
	}
	return errCrash
}

// piecemeal is a store that forgets few requests at once, so that much comes
// between the parts: batches, cuts and crashes.
type piecemeal struct {
	engine.Store
	most int
}

func (p piecemeal) ForgetRequests(from, to events.Time, about int) events.Time {
	if about < math.MaxInt { // a rebuild forgets all at once
		about = min(about, p.most)
	}
	return p.Store.ForgetRequests(from, to, about)
}

// open opens the state.
func (w *world) open() (*store.Store, error) {
	return store.Open(store.Options{FS: w.fs, Dir: "state", CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler)})
}

// run runs an engine until the logs end.
func (w *world) run() error {
	st, err := w.open()
	if err != nil {
		return err
	}
	err = engine.New(w.options(st, -1)).Run(context.Background())
	w.final = st.Progress()
	if err == nil {
		_, err = memory.Pending(st.View(), &w.final)
	}
	return errors.Join(err, st.Close())
}

// crash runs an engine that comes to an end on the way, if the logs do not come
// to theirs before, and with it what was not synced.
func (w *world) crash() error {
	st, err := w.open()
	if err != nil {
		return err
	}
	defer st.Close()
	o := w.options(st, -1)
	switch w.IntN(3) {
	case 0:
		o = w.options(st, w.IntN(1+len(w.Logs[0])))
	case 1:
		o.Store = &faulty{Store: o.Store, left: 1 + w.IntN(30), after: w.IntN(2) == 0}
	case 2:
		created, left := w.IntN(2) == 0, w.IntN(4)
		w.out.Fail = func(_ uint64, now bool) error {
			if now != created {
				return nil
			}
			if left--; left < 0 {
				return errCrash
			}
			return nil
		}
	}
	err = engine.New(o).Run(context.Background())
	w.out.Fail = nil
	if err != nil && !errors.Is(err, errCrash) {
		return err
	}
	if w.crashed != nil {
		w.crashed()
	}
	if w.IntN(2) == 0 {
		w.fs = w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.IntN(101), RNG: w.Rand})
	}
	return nil
}

// troubled runs engines that crash, and at last one that does not.
func (w *world) troubled(t *testing.T, crashes int) {
	t.Helper()
	for range crashes {
		if err := w.crash(); err != nil {
			t.Fatal(err)
		}
		if w.IntN(8) == 0 {
			w.fs, w.lost = vfs.NewCrashableMem(), true
		}
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
}
