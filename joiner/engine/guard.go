package engine

import (
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// guard lets the guard judge how far the sources are read, and says when it
// begins to hold negatives and when it lets go.
func (e *Engine) guard() {
	if !e.mode.closes() {
		return
	}
	p := &e.checkpoint.Progress
	before := p.Guard.Held
	p.Guard.Judge(e.rules.GuardRules, p.Clock.Watermark(e.rules.Lateness))
	e.logHold(before, &p.Guard.Held)
}

func (e *Engine) logHold(before guard.Hold, now *guard.Hold) {
	switch {
	case now.On() && !before.On():
		e.o.Log.Warn("outcomes are improbably few: rows wait, none becomes negative. They go on by themselves when the outcomes come after all; "+
			"if those are lost, say so with labeljoin gap add, and if nothing is missing, with labeljoin gap add --quiet",
			"label", now.Label, "since", now.From.String(), "expected", int64(now.Expected), "came", int64(now.Seen))
	case before.On() && !now.On():
		e.o.Log.Info("the outcomes are complete again: rows go on", "label", before.Label, "since", before.From.String())
	}
}

// fitGuard makes the guard one for the rules as they are now. It reports false
// if the state cannot say what a hold is about, so that the log has to.
func (e *Engine) fitGuard() bool {
	g := &e.checkpoint.Progress.Guard
	if !guardFits(e.rules, g) {
		return false
	}
	rules := e.rules.GuardRules()
	if g.Fits(rules) {
		g.Resume(rules)
	} else {
		*g = guard.New(rules, g)
	}
	return true
}

// guardOutcome lets the guard count an outcome.
func (e *Engine) guardOutcome(o *events.Outcome) {
	e.checkpoint.Progress.Guard.Outcome(o.TS, func(label int) bool { return e.rules.Guarded(label, o) })
}
