package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// OutputBehindError says that the state knows of commits that the output does
// not hold: the output was restored from an older copy, or is another one.
type OutputBehindError struct{ State, Output uint64 }

// Error implements error.
func (e *OutputBehindError) Error() string {
	return fmt.Sprintf("the state has made %d commits, the output directory holds %d: the output is older than the state. "+
		"Either restore the newer output, or delete the partition's state (the folder p0000 in state.dir; an embedded server's streams beside it are the log and must stay): it is then rebuilt from the log, and what the output lacks is written again", e.State, e.Output)
}

// Refusal reports that a person has to decide.
func (e *OutputBehindError) Refusal() bool { return true }

// ForeignOutputError says that the newest commit of the output is not the one
// that the state made.
type ForeignOutputError struct{ Number uint64 }

// Error implements error.
func (e *ForeignOutputError) Error() string {
	return fmt.Sprintf("commit %d of the output directory was not made from this state: state and output do not belong together. "+
		"Check state.dir and output.dir; or delete the partition's state (the folder p0000 in state.dir; an embedded server's streams beside it are the log and must stay), and it is rebuilt from the log to go on where the output ends", e.Number)
}

// Refusal reports that a person has to decide.
func (e *ForeignOutputError) Refusal() bool { return true }

// TrimmedError says that a log has lost messages that a rebuild needs.
type TrimmedError struct {
	Input       string
	First, Need uint64
}

// Incomplete says what the log lacks, and that it is not another log: what a state
// has of it is still right.
func (e *TrimmedError) Incomplete() string {
	return fmt.Sprintf("stream %q begins at message %d, and is needed from %d", e.Input, e.First, e.Need)
}

// Error implements error.
func (e *TrimmedError) Error() string {
	return fmt.Sprintf("the state is gone or does not fit, and cannot be rebuilt: stream %q begins at message %d, the rebuild needs it from %d. "+
		"Restore a newer copy of the state directory; or begin anew with an empty output directory, and what the log no longer holds is not joined", e.Input, e.First, e.Need)
}

// Refusal reports that a person has to decide.
func (e *TrimmedError) Refusal() bool { return true }

// recover brings state and output together, whatever a crash, a restored copy
// or a changed configuration left. "Recovery" in store/FORMAT.md has the table.
func (e *Engine) recover(ctx context.Context) error {
	e.checkpoint = e.o.Store.Progress()
	e.checkpoint.Progress.Inputs = slices.Clone(e.checkpoint.Progress.Inputs)
	if e.mode.live() {
		e.rules.Gaps = e.checkpoint.Progress.Gaps
	}
	cut, receipt, _ := e.o.Output.Last()
	empty := len(e.checkpoint.Progress.Inputs) == 0
	switch pending := e.checkpoint.Pending; {
	case empty && receipt.Number == 0:
		return e.begin(ctx)
	case empty:
		e.o.Log.Info("no state: rebuilding it from the log", "commits", receipt.Number)
		return e.rebuild(ctx, &cut, receipt, false)
	case e.checkpoint.Format != stateFormat && receipt.Number >= e.checkpoint.Progress.Commit:
		e.o.Log.Info("the state was written by another version of labeljoin: rebuilding it from the log")
		return e.rebuild(ctx, &cut, receipt, false)
	case pending != nil && pending.Number == receipt.Number && pending.Nonce == cut.Nonce:
		if err := e.complete(ctx, pending, &cut, receipt); err != nil {
			return err
		}
	case e.checkpoint.Progress.Commit > receipt.Number:
		return &OutputBehindError{State: e.checkpoint.Progress.Commit, Output: receipt.Number}
	case e.checkpoint.Progress.Commit < receipt.Number:
		e.o.Log.Info("the state is older than the output: rebuilding it from the log",
			"state", e.checkpoint.Progress.Commit, "output", receipt.Number)
		return e.rebuild(ctx, &cut, receipt, false)
	case e.checkpoint.Receipt != receipt:
		return &ForeignOutputError{Number: receipt.Number}
	}
	e.checkpoint.Pending = nil // what was cut and not committed is cut again, from here
	if err := e.sameInputs(e.checkpoint.Progress.Inputs); err != nil {
		return err
	}
	e.checkpoint.Progress.Inputs = e.withNew(e.checkpoint.Progress.Inputs)
	e.fitClock()
	if e.mode.live() {
		declared, err := e.o.Output.Declared()
		if err != nil {
			return err
		}
		e.acceptLost(e.checkpoint.Progress.Inputs, declared)
	}
	switch {
	case e.checkpoint.RulesHash == "":
		e.o.Log.Info("a rebuild was broken off: rebuilding the state from the log")
		return e.rebuild(ctx, &cut, receipt, false)
	case e.checkpoint.RulesHash != e.o.RulesHash || !e.fitGuard():
		return e.reconfigure(ctx, &cut, receipt)
	}
	return e.flush(ctx, false)
}

// begin starts a partition that has neither state nor output.
func (e *Engine) begin(ctx context.Context) error {
	e.checkpoint.RulesHash, e.checkpoint.Format = e.o.RulesHash, stateFormat
	e.checkpoint.Edits = e.rules.SameID == joiner.SameLast
	if e.mode.live() {
		e.rules.Gaps = nil
	}
	e.checkpoint.Progress.Gaps = e.rules.Gaps
	e.checkpoint.Progress.Guard = guard.New(e.rules.GuardRules(), &guard.Guard{})
	e.checkpoint.Progress.Inputs = e.beginnings()
	e.checkpoint.From = slices.Clone(e.checkpoint.Progress.Inputs)
	e.fitClock()
	return e.flush(ctx, true)
}

// beginnings are the first positions of all inputs.
func (e *Engine) beginnings() []events.Position {
	at := make([]events.Position, len(e.o.Inputs))
	for i := range e.o.Inputs {
		at[i] = events.Position{Input: e.o.Inputs[i].Name, Created: e.o.Inputs[i].Created, Next: max(1, e.o.Inputs[i].First)}
	}
	return at
}

// sameInputs reports an error if some input that was read is not there any more, or
// stands in another place. There may be new ones after them.
func (e *Engine) sameInputs(had []events.Position) error {
	have := e.beginnings()
	same := func(a, b events.Position) bool { return a.Input == b.Input }
	if len(had) <= len(have) && slices.EqualFunc(had, have[:len(had)], same) {
		return nil
	}
	return &InputsError{Had: InputNames(had), Have: InputNames(have)}
}

// withNew adds the beginnings of inputs that have no position yet.
func (e *Engine) withNew(at []events.Position) []events.Position {
	if len(at) >= len(e.o.Inputs) {
		return at
	}
	more := e.beginnings()[len(at):]
	for i := range more {
		if e.o.Inputs[len(at)+i].retired {
			more[i].Next = 1 // where it was begun is not known
		}
	}
	return append(slices.Clip(at), more...)
}

// InputNames are the inputs of positions.
func InputNames(positions []events.Position) []string {
	out := make([]string, len(positions))
	for i := range positions {
		out[i] = positions[i].Input
	}
	return out
}

// complete finishes a commit whose manifest was created before the crash.
func (e *Engine) complete(ctx context.Context, pending *state.PendingCut, cut *joiner.Cut, r joiner.Receipt) error {
	f := inflightCommit{cut: *pending, at: e.checkpoint, view: e.o.Store.View()}
	err := e.stager().forgotten(&f)
	if err := errors.Join(err, f.view.Close()); err != nil {
		return err
	}
	e.o.Store.Forget(f.forget)
	e.committed(pending, cut, r)
	return e.flush(ctx, false)
}

// rebuild reads the log up to where a commit was cut and makes the state that
// stood there: the log up to a point and the commit's bounds determine what is
// pending and what is remembered. Nothing is written for what the commit and
// those before it hold. With no commit yet, it is a beginning.
//
// Invariant: the state that was is not touched before the new one is whole, and
// then replaced in one step. Whole says that the state that was is good, and not to
// be replaced by one that lacks what was declared lost.
func (e *Engine) rebuild(ctx context.Context, cut *joiner.Cut, r joiner.Receipt, whole bool) error {
	if r.Number == 0 {
		return e.beginAgain(ctx)
	}
	if err := e.sameInputs(cut.Progress.Inputs); err != nil {
		return err
	}
	declared, err := e.o.Output.Declared()
	if err != nil {
		return err
	}
	from, err := rebuildFrom(e.rules, e.o.Output, cut, e.reaches)
	if err != nil {
		return err
	}
	left, books, err := e.leftOut(from)
	if err != nil {
		return err
	}
	from, until := e.withNew(from), e.withNew(slices.Clone(cut.Progress.Inputs))
	leaps := e.acceptLost(from, declared)
	leapt := slices.ContainsFunc(leaps, func(g *events.Gap) bool { return g != nil })
	if e.lacking = leapt || mayLack(from, until, declared); e.lacking && whole {
		return errDeclaredLost
	}
	if err := e.lacksRetired(from, until); err != nil {
		return err
	}
	if !whole {
		if err := e.lacksPast(cut); err != nil {
			return err
		}
	}
	for i := range from {
		if leaps[i] != nil && !wentOn(leaps[i], &from[i], cut, &until[i]) {
			until[i] = from[i]
		}
		if first := e.o.Inputs[i].First; coveredTo(declared, from[i].Input, from[i].Created, from[i].Next) < first {
			return &TrimmedError{Input: from[i].Input, First: first, Need: from[i].Next}
		}
	}
	if err := e.o.Store.Reset(); err != nil {
		return err
	}
	e.checkpoint = e.o.Store.Progress()
	e.checkpoint.Progress.Inputs = from
	e.fitClock()
	e.checkpoint.Progress.Guard = guard.New(e.rules.GuardRules(), &cut.Progress.Guard)
	if e.pace, err = e.newPace(len(from)); err != nil {
		return err
	}
	was := e.mode
	e.enter(modeRebuild)
	err = e.join(ctx, until)
	if errors.Is(err, io.EOF) {
		if err = e.lacksLeftOut(left, eventsRead(&cut.Progress.Ledger)-eventsRead(&books)); err == nil && !whole {
			err = e.leftPast(cut)
		}
		err = errors.Join(err, e.attributeRebuilt(ctx, cut))
	}
	e.enter(was)
	e.pace = nil
	if err != nil {
		return err
	}
	if err := e.adoptCommit(ctx, cut, r, until, e.acceptedNow(cut, &books)); err != nil {
		return err
	}
	return e.o.Store.Adopt()
}

// reaches reports whether all logs still hold what lies behind positions.
func (e *Engine) reaches(from []events.Position) bool { return reach(e.o.Inputs, from) }

// reach reports whether inputs still hold what lies behind positions in them.
func reach(inputs []Input, from []events.Position) bool {
	for i := range from {
		if i >= len(inputs) || from[i].Input != inputs[i].Name || from[i].Created != inputs[i].Created ||
			inputs[i].First > from[i].Next {
			return false
		}
	}
	return true
}

// rebuildFrom is where reading may begin to make the state of a commit: the latest
// commit before which everything is forgotten at cut, or where the first commit
// began. A log is known by the newest message that cut has read of it.
//
// An outcome that is still held may have been disposed of by a request that is not
// any more. So that it does not wait for one again, reading begins earlier by the
// longest window, if the logs reach back so far; reaches says so, and is nil if that is
// not known.
func rebuildFrom(rules *joiner.Rules, output Commits, cut *joiner.Cut,
	reaches func([]events.Position) bool) ([]events.Position, error) {
	_, needed := dropped(rules, cut)
	wanted := needed.Add(-rules.Longest()).Add(-rules.ClockSkew)
	var from []events.Position
	for c, err := range output.Cuts() {
		if err != nil {
			return nil, err
		}
		if from == nil {
			from = c.From
		}
		if c.MaxEvent >= needed || c.Number >= cut.Number || reaches != nil && c.MaxEvent >= wanted && reaches(from) {
			break
		}
		from = c.Progress.Inputs
	}
	from = slices.Clone(from)
	for i := range from {
		if read := &cut.Progress.Inputs[i]; from[i].Created == read.Created {
			from[i].Mark = read.Mark
		}
	}
	return from, nil
}

// dropped is what is not held after a commit: requests stamped before the one
// time, waiting outcomes before the other. Under a configuration with shorter
// windows than the commit's, what was open then is held nevertheless.
func dropped(rules *joiner.Rules, cut *joiner.Cut) (requests, outcomes events.Time) {
	w := cut.Progress.Watermark(rules.Lateness)
	requests = min(rules.ForgottenThrough(w), cut.Progress.ClosedThrough, cut.Progress.PublishedThrough)
	return requests, min(rules.OrphanedThrough(w), requests.Add(-rules.ClockSkew))
}

// adoptCommit makes the events read so far the state of a commit. Reading goes on
// at the positions given. accepted is how many events of each kind were rejected when the commit was made.
func (e *Engine) adoptCommit(ctx context.Context, cut *joiner.Cut, r joiner.Receipt, at []events.Position,
	accepted [events.Kinds]int64) error {
	s := &e.checkpoint
	guard := s.Progress.Guard // what the log says; the commit has the rest
	guard.Backfilled, guard.OnTime = cut.Progress.Guard.Backfilled, cut.Progress.Guard.OnTime
	s.Progress = cut.Progress
	e.fitClock()
	s.Progress.Guard, s.Gaps, e.rules.Gaps = guard, len(cut.Progress.Gaps), cut.Progress.Gaps
	s.Progress.Inputs = at
	s.Committed = cut.Progress.ClosedThrough
	s.Staged = e.stagedBy(cut)
	// Without the rules' hash it is a state to be rebuilt: it has one when nothing
	// is missing any more.
	s.Receipt, s.RulesHash, s.MaxEvent = r, "", cut.MaxEvent
	s.Format, s.Anew, s.Edits = stateFormat, events.MaxTime, e.rules.SameID == joiner.SameLast
	s.From = slices.Clone(cut.Progress.Inputs)
	requests, orphans := dropped(e.rules, cut)
	if err := e.forget(requests, orphans); err != nil {
		return err
	}
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	if err := e.recount(ctx, accepted); err != nil {
		return err
	}
	former, err := e.formerThrough()
	if err != nil {
		return err
	}
	if err := e.restoreFormer(requests, former, func() error { return e.flush(ctx, false) }); err != nil {
		return err
	}
	if err := e.restoreWritten(requests, former); err != nil {
		return err
	}
	if err := e.restoreStaged(false, func() error { return e.flush(ctx, false) }); err != nil {
		return err
	}
	s.RulesHash = e.o.RulesHash
	return e.flush(ctx, true)
}

// forget drops what a commit's bounds say is gone.
func (e *Engine) forget(requests, orphans events.Time) error {
	e.cool()
	f := inflightCommit{cut: state.PendingCut{Forgotten: requests, Orphaned: orphans}, at: e.checkpoint,
		view: e.o.Store.View()}
	err := e.stager().forgotten(&f)
	e.o.Store.Forget(f.forget)
	e.checkpoint.Forgotten = e.o.Store.ForgetRequests(e.checkpoint.Forgotten, requests, math.MaxInt)
	e.checkpoint.Orphaned = orphans
	return errors.Join(err, f.view.Close())
}
