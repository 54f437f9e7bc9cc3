package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// publish sends what the batch has to announce.
func (e *Engine) publish(ctx context.Context) error {
	if len(e.herald.labels) == 0 {
		return nil
	}
	if err := e.inTurn(ctx); err != nil {
		return err
	}
	if err := e.o.Publisher.Publish(ctx, e.herald.labels); err != nil {
		return fmt.Errorf("publishing labels: %w", err)
	}
	e.herald.published()
	return nil
}

// announcing announces what has closed, in a goroutine of its own: the caller who waits
// for a positive must not wait for all the negatives as well. Everything in it
// but done belongs to the goroutine until done is closed.
//
// Invariant: Progress.Announced follows only when all of it is published, so that
// after a crash what may not have been is announced again, with the same ids.
type announcing struct {
	herald   herald
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
func (a *announcing) run(ctx context.Context, p Publisher) {
	defer close(a.done)
	a.err = a.all(ctx, p, a.from, a.to, func(told []joiner.Told, v *verdict, rows []joiner.Row, anew bool) []joiner.Told {
		return a.herald.rules.TellClosed(told, &v.request, rows, &v.history, anew)
	})
	for i := range a.windows {
		w := &a.windows[i]
		if a.err != nil {
			break
		}
		a.err = a.all(ctx, p, max(w.Announced, a.to), w.Through,
			func(told []joiner.Told, v *verdict, rows []joiner.Row, anew bool) []joiner.Told {
				return a.herald.rules.TellWindow(told, &v.request, rows, w.Window, anew)
			})
	}
	a.err = errors.Join(a.err, a.view.Close())
}

// all publishes what is to be told of the requests stamped from..to, to excluded.
func (a *announcing) all(ctx context.Context, p Publisher, from, to events.Time,
	tell func(told []joiner.Told, v *verdict, rows []joiner.Row, anew bool) []joiner.Told) error {
	if from >= to {
		return nil
	}
	send := func() error {
		if err := p.Publish(ctx, a.herald.labels); err != nil {
			return fmt.Errorf("publishing labels: %w", err)
		}
		a.herald.published()
		return nil
	}
	var told []joiner.Told
	for v, err := range a.decider.each(a.view, from, to) {
		if err != nil {
			return err
		}
		// Of a request that is alone nothing else can have been told of its close.
		anew := v.request.TS <= a.anew && !v.alone
		told = tell(told[:0], v, v.decision.SameRows(events.MaxTime, joiner.Closed), anew)
		for i := range told {
			a.herald.tell(&told[i], anew)
		}
		if len(a.herald.labels) >= maxBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

// tellsOf reports whether something is being told of requests stamped in a range, both
// ends included.
func (a *announcing) tellsOf(oldest, youngest events.Time) bool {
	through := a.to
	for i := range a.windows {
		through = max(through, a.windows[i].Through)
	}
	return youngest >= a.from && oldest < through
}

// announceClosed begins to announce what has closed since it last did. It reads
// the applied state, so the batch must be applied before.
func (e *Engine) announceClosed(ctx context.Context) error {
	if err := e.collectAnnounced(); err != nil || e.announcing != nil {
		return err
	}
	to := e.saved.Progress.ClosedThrough
	var windows []joiner.WindowProgress
	for _, w := range e.saved.Progress.Windows {
		if w.Through > max(w.Announced, to) {
			windows = append(windows, w)
		}
	}
	if e.herald.mute || to <= e.saved.Progress.Announced && len(windows) == 0 {
		return nil
	}
	rules := *e.rules // a gap that is declared meanwhile is announced as a correction
	if e.deciders[announcer] == nil {
		e.deciders[announcer] = newDecider(e.machine)
	}
	e.deciders[announcer].rules = &rules
	a := &announcing{
		herald: herald{name: e.herald.name, rules: &rules,
			start: e.herald.start}, anew: e.saved.Anew, decider: e.deciders[announcer], view: e.o.Store.View(),
		from: e.saved.Progress.Announced, to: to, windows: windows, done: make(chan struct{}),
	}
	// A stop lets it finish, as far as the broker lets it: see drain.
	var announcingCtx context.Context
	announcingCtx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.announcing = a
	go a.run(announcingCtx, e.o.Publisher) // ended by awaitAnnounced, or by ground
	return nil
}

// collectAnnounced takes in what the goroutine has done, if it is done.
func (e *Engine) collectAnnounced() error {
	a := e.announcing
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
	default:
		return nil
	}
	a.cancel()
	e.announcing = nil
	if a.err != nil {
		return a.err
	}
	e.saved.Progress.Announced = a.to
	for _, w := range a.windows {
		e.saved.Progress.Told(w.Window, w.Through)
	}
	return nil
}

// announced is closed when the goroutine is done; nil if there is none.
func (e *Engine) announced() <-chan struct{} {
	if e.announcing == nil {
		return nil
	}
	return e.announcing.done
}

// awaitAnnounced waits for the goroutine, if there is one.
func (e *Engine) awaitAnnounced(ctx context.Context) error {
	if e.announcing == nil {
		return nil
	}
	select {
	case <-e.announcing.done:
		return e.collectAnnounced()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// announceAll announces all that has closed, and waits until that is done.
func (e *Engine) announceAll(ctx context.Context) error {
	if err := e.awaitAnnounced(ctx); err != nil {
		return err
	}
	if err := e.announceClosed(ctx); err != nil {
		return err
	}
	return e.awaitAnnounced(ctx)
}
