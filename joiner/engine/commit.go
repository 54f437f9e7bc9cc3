package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// due reports whether a commit should be cut: something is uncommitted since
// long enough, or so much was read that enough must be. The machine's clock
// says only when files are cut, never what is in them.
func (e *Engine) due(now time.Time) (bool, error) {
	if e.firstUncommittedAt.IsZero() {
		some, err := e.uncommitted()
		if err != nil || !some {
			return false, err
		}
		e.firstUncommittedAt = now
	}
	r, v := &e.o.Roll, &e.volume
	return now.Sub(e.firstUncommittedAt) >= r.Interval || r.Rows > 0 && v.Rows >= r.Rows || r.Bytes > 0 &&
		v.Bytes >= r.Bytes, nil
}

// uncommitted reports whether there is anything that a commit would write or
// book, beyond what the commit in flight does.
func (e *Engine) uncommitted() (bool, error) {
	done := state.PendingCut{
		Through: e.checkpoint.Committed, RowsQueued: e.checkpoint.RowsCommitted, DeadLetters: e.checkpoint.DeadLetters, Orphaned: e.checkpoint.Orphaned,
		Staged: e.checkpoint.Staged,
	}
	if e.inflight != nil {
		done = e.inflight.cut
	}
	if len(e.checkpoint.Progress.Gaps) > e.checkpoint.Gaps && e.inflight == nil {
		return true, nil
	}
	if rows, letters := e.o.Store.Queued(); rows > done.RowsQueued || letters > done.DeadLetters {
		return true, nil
	}
	if some, err := e.o.Store.Closable(done.Through, e.checkpoint.Progress.ClosedThrough); some || err != nil {
		return some, err
	}
	if some, err := e.stageEnded(done.Staged); some || err != nil {
		return some, err
	}
	if e.dayIsOver(done.Through) {
		return true, nil
	}
	return e.o.Store.Orphaned(done.Orphaned, e.rules.OrphanedThrough(e.watermark()))
}

// dayIsOver reports whether the clock has passed the end of a UTC day since the commit that closed
// what lies before committed: all requests of the day have closed, or besides none of them is
// remembered any more, or the day is due to be exported. A commit without rows says so, because
// those who wait for whole days read manifests. In a silence these are three commits a day.
func (e *Engine) dayIsOver(committed events.Time) bool {
	closed := e.checkpoint.Progress.ClosedThrough
	if !e.mode.live() || e.checkpoint.Progress.Commit == 0 || closed <= committed {
		return false
	}
	for _, after := range [...]time.Duration{0, e.rules.Retention(), e.o.DayAfter} {
		if dayOf(committed.Add(-after)) != dayOf(closed.Add(-after)) {
			return true
		}
	}
	return false
}

// dayOf is the start of the UTC day that a time lies in.
func dayOf(t events.Time) time.Time { return t.Std().Truncate(24 * time.Hour) }

// cut begins a commit: it fixes what is in it and lets a goroutine write it.
// The one before must have been finished.
func (e *Engine) cut(ctx context.Context, known events.Time) error {
	if err := e.applyBatch(ctx); err != nil { // what is read below is what was applied
		return err
	}
	e.advance()
	if err := e.reviseEarly(); err != nil {
		return err
	}
	e.bookNoted()
	w := e.checkpoint.Progress.Watermark(e.rules.Lateness)
	rows, letters := e.o.Store.Queued()
	cut := state.PendingCut{
		Number: e.checkpoint.Progress.Commit + 1, Nonce: e.o.Nonce(),
		Through: e.checkpoint.Progress.ClosedThrough, Known: known, Staged: e.stageBounds(),
		RowsQueued: rows, DeadLetters: letters, Orphans: e.checkpoint.Orphans,
		Orphaned: e.rules.OrphanedThrough(w), Forgotten: e.rules.ForgottenThrough(w),
	}
	// What has not been announced is still needed, however long the broker is away.
	cut.Forgotten = max(e.checkpoint.Forgotten, min(cut.Forgotten, e.checkpoint.Progress.PublishedThrough))
	if !e.mode.live() {
		cut.Forgotten = e.checkpoint.Forgotten // the state goes with the replay: a list of all that it held is not needed
	}
	e.checkpoint.Pending = &cut
	// Staging syncs it, so that reading need not wait for the disk.
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	stage, err := e.o.Output.Stage(cut.Number)
	if err != nil {
		return fmt.Errorf("beginning commit %d: %w", cut.Number, err)
	}
	at := e.checkpoint
	at.Progress.Inputs, at.Progress.Clock = slices.Clone(at.Progress.Inputs), at.Progress.Clock.Clone()
	at.Progress.Guard = at.Progress.Guard.Header()
	// A stop must not break off a commit: staging ends with the commit in flight, not with ctx.
	staging, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &inflightCommit{cut: cut, at: at, view: e.o.Store.View(), stage: stage, cancel: cancel, done: make(chan struct{}),
		begun: time.Now(), measures: newMeasures(len(e.rules.Labels)), watch: e.watch()}
	e.inflight, e.firstUncommittedAt, e.volume = f, time.Time{}, Roll{}
	e.cool() // what has waited too long is the commit's now

	s := e.stager()
	s.decider.watched = f.watch.labels
	go s.run(staging, f) // ended by finish, which waits for done, or by abortInflight
	return nil
}

// stager is given rules of its own: a gap that is declared while it works is a
// matter of the next commit.
func (e *Engine) stager() stager {
	rules := *e.rules
	if e.deciders[deciderStaging] == nil {
		e.deciders[deciderStaging] = newDecider(e.machine)
	}
	e.deciders[deciderStaging].rules = &rules
	machine := e.machine
	machine.Rules = &rules
	return stager{machine: &machine, rulesHash: e.o.RulesHash, producer: e.o.Producer, decider: e.deciders[deciderStaging]}
}

// reviseEarly compares the requests that this commit closes with what was
// written of them early, by this configuration or by one before.
func (e *Engine) reviseEarly() error {
	v := e.o.Store.View()
	for p, err := range v.Histories(e.checkpoint.Committed, e.checkpoint.Progress.ClosedThrough) {
		if err == nil {
			err = e.reviseRequestEarly(p)
		}
		if err != nil {
			return errors.Join(err, v.Close())
		}
	}
	return v.Close()
}

func (e *Engine) reviseRequestEarly(p joiner.RequestKey) error {
	x, err := e.loadAll(p)
	if err != nil || x == nil || x.History.Closed || len(x.History.Rows) == 0 {
		return err
	}
	fx, err := e.machine.ReviseEarly(x)
	if err != nil {
		return err
	}
	return e.save(nil, x, nil, &fx)
}

// finish waits for the commit in flight and drops what it wrote. If ctx ends on the
// way, the commit is in flight still, or it is booked: a stop cuts the next one then.
func (e *Engine) finish(ctx context.Context) error {
	f := e.inflight
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.cancel()
	if f.err != nil {
		e.inflight = nil
		return fmt.Errorf("commit %d: %w", f.cut.Number, f.err)
	}
	if err := e.applyBatch(ctx); err != nil { // forgetting reads what was applied
		return err
	}
	e.inflight = nil
	e.o.Store.Forget(f.forget)
	e.cool()
	e.syncedAt = f.begun // staging did that
	e.committed(&f.cut, &f.result, f.receipt)
	e.sightRowFaults(f.faults)
	e.sightLabels(&f.watch)
	e.sightOrphans(f.orphans)
	e.measures = e.measures.plus(f.measures, f.ended.Sub(f.begun), f.ended)
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	closed := &f.result.Closed
	e.o.Log.Info("committed", "commit", f.cut.Number, "rows", closed.Rows,
		"requests", closed.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted],
		"watermark", e.watermark().String())
	e.onCommit(e.Stats())
	return nil
}

// forgetAtOnce is how many requests are forgotten at once, about: so many take some
// milliseconds, and a commit may have a million.
const forgetAtOnce = 20_000

// forgetSome forgets a part of what the commits so far no longer need, if the batch
// is empty. The rest comes later, while the next commit is staged. A crash on the
// way is harmless: the next commit forgets from where this one came to.
func (e *Engine) forgetSome() {
	if e.unapplied || e.forgettable <= e.checkpoint.Forgotten {
		return
	}
	e.checkpoint.Forgotten = e.o.Store.ForgetRequests(e.checkpoint.Forgotten, e.forgettable, forgetAtOnce)
	if e.attr != nil {
		e.attr.index.forget(e.checkpoint.Forgotten)
	}
	e.unapplied = true
}

// abortInflight breaks off a commit in flight, and what is being announced. Whether the
// manifest was created is found out by the next start.
func (e *Engine) abortInflight() {
	if e.inflight != nil {
		e.inflight.cancel()
		<-e.inflight.done
	}
	if e.publishing != nil {
		e.publishing.cancel()
		<-e.publishing.done
	}
}

// committed books a commit whose manifest exists.
func (e *Engine) committed(cut *state.PendingCut, result *joiner.Cut, r joiner.Receipt) {
	s := &e.checkpoint
	moveDisposed(&s.Progress.Ledger, &result.Closed)
	s.Progress.Commit = cut.Number
	s.Receipt, s.Committed, s.RulesHash = r, max(s.Committed, cut.Through), result.RulesHash
	s.RowsCommitted, s.DeadLetters = cut.RowsQueued, cut.DeadLetters
	s.Orphans = s.Orphans.Minus(cut.Orphans)
	s.Orphaned, s.Staged = max(s.Orphaned, cut.Orphaned), cut.Staged
	e.forgettable = max(e.forgettable, cut.Forgotten)
	s.From = slices.Clone(result.Progress.Inputs)
	s.Gaps = len(result.Progress.Gaps)
	s.Pending = nil
}
