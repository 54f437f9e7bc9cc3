package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// publish sends what the batch has to announce.
func (e *Engine) publish(ctx context.Context) error {
	if len(e.labels.pending) == 0 {
		return nil
	}
	if err := e.inTurn(ctx); err != nil {
		return err
	}
	if err := e.o.Publisher.Publish(ctx, e.labels.pending); err != nil {
		return fmt.Errorf("publishing labels: %w", err)
	}
	e.labels.reset()
	return nil
}

// publishing announces what has closed, in a goroutine of its own: the caller who waits
// for a positive must not wait for all the negatives as well. Everything in it
// but done belongs to the goroutine until done is closed.
//
// Invariant: Progress.PublishedThrough follows only when all of it is published, so that
// after a crash what may not have been is announced again, with the same ids.
type publishing struct {
	labels   labelStream
	anew     events.Time // as Checkpoint.Anew
	decider  *decider
	view     state.View
	from, to events.Time             // of the requests that closed
	windows  []joiner.WindowProgress // that ended, of requests that are open
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// run publishes the labels of the requests that closed. It must not touch the
// engine.
func (a *publishing) run(ctx context.Context, p Publisher) {
	defer close(a.done)
	a.err = a.all(ctx, p, a.from, a.to, 0, func(updates []joiner.LabelUpdate, v *decided, rows []joiner.Row,
		anew bool) []joiner.LabelUpdate {
		return a.labels.rules.CloseUpdates(updates, &v.request, rows, &v.history, anew)
	})
	for i := range a.windows {
		w := &a.windows[i]
		if a.err != nil {
			break
		}
		by := time.Duration(0)
		if a.labels.rules.ProvisionalFrom(w.Window) {
			by = w.Window
		}
		a.err = a.all(ctx, p, max(w.PublishedThrough, a.to), w.Through, by,
			func(updates []joiner.LabelUpdate, v *decided, rows []joiner.Row, anew bool) []joiner.LabelUpdate {
				return a.labels.rules.WindowUpdates(updates, &v.request, rows, w.Window, anew)
			})
	}
	a.err = errors.Join(a.err, a.view.Close())
}

// all publishes what is to be told of the requests stamped from..to, to excluded: if by is not 0,
// by the outcomes stamped so long after the request.
func (a *publishing) all(ctx context.Context, p Publisher, from, to events.Time, by time.Duration,
	updatesOf func(updates []joiner.LabelUpdate, v *decided, rows []joiner.Row, anew bool) []joiner.LabelUpdate) error {
	if from >= to {
		return nil
	}
	send := func() error {
		if err := p.Publish(ctx, a.labels.pending); err != nil {
			return fmt.Errorf("publishing labels: %w", err)
		}
		a.labels.reset()
		return nil
	}
	var updates []joiner.LabelUpdate
	for v, err := range a.decider.each(a.view, from, to, by) {
		if err != nil {
			return err
		}
		// Of a request that is alone nothing else can have been told than the same again, unless it was told
		// while it was provisional.
		anew := v.request.TS <= a.anew && (!v.isAlone || a.labels.rules.HasProvisional())
		updates = updatesOf(updates[:0], v, rowsToPublish(&v.decision, by), anew)
		for i := range updates {
			a.labels.add(&updates[i], anew)
		}
		if len(a.labels.pending) >= maxBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

// rowsToPublish are what a decision says, or if by is not 0 what it says so long after the request.
func rowsToPublish(d *joiner.Decision, by time.Duration) []joiner.Row {
	if by > 0 {
		return d.RowsToPublishAt(by)
	}
	return d.RowsToPublish(joiner.ReasonClosed)
}

// overlaps reports whether something is being told of requests stamped in a range, both
// ends included.
func (a *publishing) overlaps(oldest, youngest events.Time) bool {
	through := a.to
	for i := range a.windows {
		through = max(through, a.windows[i].Through)
	}
	return youngest >= a.from && oldest < through
}

// publishClosed begins to announce what has closed since it last did. It reads
// the applied state, so the batch must be applied before.
func (e *Engine) publishClosed(ctx context.Context) error {
	if err := e.collectPublished(); err != nil || e.publishing != nil {
		return err
	}
	to := e.checkpoint.Progress.ClosedThrough
	var windows []joiner.WindowProgress
	for _, w := range e.checkpoint.Progress.Windows {
		if w.Through > max(w.PublishedThrough, to) {
			windows = append(windows, w)
		}
	}
	if e.labels.disabled || to <= e.checkpoint.Progress.PublishedThrough && len(windows) == 0 {
		return nil
	}
	rules := *e.rules // a gap that is declared meanwhile is announced as a correction
	if e.deciders[deciderPublishing] == nil {
		e.deciders[deciderPublishing] = newDecider(e.machine)
	}
	e.deciders[deciderPublishing].rules = &rules
	a := &publishing{
		labels: labelStream{name: e.labels.name, rules: &rules,
			start: e.labels.start}, anew: e.checkpoint.Anew, decider: e.deciders[deciderPublishing], view: e.o.Store.View(),
		from: e.checkpoint.Progress.PublishedThrough, to: to, windows: windows, done: make(chan struct{}),
	}
	// A stop lets it finish, as far as the broker lets it: see drain.
	var announcingCtx context.Context
	announcingCtx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.publishing = a
	go a.run(announcingCtx, e.o.Publisher) // ended by awaitPublished, or by abortInflight
	return nil
}

// collectPublished takes in what the goroutine has done, if it is done.
func (e *Engine) collectPublished() error {
	a := e.publishing
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
	default:
		return nil
	}
	a.cancel()
	e.publishing = nil
	if a.err != nil {
		return a.err
	}
	e.checkpoint.Progress.PublishedThrough = a.to
	for _, w := range a.windows {
		e.checkpoint.Progress.MarkPublished(w.Window, w.Through)
	}
	return nil
}

// publishDone is closed when the goroutine is done; nil if there is none.
func (e *Engine) publishDone() <-chan struct{} {
	if e.publishing == nil {
		return nil
	}
	return e.publishing.done
}

// awaitPublished waits for the goroutine, if there is one.
func (e *Engine) awaitPublished(ctx context.Context) error {
	if e.publishing == nil {
		return nil
	}
	select {
	case <-e.publishing.done:
		return e.collectPublished()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publishAll announces all that has closed, and waits until that is done.
func (e *Engine) publishAll(ctx context.Context) error {
	if err := e.awaitPublished(ctx); err != nil {
		return err
	}
	if err := e.publishClosed(ctx); err != nil {
		return err
	}
	return e.awaitPublished(ctx)
}
