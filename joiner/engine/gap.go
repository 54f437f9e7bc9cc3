package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// lookForGaps is how often the loop looks whether a gap was declared.
const lookForGaps = time.Second

// applyGaps makes gaps that were declared since part of the join. What has
// closed before is committed as it was decided; what may still be corrected is
// written again, its labels unknown now where they were no more than absent.
//
// Invariant: a gap is in force from one commit to the next on, and Since says
// for which requests. A crash on the way is harmless: the rows that were written
// again stand, and the declaration is found anew.
func (e *Engine) applyGaps(ctx context.Context) error {
	unapplied := e.unappliedGaps()
	if len(unapplied) == 0 {
		return nil
	}
	if err := e.commitClosed(ctx); err != nil {
		return err
	}
	p := &e.checkpoint.Progress
	since := max(e.rules.ClosedThrough(e.watermark()).Add(-e.rules.Corrections), e.checkpoint.Forgotten)
	rules := *e.rules
	rules.Gaps = slices.Clone(rules.Gaps)
	var changed []events.Gap // by which labels become unknown, or known again
	for _, g := range unapplied {
		g.Since = since
		if g.Removes != 0 {
			var of events.Gap
			rules.Gaps, of = takenBack(rules.Gaps, &g)
			changed = append(changed, of)
		}
		changed = append(changed, g)
		rules.Gaps = append(rules.Gaps, g)
	}
	rows, err := e.recomputeForGaps(ctx, &rules, changed, since)
	if err != nil {
		return err
	}
	p.Gaps, e.rules.Gaps = rules.Gaps, rules.Gaps
	e.checkpoint.Gaps = min(e.checkpoint.Gaps, len(rules.Gaps)-len(unapplied)) // one that was taken back leaves room
	if e.mode.closes() {
		before := p.Guard.Held
		p.Guard.Declared(e.rules.GuardRules(), p.Clock.Watermark(e.rules.Lateness))
		e.logHold(before, &p.Guard.Held)
	}
	for _, g := range unapplied {
		if g.Removes != 0 {
			e.o.Log.Info("a gap was taken back: labels that it made unknown are known again", "gap", g.Removes,
				"rows_written_again", rows)
			continue
		}
		e.o.Log.Info("a gap was declared and is taken in", "gap", g.ID, "from", g.From.String(), "to", g.To.String(),
			"quiet", g.Quiet, "rows_written_again", rows)
	}
	return e.flush(ctx, true)
}

// takenBack are the gaps without the one that a declaration takes back, if that was in force. If it was
// in force too long for some requests, it stays for these. of is that gap; one that is not known may have
// been half taken in when the process died, and rows were written for it.
func takenBack(gaps []events.Gap, back *events.Gap) (left []events.Gap, of events.Gap) {
	at := slices.IndexFunc(gaps, func(g events.Gap) bool { return g.ID == back.Removes && g.InForce() })
	if at < 0 {
		of = events.Gap{From: back.From, To: back.To}
		of.Kinds[events.KindOutcome] = true
		return gaps, of
	}
	of = gaps[at]
	if of.Since >= back.Since { // it made nothing unknown that stays so
		return slices.Delete(gaps, at, at+1), of
	}
	gaps[at].Until = back.Since
	return gaps, of
}

// unappliedGaps lists the declared gaps that are not taken in. A declaration that
// cannot be read concerns the person who wrote it; the join goes on without it.
func (e *Engine) unappliedGaps() []events.Gap {
	declared, err := e.o.Output.Declared()
	if err != nil {
		if text := err.Error(); text != e.unread {
			e.o.Log.Error("the declared gaps cannot be read, and are not taken in", "cause", text)
			e.unread = text
		}
		return nil
	}
	e.unread = ""
	return slices.DeleteFunc(declared, func(d events.Gap) bool {
		return slices.ContainsFunc(e.checkpoint.Progress.Gaps, func(g events.Gap) bool { return g.ID == d.ID })
	})
}

// commitClosed commits what has closed, and waits until that is done.
func (e *Engine) commitClosed(ctx context.Context) error {
	if err := e.finish(ctx); err != nil {
		return err
	}
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	if err := e.publishAll(ctx); err != nil {
		return err
	}
	some, err := e.uncommitted()
	if err != nil || !some {
		return err
	}
	if err := e.cut(ctx, events.MaxTime); err != nil {
		return err
	}
	return e.finish(ctx)
}

// recomputeForGaps writes again the rows of closed requests that gaps make unknown, and
// says how many.
func (e *Engine) recomputeForGaps(ctx context.Context, rules *joiner.Rules, gaps []events.Gap,
	since events.Time) (rows int,
	err error) {
	from := events.MaxTime
	for _, g := range gaps {
		if g.Kinds[events.KindOutcome] && !g.Quiet {
			from = min(from, max(since, g.From.Add(-e.rules.Longest())))
		}
	}
	if from >= e.checkpoint.Progress.ClosedThrough {
		return 0, nil
	}
	v := e.o.Store.View()
	// A request may have turned out older than it closed under, so where the gap
	// ends is no bound.
	for p, err := range v.Requests(from, e.checkpoint.Progress.ClosedThrough) {
		n := 0
		if err == nil {
			n, err = e.recomputeRequestForGaps(p, rules)
		}
		if e.events += n + 1; err == nil && e.events >= maxBatch {
			err = e.flush(ctx, false)
		}
		if err != nil {
			return rows, errors.Join(err, v.Close())
		}
		rows += n
	}
	return rows, errors.Join(e.flush(ctx, false), v.Close())
}

// recomputeRequestForGaps writes again the rows of a closed request that the rules with the
// gaps make unknown.
func (e *Engine) recomputeRequestForGaps(p joiner.RequestKey, rules *joiner.Rules) (rows int, err error) {
	x, err := e.loadAll(p)
	if x == nil || err != nil {
		return 0, err
	}
	fx, err := e.machine.Gap(x, rules)
	if err != nil {
		return 0, err
	}
	return len(fx.Rows), e.save(nil, x, nil, &fx)
}
