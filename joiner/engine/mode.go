package engine

import (
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// mode says what a run is at present. It decides what closes, what is told and what is
// kept, so that nothing else has to ask why the engine runs.
type mode uint8

const (
	// modeLive closes requests as time goes on.
	modeLive mode = iota
	// modeReplay reads logs whole before anything closes.
	modeReplay
	// modeReplayed has read them: everything closes.
	modeReplayed
	// modeRebuild reads a log again up to a commit. Nothing closes; what was written,
	// told and set aside stays so.
	modeRebuild
)

// closes reports whether time closes anything.
func (m mode) closes() bool { return m == modeLive || m == modeReplayed }

// rereads reports whether what is read has been read before: dead letters, the label
// stream and what is counted for people were done then.
func (m mode) rereads() bool { return m == modeRebuild }

// live reports whether gaps may be declared meanwhile, and state is to last: a replay
// is told its gaps, and its state goes with it.
func (m mode) live() bool { return m == modeLive }

// enter makes the engine run in a mode, with all that follows from it. The state may be another one from
// here on: a rebuild that was broken off leaves the one that was.
func (e *Engine) enter(m mode) {
	e.cool()
	e.mode = m
	e.machine.Early = m == modeLive && e.rules.Early
	e.labels.disabled = m.rereads() || e.o.Publisher == nil
}

// rulesOf are the rules of a run that begins in a mode: a replay has read everything
// before anything closes, so that there is nothing to guard, nor any row to write early.
func rulesOf(m mode, rules joiner.Rules) joiner.Rules {
	if !m.live() {
		rules.Guard, rules.Early, rules.Stages = guard.Config{}, false, nil
	}
	return rules
}
