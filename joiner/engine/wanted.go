package engine

import (
	"iter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Commits are the commits of an output.
type Commits interface {
	// Last is the newest commit, with its receipt; ok is false before the first.
	Last() (cut joiner.Cut, receipt joiner.Receipt, ok bool)
	// Cuts lists all commits, oldest first.
	Cuts() iter.Seq2[joiner.Cut, error]
}

// Wanted is what a start wants of the logs. Recover acts by it; who only looks asks
// for it.
type Wanted struct {
	// Inputs is where reading begins; nil: wherever the logs begin. Each has the mark
	// of the newest message that was read.
	Inputs []events.Position
	// Rebuild says that the state is made again, from messages that were read before.
	Rebuild bool
	// Oldest and Decided are of a rebuild: no request stamped before Oldest is held,
	// and those stamped before Decided were decided.
	Oldest, Decided events.Time
	Clock           joiner.Clock // how far event time had come
}

// Want says what a start with these rules wants of the logs, with a state that
// stands as saved says, the zero Checkpoint if there is none. Of the inputs that are there
// it needs Name, Created and First.
func Want(rules *joiner.Rules, saved *state.Checkpoint, output Commits, there []Input) (Wanted, error) {
	cut, receipt, _ := output.Last()
	empty := len(saved.Progress.Inputs) == 0
	if receipt.Number == 0 && empty {
		return Wanted{Oldest: events.MinTime, Decided: events.MinTime, Clock: joiner.NewClock()}, nil
	}
	pending := saved.Pending
	completes := pending != nil && pending.Number == receipt.Number && pending.Nonce == cut.Nonce
	// A changed configuration needs no rebuild: where the log is not whole, the state
	// as it is will do.
	whole := !empty && saved.RulesHash != "" && saved.Format == stateFormat
	if receipt.Number == 0 || whole && (completes || saved.Progress.Commit >= receipt.Number) {
		return Wanted{Inputs: saved.Progress.Inputs, Oldest: events.MinTime, Decided: events.MinTime,
			Clock: saved.Progress.Clock}, nil
	}
	from, err := rebuildFrom(rules, output, &cut, func(from []events.Position) bool { return reach(there, from) })
	if err != nil {
		return Wanted{}, err
	}
	oldest, _ := dropped(rules, &cut)
	decided := cut.Progress.ClosedThrough
	if rules.Early || len(rules.Stages) > 0 { // rows may be there of every request
		decided = max(decided, cut.Progress.Clock.Seen[events.KindRequest].Add(1))
	}
	return Wanted{Inputs: from, Rebuild: true, Oldest: oldest, Decided: decided, Clock: cut.Progress.Clock}, nil
}

// guardFits reports whether a guard's state can go on under the rules.
func guardFits(rules *joiner.Rules, g *guard.Guard) bool {
	return g.Fits(rules.GuardRules()) || !g.Held.On() || rules.Guard.Patience <= 0
}
