package engine_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// declaring is a state that declares a gap when the first event is met, and says when
// the gap is taken in.
type declaring struct {
	engine.Store
	declare func() // nil: it is done
	taken   chan struct{}
	told    bool
}

func (d *declaring) Dirty(id string) bool {
	if d.declare != nil {
		d.declare()
	}
	d.declare = nil
	return d.Store.Dirty(id)
}

func (d *declaring) Apply(s *state.Checkpoint, sync bool) error {
	if len(s.Progress.Gaps) > 0 && !d.told {
		d.told = true
		close(d.taken)
	}
	return d.Store.Apply(s, sync)
}

// waiting is a source that passes on some messages at once, and what follows, or an error, when it may.
type waiting struct {
	engine.Source
	may    <-chan struct{}
	atOnce int
	read   int
}

func (w *waiting) Next(ctx context.Context) (events.Batch, error) {
	b, err := w.Source.Next(ctx)
	if w.read += len(b.Messages); w.read > w.atOnce || err != nil {
		select {
		case <-w.may:
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
	return b, err
}

// TestGapBesideHot declares a gap while a closed request with many outcomes is kept at
// hand, which has changed nothing that a commit would have to write. The gap writes its
// rows again, so that the outcome after it must not go on from what is at hand.
func TestGapBesideHot(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	outcome := func(n int, kind string) {
		h.Event(events.KindOutcome, time.Minute, `{"request_id":"r","ts":%d,"type":%q,"outcome_id":"o%d"}`, h.At(time.Minute), kind, n)
	}
	for n := range joiner.ManyOutcomes {
		outcome(n, "view")
	}
	h.Heartbeats(40 * time.Minute)
	committed := len(h.Events)
	outcome(100, "view") // it is late and changes nothing: the request is at hand
	outcome(101, "click")
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{Interval: time.Hour}
	log := w.Logs[0]
	w.Logs[0] = log[:committed]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.Logs[0] = log
	taken := make(chan struct{})
	w.source = func(s engine.Source, _ events.Position) engine.Source {
		return &waiting{Source: s, may: taken, atOnce: 1}
	}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o := w.options(st, -1)
	o.Store = &declaring{Store: st, taken: taken, declare: func() { w.out.Gaps = []events.Gap{always(1, false)} }}
	if err := engine.New(o).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	var got []joiner.Reason
	for r := range w.out.Rows() {
		got = append(got, r.Reason)
	}
	if len(got) != 3 || got[1] != joiner.ReasonGap || got[2] != joiner.ReasonCorrected {
		t.Errorf("rows are written for the reasons %v, want closed, gap, corrected", got)
	}
}

// reading is a state that counts how many outcomes of requests it has read, and how
// many it has written.
type reading struct {
	engine.Store
	read, written int
}

func (r *reading) Outcomes(p joiner.RequestKey) iter.Seq2[joiner.StoredOutcome, error] {
	return func(yield func(joiner.StoredOutcome, error) bool) {
		for o, err := range r.Store.Outcomes(p) {
			if r.read++; !yield(o, err) {
				return
			}
		}
	}
}

func (r *reading) Waiting(id string, from, to events.Time) ([]joiner.StoredOutcome, error) {
	stored, err := r.Store.Waiting(id, from, to)
	r.read += len(stored)
	return stored, err
}

func (r *reading) PutOutcome(p joiner.RequestKey, o *joiner.StoredOutcome) {
	r.written++
	r.Store.PutOutcome(p, o)
}

// TestLateOnHot has late outcomes of a closed request that holds very many: what one of
// them costs does not grow with what is held, or one id would stop all others. They come
// in batches of ten, with an event of another request between them.
func TestLateOnHot(t *testing.T) {
	const held, late = 3000, 300
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	h.Request(0, "other")
	outcome := func(id string, n int) {
		h.Event(events.KindOutcome, time.Minute, `{"request_id":%q,"ts":%d,"type":"click","outcome_id":"o%d","value":%d}`,
			id, h.At(time.Minute), n, n)
	}
	for n := range held {
		outcome("r", n)
	}
	h.Heartbeats(40 * time.Minute)
	for n := range late {
		outcome("r", held+n)
		if n%10 == 0 {
			outcome("other", n)
		}
	}
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 10})
	w.Roll = engine.Roll{Interval: time.Hour}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o, counted := w.options(st, -1), &reading{Store: st}
	o.Store = counted
	e := engine.New(o)
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.final = st.Progress()
	checkBooks(t, w)
	t.Logf("%d outcomes read and %d written for %d that came", counted.read, counted.written, held+late)
	if most := 2*held + 10*late; counted.read > most {
		t.Errorf("%d outcomes were read, want at most %d: each once or twice, and not once for each late one", counted.read, most)
	}
	if most := 2 * (held + late + late/10); counted.written > most {
		t.Errorf("%d outcomes were written, want at most %d", counted.written, most)
	}
}

// TestWaitingIsHot has very many outcomes of a request that has not come: what one of them costs does not
// grow with what waits.
func TestWaitingIsHot(t *testing.T) {
	const waiting = 2000
	h := enginetest.Lines(oneLabel())
	for n := range waiting {
		h.Event(events.KindOutcome, time.Minute, `{"request_id":"r","ts":%d,"type":"click","outcome_id":"o%d"}`,
			h.At(time.Minute-time.Duration(n)), n)
	}
	h.Request(0, "r")
	h.Heartbeats(40 * time.Minute)
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 10})
	w.Roll = engine.Roll{Interval: time.Hour}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o, counted := w.options(st, -1), &reading{Store: st}
	o.Store = counted
	if err := engine.New(o).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.final = st.Progress()
	checkBooks(t, w)
	if joined := w.final.Progress.Ledger.Kinds[events.KindOutcome].Disposed[joiner.DispositionJoined]; joined != waiting {
		t.Errorf("%d outcomes joined, want %d", joined, waiting)
	}
	if most := 3 * waiting; counted.read > most {
		t.Errorf("%d outcomes were read for %d that came, want at most %d", counted.read, waiting, most)
	}
}

// hotViews is how many outcomes that say nothing make a request be kept at hand.
const hotViews = joiner.ManyOutcomes + 1

// views adds outcomes that say nothing, as many as it takes.
func views(h *enginetest.History, at time.Duration) {
	for n := range hotViews {
		h.Event(events.KindOutcome, at, `{"request_id":"r","ts":%d,"type":"view","outcome_id":"v%d"}`, h.At(at), n)
	}
}

// TestOutOfReachOfHot has an outcome that is stamped so long before a request with many outcomes that it is not
// one of it. It is no copy of one that is, though it has the same outcome_id, whether the request is at hand or
// comes later.
func TestOutOfReachOfHot(t *testing.T) {
	request := func(h *enginetest.History) {
		h.Request(3*time.Hour, "r")
		h.Event(events.KindOutcome, 3*time.Hour, `{"request_id":"r","ts":%d,"type":"click","outcome_id":"o"}`, h.At(3*time.Hour))
		views(h, 3*time.Hour)
	}
	before := func(h *enginetest.History) {
		h.Event(events.KindOutcome, time.Hour, `{"request_id":"r","ts":%d,"type":"view","outcome_id":"o"}`, h.At(time.Hour))
	}
	for name, add := range map[string][]func(*enginetest.History){
		"it comes before the request": {before, request},
		"the request is at hand":      {request, before},
	} {
		t.Run(name, func(t *testing.T) {
			h := enginetest.Lines(oneLabel())
			h.Rules.Lateness = 10 * time.Hour
			for _, a := range add {
				a(&h)
			}
			h.Heartbeats(4 * time.Hour)
			h.End()
			w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
			w.labels = &broker{t: t, messages: map[string][]byte{}}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			if r := w.latest()[[2]string{"r", ""}]; len(r.Cells) != 1 || r.Cells[0].Value != 1 {
				t.Errorf("the label is %v, want 1", r.Cells)
			}
			disposed := w.final.Progress.Ledger.Kinds[events.KindOutcome].Disposed
			if disposed[joiner.DispositionOrphan] != 1 || disposed[joiner.DispositionJoined] != hotViews+1 {
				t.Errorf("%v, want one orphan, and all others joined", disposed)
			}
		})
	}
}

// putting is a state that says when so many outcomes have come to wait.
type putting struct {
	engine.Store
	left int
	done chan struct{}
}

func (p *putting) PutWaiting(id string, o *joiner.StoredOutcome) {
	p.Store.PutWaiting(id, o)
	if p.left--; p.left == 0 {
		close(p.done)
	}
}

// runPutting is run with such a state.
func (w *world) runPutting(t *testing.T, p *putting) {
	t.Helper()
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o := w.options(st, -1)
	p.Store, o.Store = o.Store, p
	if err := engine.New(o).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.final = st.Progress()
}

// TestBrokenRebuildLeavesNothingAtHand changes the configuration where a message of the log is gone, behind many
// outcomes that wait for the request that it has. The state goes on as it was, and the request is known in it.
func TestBrokenRebuildLeavesNothingAtHand(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "old")
	views(&h, 51*time.Minute)
	h.Request(50*time.Minute, "r")
	before := len(h.Events)
	h.Click(52*time.Minute, "r")
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.out.Commits) == 0 {
		t.Fatal("nothing is committed")
	}
	w.Logs[0], w.hash = whole, "other"
	gone := whole[before-1].Messages[0].Seq // the request
	p := &putting{left: hotViews, done: make(chan struct{})}
	w.source = func(s engine.Source, from events.Position) engine.Source {
		if from.Next > gone {
			return s
		}
		return &waiting{Source: holed{s, gone}, may: p.done, atOnce: before - 1}
	}
	w.runPutting(t, p)
	checkBooks(t, w)
	if r := w.latest()[[2]string{"r", ""}]; len(r.Cells) != 1 || r.Cells[0].Value != 1 {
		t.Errorf("the label is %v, want 1", r.Cells)
	}
}

// TestNothingAtHandOfWhatACommitHas has many outcomes that have waited too long, and a copy of one that comes while
// the commit is staged which counts them as orphans: it is an orphan too, and no copy of what is counted already.
func TestNothingAtHandOfWhatACommitHas(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "other")
	views(&h, time.Minute)
	h.Heartbeats(10 * time.Hour)
	before := len(h.Events)
	h.Event(events.KindOutcome, 10*time.Hour, `{"request_id":"r","ts":%d,"type":"view","outcome_id":"v0"}`, h.At(time.Minute))
	h.Click(10*time.Hour, "last")
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{Rows: 1, Interval: time.Hour}
	staged := make(chan struct{})
	p := &putting{left: hotViews + 1, done: make(chan struct{})} // the last one waits, too
	once := sync.OnceFunc(func() { close(staged) })
	w.out.Fail = func(uint64, bool) error {
		once()
		<-p.done
		return nil
	}
	w.source = func(s engine.Source, _ events.Position) engine.Source {
		return &waiting{Source: s, may: staged, atOnce: before}
	}
	w.runPutting(t, p)
	checkBooks(t, w)
	disposed := w.final.Progress.Ledger.Kinds[events.KindOutcome].Disposed
	if disposed[joiner.DispositionOrphan] != hotViews+2 || disposed[joiner.DispositionDuplicate] != 0 {
		t.Errorf("%v, want %d orphans and no copy", disposed, hotViews+2)
	}
}
