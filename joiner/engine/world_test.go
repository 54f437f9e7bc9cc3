package engine_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
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
	seedFlag  = flag.Uint64("seed", 0, "hold properties against the history of this seed only")
)

// forSeeds holds a property against histories. To see one again:
//
//	go test ./joiner/engine -run 'TestName' -seed N
func forSeeds(t *testing.T, n int, property func(t *testing.T, seed uint64)) {
	t.Helper()
	if *seedFlag != 0 {
		property(t, *seedFlag)
		return
	}
	if *seedsFlag > 0 {
		n = *seedsFlag
	} else if n = n/fewer + 1; testing.Short() {
		n = n/10 + 1
	}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		property(t, seed)
		if t.Failed() {
			t.Fatalf("%s fails; to see it again: go test ./joiner/engine -run '^%s$' -seed %d", t.Name(), t.Name(), seed)
		}
	}
}

// world is a partition: its logs, its disk and its output, which outlive the
// engines that run over them.
type world struct {
	*rand.Rand
	history enginetest.History
	logs    [][]events.Batch
	fs      *vfs.MemFS
	out     *memory.Output
	hash    string // of the rules
	replay  *engine.Replay
	labels  engine.Publisher
	roll    engine.Roll
	days    time.Duration // engine.Options.DayAfter
	limit   int           // of outcomes per request
	nonces  int
	first   uint64                     // first message of every log
	endless bool                       // log1 and those after it say nothing at all
	opened  func(from events.Position) // told where reading begins, if set
	final   state.Checkpoint           // where the last run ended
	lost    bool                       // troubled has lost the state
	staged  bool                       // some rules have had stages
	decoder *jsonevent.Decoder         // nil: the tests' own

	source func(engine.Source, events.Position) engine.Source // stands around each source, if set
}

func newWorld(seed uint64, history enginetest.History, layout enginetest.Layout) *world {
	r := rand.New(rand.NewPCG(seed, 0x776f726c))
	w := &world{Rand: r, history: history, fs: vfs.NewCrashableMem(), out: &memory.Output{}, hash: "rules",
		limit: history.Limit, staged: history.Rules.Stages != nil}
	w.logs = enginetest.Logs(history.Events, layout, r)
	w.roll = []engine.Roll{{}, {Rows: 3, Interval: time.Hour}, {Bytes: 500, Interval: time.Hour},
		{Interval: time.Hour}}[r.IntN(4)]
	return w
}

// repeated is how many more heartbeats the logs hold than the history: where outcomes
// lie in several logs, each has all of theirs.
func (w *world) repeated() (n int64) {
	for _, e := range w.history.Events {
		if e.Kind == events.KindOutcome && bytes.HasPrefix(e.Data, []byte(`{"heartbeat"`)) {
			n += int64(max(0, len(w.logs)-2))
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
	o := engine.Options{
		Name: "test", Rules: w.history.Rules, RulesHash: w.hash,
		Decoders:  w.history.Decoders(),
		MaxFuture: w.history.MaxFuture, MaxAge: w.history.MaxAge,
		OutcomesPerRequest: w.limit,
		Replay:             w.replay, Roll: w.roll, DayAfter: w.days, Store: piecemeal{st, w.IntN(4)}, Output: w.out, Publisher: w.labels,
		Log:   slog.New(slog.DiscardHandler),
		Nonce: func() string { w.nonces++; return fmt.Sprint("nonce", w.nonces) },
	}
	if w.decoder != nil {
		o.Decoders = [events.Kinds]jsonevent.Decoder{*w.decoder, *w.decoder}
	}
	kinds := [][]events.Kind{{events.KindRequest}, {events.KindOutcome}}
	if len(w.logs) == 1 {
		kinds = [][]events.Kind{{events.KindRequest, events.KindOutcome}}
	}
	for i := range w.logs {
		o.Inputs = append(o.Inputs, engine.Input{
			Name: fmt.Sprint("log", i), Created: 1, First: w.first, Last: w.last(i), Kinds: kinds[min(i, 1)],
			Open: func(ctx context.Context, from events.Position) (engine.Source, error) {
				if w.opened != nil {
					w.opened(from)
				}
				source, err := memory.Log(w.logs[i]).Open(ctx, from)
				if w.source != nil {
					source = w.source(source, from)
				}
				if w.endless && i > 0 {
					return silent{}, nil
				}
				return &breaking{Source: source, left: stop}, err
			},
		})
	}
	return o
}

// last is the newest message of a log.
func (w *world) last(log int) uint64 {
	for _, b := range slices.Backward(w.logs[log]) {
		if n := len(b.Messages); n > 0 {
			return b.Messages[n-1].Seq
		}
	}
	return 0
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
		err = w.count(st)
	}
	return errors.Join(err, st.Close())
}

// count holds what the state has pending against the books.
func (w *world) count(st *store.Store) error {
	v := st.View()
	var pending [events.Kinds]int64
	for c, err := range v.Closing(w.final.Committed, events.MaxTime) {
		if err != nil {
			return errors.Join(err, v.Close())
		}
		pending[events.KindRequest]++
		for o, err := c.Outcome(); o != nil || err != nil; o, err = c.Outcome() {
			if err != nil {
				return errors.Join(err, v.Close())
			}
			if !o.Booked {
				pending[events.KindOutcome]++
			}
		}
	}
	for o, err := range v.Orphans(events.MinTime, events.MaxTime) {
		if err != nil {
			return errors.Join(err, v.Close())
		}
		if !o.Outcome.Booked {
			pending[events.KindOutcome]++
		}
	}
	l := &w.final.Progress.Ledger
	if booked := [events.Kinds]int64{l.Kinds[0].Pending, l.Kinds[1].Pending}; booked != pending || !l.Balanced() {
		return errors.Join(fmt.Errorf("the state holds %v pending events, its books say %v: %+v", pending, booked, l),
			v.Close())
	}
	return v.Close()
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
		o = w.options(st, w.IntN(1+len(w.logs[0])))
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
