package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// readAhead is how many batches of a source wait to be folded: enough to keep
// the reader busy while a batch is applied.
const readAhead = 4

// Watermark alignment: if an input has nothing ready and another one is more than
// maxDrift ahead of it in event time, the loop waits up to alignWait for the first. There
// may be a backlog, and an outcome that is read before its request is stored twice. An
// input that is known to be read to its end is not behind.
const (
	maxDrift  = 5 * time.Second
	alignWait = 5 * time.Millisecond
)

// tick is how often the loop looks whether a commit is due.
const tick = 50 * time.Millisecond

// syncEvery is how old what is durable of the state may become where no commit is
// cut. A crash takes what came later, and a log may not hold it for ever: while
// nothing closes, and little comes, that would be all since the start.
const syncEvery = time.Minute

// allKinds is all kinds held.
var allKinds = [events.Kinds]bool{true, true}

// drainTime bounds the label stream's last messages when the joiner is told to
// stop: a broker that is away then is not waited for. Nothing is lost by giving
// up, since what is not applied is read again.
const drainTime = 5 * time.Minute

// delivery is what a source's goroutine hands to the loop.
type delivery struct {
	input int
	batch events.Batch
	err   error
}

// Run recovers, then joins until ctx ends, which is a clean stop: what has
// closed is committed before Run returns. It returns an error when going on
// would not be safe. With sources that end, Run returns when all have.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.recover(ctx); err != nil {
		return err
	}
	if err := e.beginAttributing(); err != nil {
		return err
	}
	e.beginAnew()
	e.recovered = true
	e.publishStats()
	e.logHold(guard.Hold{}, &e.checkpoint.Progress.Guard.Held)
	defer e.abortInflight()
	var err error
	if e.mode.live() {
		err = e.applyGaps(ctx) // before anything is read: what is declared missing is not there to be read
	}
	if err == nil {
		err = e.join(ctx, nil)
	}
	if stopped := errors.Is(err, context.Canceled) && ctx.Err() != nil; !stopped && !errors.Is(err, io.EOF) {
		return err
	}
	known := events.MaxTime
	if !e.mode.live() {
		if !errors.Is(err, io.EOF) {
			return nil // stopped before the end of the logs: nothing is written of what was read
		}
		if err := e.o.Replay.check(e.ledger()); err != nil {
			return err
		}
	}
	if e.mode == modeReplay {
		known = e.close()
	}
	// ctx may have ended, which is why the drain has a time of its own.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return e.drain(drain, known)
}

// check asks whether the logs may be joined.
func (r *Replay) check(l *joiner.Ledger) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(l)
}

// close ends a replay: everything that the logs hold is read, and closes. It
// returns up to when the outcomes are known.
func (e *Engine) close() (known events.Time) {
	e.enter(modeReplayed)
	c := &e.checkpoint.Progress.Clock
	known = c.Seen[events.KindOutcome]
	if e.o.Replay.Complete {
		known = events.MaxTime
	}
	for k := range c.ReadThrough {
		c.MarkRead(events.Kind(k), events.MaxTime)
	}
	return known
}

// join folds what the sources bring until ctx ends, an error, or until is
// reached, which is io.EOF. It returns with all its goroutines ended.
func (e *Engine) join(ctx context.Context, until []events.Position) error {
	ctx, stop := context.WithCancel(ctx)
	group, reading := errgroup.WithContext(ctx)
	inbox := make([]chan delivery, len(e.o.Inputs))
	for i := range e.o.Inputs {
		inbox[i] = make(chan delivery, readAhead)
		from := e.checkpoint.Progress.Inputs[i]
		group.Go(func() error { return e.read(reading, i, from, inbox[i]) })
	}
	// A source that fails ends the loop too, even if the loop has no use for that
	// source any more: the others were stopped with it.
	err := e.loop(reading, inbox, until)
	stop()
	if readErr := group.Wait(); readErr != nil && !errors.Is(readErr, context.Canceled) {
		return readErr
	}
	return err
}

// read passes on what a source says until it ends.
func (e *Engine) read(ctx context.Context, input int, from events.Position, to chan<- delivery) (err error) {
	source, err := e.o.Inputs[input].Open(ctx, from)
	if err == nil {
		defer func() { err = errors.Join(err, source.Close()) }()
	}
	for {
		d := delivery{input: input, err: err}
		if err == nil {
			d.batch, d.err = source.Next(ctx)
		}
		select {
		case to <- d:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case e.arrived <- struct{}{}:
		default: // the loop looks already
		}
		if errors.Is(d.err, io.EOF) {
			return nil // an error would stop the other sources
		}
		if d.err != nil {
			return d.err
		}
	}
}

// loop folds deliveries in turn, and sees to commits between them.
func (e *Engine) loop(ctx context.Context, inbox []chan delivery, until []events.Position) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	ended := make([]bool, len(inbox))
	for {
		if done, err := e.reached(ctx, ended, until); done || err != nil {
			return err
		}
		if err := e.answer(ctx); err != nil {
			return err
		}
		d, err := e.receive(ctx, inbox, ended, ticker.C)
		if err != nil {
			return err
		}
		switch {
		case d == nil: // a tick
		case errors.Is(d.err, io.EOF):
			ended[d.input] = true
		case d.err != nil:
			return d.err
		default:
			if err := e.foldBatch(ctx, d, until); err != nil {
				return err
			}
		}
		if until == nil && e.mode.closes() {
			if err := e.tend(ctx); err != nil {
				return err
			}
		}
	}
}

// reached reports, with io.EOF, that there is nothing left to read.
func (e *Engine) reached(ctx context.Context, ended []bool, until []events.Position) (bool, error) {
	for i := range ended {
		if until != nil && !ended[i] {
			p, q := e.checkpoint.Progress.Inputs[i], until[i]
			ended[i] = !p.Before(&q)
		}
		if !ended[i] {
			return false, nil
		}
	}
	if err := e.flush(ctx, false); err != nil {
		return true, err
	}
	return true, io.EOF
}

// receive waits for a delivery or a tick (nil). Of sources that have something to say,
// the one furthest behind in event time speaks first: the less one runs ahead of the
// others, the less has to wait in the state. Before it waits, what was folded is applied.
func (e *Engine) receive(ctx context.Context, inbox []chan delivery, ended []bool, ticks <-chan time.Time) (*delivery,
	error) {
	first, paused := e.furthestBehind(), e.pausedKinds()
	open := e.open[:0] // that are to be read, the one behind first
	for n := range inbox {
		if i := (first + n) % len(inbox); !ended[i] && !e.isPaused(i, paused) {
			open = append(open, inbox[i])
		}
	}
	e.open = open
	late := len(open) > 0 && open[0] == inbox[first] && e.exceedsDrift(first)
	now := open
	if late {
		now = open[:1]
	}
	if d := ready(now); d != nil {
		return d, nil
	}
	if err := e.applyBatch(ctx); err != nil {
		return nil, err
	}
	if late {
		select {
		case d := <-open[0]:
			return &d, nil
		case <-ticks:
			return nil, nil
		case <-time.After(alignWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return e.waitFor(ctx, open, ticks)
}

// waitFor waits for one of some sources, or a tick (nil), with nothing else to do.
func (e *Engine) waitFor(ctx context.Context, open []chan delivery, ticks <-chan time.Time) (*delivery, error) {
	for {
		if d := ready(open); d != nil {
			return d, nil
		}
		select {
		case <-e.arrived: // from some source
		case q := <-e.inspections:
			return nil, q(ctx)
		case <-e.publishDone():
			return nil, e.publishClosed(ctx)
		case <-ticks:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ready is what the first of some sources has said that has said anything.
func ready(from []chan delivery) *delivery {
	for _, source := range from {
		select {
		case d := <-source:
			return &d
		default:
		}
	}
	return nil
}

// pausedKinds is which kinds are not to be read now.
func (e *Engine) pausedKinds() [events.Kinds]bool {
	if e.o.Paused == nil {
		return [events.Kinds]bool{}
	}
	return e.o.Paused()
}

// isPaused reports whether an input carries a kind that is held.
func (e *Engine) isPaused(input int, paused [events.Kinds]bool) bool {
	for _, k := range e.o.Inputs[input].Kinds {
		if paused[k] {
			return true
		}
	}
	return false
}

// foldBatch folds a batch, up to the position that until gives; what lies beyond
// it is read again later. Small ones are applied together, as long as there are
// more: see receive.
func (e *Engine) foldBatch(ctx context.Context, d *delivery, until []events.Position) error {
	for i := range d.batch.Messages {
		m, limit := &d.batch.Messages[i], uint32(math.MaxUint32)
		m.Input = uint8(d.input)
		if until != nil {
			if limit = within(m, until[d.input]); limit == 0 {
				e.checkpoint.Progress.Inputs[d.input] = until[d.input]
				break
			}
		}
		if err := e.fold(ctx, m, limit); err != nil {
			return err
		}
	}
	e.adjustPosition(d, until)
	if t := d.batch.ReadThrough; t != events.MinTime && until == nil {
		e.prove(d.input, t.Add(-e.rules.Lateness))
		e.guard()
	}
	if until != nil {
		return nil
	}
	if e.unapplied = true; e.events < fullBatch {
		return e.publishClosed(ctx)
	}
	return e.applyBatch(ctx)
}

// adjustPosition moves the position of an input by what its source says beside messages: of
// a stream that is shared with others, that nothing is to be read up to where the
// others' messages are; that it was restored, and created anew by that. A source that is at the end of its
// log without a proof may not say that what is missing up to until is passed. It is gone: what was read once,
// and is there, has been read again.
func (e *Engine) adjustPosition(d *delivery, until []events.Position) {
	p := &e.checkpoint.Progress.Inputs[d.input]
	if d.batch.Created != 0 {
		p.Created = d.batch.Created
	}
	if until != nil && len(d.batch.Messages) == 0 && d.batch.ReadThrough == events.MinTime {
		if end := &until[d.input]; p.Before(end) {
			p.Next, p.Skip = end.Next, end.Skip
		}
		return
	}
	if d.batch.Through == 0 || p.Skip > 0 {
		return
	}
	next := d.batch.Through + 1
	if until != nil {
		next = min(next, until[d.input].Next)
	}
	p.Next = max(p.Next, next)
}

// applyBatch applies what was folded since the last batch, if anything, and
// announces what that has closed.
func (e *Engine) applyBatch(ctx context.Context) error {
	if err := e.attribute(ctx); err != nil {
		return err
	}
	if !e.unapplied {
		return nil
	}
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	return e.publishClosed(ctx)
}

// within is how many events of a message lie before a position.
func within(m *events.Message, p events.Position) uint32 {
	switch {
	case m.Seq < p.Next:
		return math.MaxUint32
	case m.Seq > p.Next:
		return 0
	}
	return p.Skip
}

// tend does what is due between two batches.
func (e *Engine) tend(ctx context.Context) error {
	if now := time.Now(); now.Sub(e.gapsCheckedAt) >= lookForGaps {
		e.gapsCheckedAt = now
		if err := e.applyGaps(ctx); err != nil {
			return err
		}
	}
	if err := e.roll(ctx); err != nil {
		return err
	}
	e.forgetSome()
	now := time.Now()
	e.logQuarantined(now)
	if e.inflight != nil || e.pausedKinds() == allKinds || now.Sub(e.syncedAt) < syncEvery {
		return nil
	}
	e.syncedAt = now
	return e.flush(ctx, true)
}

// roll finishes the commit in flight if it is done, and cuts one that is due.
func (e *Engine) roll(ctx context.Context) error {
	if f := e.inflight; f != nil {
		select {
		case <-f.done:
			if err := e.finish(ctx); err != nil {
				return err
			}
		default:
		}
	}
	if e.pausedKinds() == allKinds {
		return nil
	}
	due, err := e.due(time.Now())
	if err != nil || !due {
		return err
	}
	if e.inflight != nil {
		if e.o.Roll.Bytes == 0 || e.volume.Bytes < 2*e.o.Roll.Bytes || e.o.Away != nil && e.o.Away() {
			// It will be due again; until then reading goes on, and lets staging go first: a
			// commit that takes longer than reading the next one would in the end have
			// reading wait for it, with fewer goroutines at work than there are processors.
			runtime.Gosched()
			return nil
		}
		if err := e.finish(ctx); err != nil {
			return err
		}
	}
	return e.cut(ctx, events.MaxTime)
}

// drain announces and commits what has closed, and returns when that is done.
func (e *Engine) drain(ctx context.Context, known events.Time) error {
	if err := e.finish(ctx); err != nil {
		return err
	}
	if err := e.attribute(ctx); err != nil {
		return err
	}
	if err := e.flush(ctx, true); err != nil {
		return err
	}
	if err := e.publishAll(ctx); err != nil {
		return err
	}
	some, err := e.uncommitted()
	switch {
	case err != nil:
		return err
	case !some && len(e.checkpoint.Progress.Windows) > 0:
		return e.flush(ctx, true) // what was announced of windows need not be announced again
	case !some:
		return nil
	}
	if err := e.cut(ctx, known); err != nil {
		return err
	}
	return e.finish(ctx)
}
