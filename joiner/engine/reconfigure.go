package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// OtherLogError says that reading the log again did not give what was committed.
type OtherLogError struct {
	Requests, Outcomes int64         // pending, by the log
	Committed          joiner.Ledger // what the commit's books say
}

// Error implements error.
func (e *OtherLogError) Error() string {
	k := &e.Committed.Kinds
	return fmt.Sprintf("the log does not give what was committed: %d requests and %d outcomes should be pending, reading it again gives %d and %d: %s",
		k[events.KindRequest].Pending, k[events.KindOutcome].Pending, e.Requests, e.Outcomes, e.Unwrap())
}

// Unwrap is the error of the books.
func (e *OtherLogError) Unwrap() error { return &BooksError{Ledger: e.Committed} }

// Incomplete is as of a TrimmedError.
func (e *OtherLogError) Incomplete() string {
	k := &e.Committed.Kinds
	return fmt.Sprintf("of %d requests and %d outcomes that are pending the streams still have %d and %d",
		k[events.KindRequest].Pending, k[events.KindOutcome].Pending, e.Requests, e.Outcomes)
}

// ReconfigureError says why a changed configuration cannot be applied. The state is
// as it was, and goes on under the configuration that made it.
type ReconfigureError struct {
	Lacks string // what the log lacks, so that the state cannot be rebuilt from it
	State error  // why it cannot be changed as it is
}

// Error implements error.
func (e *ReconfigureError) Error() string {
	return fmt.Sprintf("the changed configuration cannot be applied: the state cannot be rebuilt from the log (%s), and cannot be changed as it is: %s. "+
		"Nothing was changed: put the configuration back and the joiner goes on; or begin anew, with other state and output directories", e.Lacks, e.State)
}

// Refusal reports that a person has to decide.
func (e *ReconfigureError) Refusal() bool { return true }

// Unwrap is what is the matter with the state.
func (e *ReconfigureError) Unwrap() error { return e.State }

// reconfigure applies a changed configuration: to a state that is rebuilt from the
// log or, where the log no longer holds all that it needs, to the state as it is.
// The rebuild comes first, because only the log has what the old configuration
// rejected or forgot.
func (e *Engine) reconfigure(ctx context.Context, cut *joiner.Cut, r joiner.Receipt) error {
	before := e.checkpoint
	e.o.Log.Info("the configuration changed: rebuilding the state from the log; it applies to requests that close from here on")
	var err error
	if r.Number > 0 {
		err = e.holdsWhatWasRead(ctx, cut.Progress.Inputs, &cut.Progress.Ledger, &before.Progress)
	}
	if err == nil {
		err = e.rebuild(ctx, cut, r, true)
	}
	lacks := lacking(err)
	if lacks == "" || ctx.Err() != nil {
		return err
	}
	if err := e.o.Store.Restore(); err != nil {
		return err
	}
	e.checkpoint, e.lacking = before, false
	if e.mode.live() {
		e.rules.Gaps = before.Progress.Gaps
	}
	e.o.Log.Warn("the log no longer holds what a rebuild needs: the changed configuration is applied to the state as it is; what was forgotten stays so",
		"because", lacks)
	if err := e.convert(ctx); err != nil {
		return &ReconfigureError{Lacks: lacks, State: err}
	}
	return nil
}

// errDeclaredLost says that the log lacks messages, as was declared.
var errDeclaredLost = errors.New("messages that a rebuild would read were declared lost")

// lacking is what a log lacks, if an error is about that; else nothing. The errors
// of sources say it of themselves.
func lacking(err error) string {
	if errors.Is(err, errDeclaredLost) {
		return err.Error()
	}
	if of, ok := errors.AsType[interface {
		error
		Incomplete() string
	}](err); ok {
		return of.Incomplete()
	}
	return ""
}

// beginAgain reads the log from where reading it began, with no commit made yet.
func (e *Engine) beginAgain(ctx context.Context) error {
	if err := e.sameInputs(e.checkpoint.From); err != nil {
		return err
	}
	begun, read := e.withNew(e.checkpoint.From), e.checkpoint.Progress
	read.Inputs = e.withNew(read.Inputs)
	if err := e.lacksRetired(begun, read.Inputs); err != nil {
		return err
	}
	for i := range begun {
		if first := e.o.Inputs[i].First; first > max(begun[i].Next, 1) {
			return &TrimmedError{Input: begun[i].Input, First: first, Need: begun[i].Next}
		}
	}
	if err := e.holdsWhatWasRead(ctx, begun, &joiner.Ledger{}, &read); err != nil {
		return err
	}
	if err := e.o.Store.Reset(); err != nil {
		return err
	}
	e.checkpoint = e.o.Store.Progress()
	if err := e.begin(ctx); err != nil {
		return err
	}
	return e.o.Store.Adopt()
}

// convert makes the state one of the configuration as it is now, in one batch. What
// it holds are the events as they were read, which the new rules decide when their
// requests close. Only what was written already is held as decided.
//
// What the old configuration has forgotten stays so: Checkpoint.Forgotten and
// Checkpoint.Orphaned bound what the new one remembers, however long its memory.
func (e *Engine) convert(ctx context.Context) error {
	if rows, _ := e.o.Store.Queued(); rows > e.checkpoint.RowsCommitted {
		return errors.New("it has rows that no commit holds yet: start the joiner once more with the configuration as it was and stop it by SIGTERM, which commits them")
	}
	if e.rules.SameID == joiner.SameLast && !e.checkpoint.Edits {
		return errors.New("outcomes.same_id: last needs all outcomes of one outcome_id, and of some only the one that counted was kept")
	}
	if err := e.readsTheSame(); err != nil {
		return err
	}
	v := e.o.Store.View()
	for p, err := range v.Histories(e.checkpoint.Forgotten, events.MaxTime) {
		if err == nil {
			err = e.redecide(p)
		}
		if err != nil {
			return errors.Join(err, v.Close())
		}
	}
	if err := v.Close(); err != nil {
		return err
	}
	former, err := e.formerThrough()
	if err == nil {
		err = e.restoreFormer(e.checkpoint.Forgotten, former, nil)
	}
	if err == nil {
		e.checkpoint.Staged = nil // the windows may be others
		err = e.restoreStaged(true, nil)
	}
	if err != nil {
		return err
	}
	e.checkpoint.Progress.Guard = guard.New(e.rules.GuardRules(), &e.checkpoint.Progress.Guard)
	e.checkpoint.RulesHash, e.checkpoint.Edits = e.o.RulesHash, e.rules.SameID == joiner.SameLast
	return e.flush(ctx, true)
}

// redecide says anew how the rows of a request stand of which something was written
// early or again, as a rebuild would.
func (e *Engine) redecide(p joiner.RequestKey) error {
	x, err := e.loadAll(p)
	closed := p.TS < e.checkpoint.Committed
	if x == nil || err != nil || closed && !x.History.Closed { // of that the files tell: see restoreFormer
		return err
	}
	if err := e.machine.Redecide(x, closed); err != nil {
		return err
	}
	e.o.Store.PutHistory(p, &x.History)
	return nil
}

// readsTheSame checks that every event that is held is read by the decoders as they
// are now as it was read when it came: else it would stand in another place.
func (e *Engine) readsTheSame() error {
	v := e.o.Store.View()
	for p, err := range v.Requests(e.checkpoint.Forgotten, events.MaxTime) {
		if err == nil {
			err = e.readsRequest(p)
		}
		if err != nil {
			return errors.Join(err, v.Close())
		}
	}
	for orphan, err := range v.Orphans(e.checkpoint.Orphaned, events.MaxTime) {
		if err == nil {
			err = e.readsOutcome(orphan.RequestID, &orphan.Outcome)
		}
		if err != nil {
			return errors.Join(err, v.Close())
		}
	}
	return v.Close()
}

func (e *Engine) readsRequest(p joiner.RequestKey) error {
	stored, history, _, err := e.o.Store.Get(p)
	if err != nil {
		return err
	}
	if e.rules.Merge && len(stored.Copies) > 0 {
		return fmt.Errorf("duplicates: merge needs all events of request %q, and only the one that counted was kept", p.ID)
	}
	earliest := events.MaxTime
	for i := range stored.Pieces {
		h := &stored.Pieces[i]
		if h.LateSeq > history.LastBeforeClose() { // it came late, and the request stays where it closed
			continue
		}
		scan, err := e.o.Decoders[events.KindRequest].ScanRequest([]byte(h.Data))
		if err != nil {
			return fmt.Errorf("request %q (message %d) was accepted, and would be rejected now: %w", p.ID, h.Origin.Seq, err)
		}
		earliest = min(earliest, scan.TS)
	}
	if earliest != p.TS {
		return fmt.Errorf("request %q was stamped %s, and would be stamped %s now", p.ID, p.TS, earliest)
	}
	for h, err := range e.o.Store.Outcomes(p) {
		if err == nil {
			err = e.readsOutcome(p.ID, &h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) readsOutcome(id string, h *joiner.StoredOutcome) error {
	data := h.Data
	if joiner.IsUnnamed(id) {
		var err error
		if _, data, err = joiner.ReadUnnamed(data); err != nil {
			return err
		}
	}
	o, err := e.o.Decoders[events.KindOutcome].DecodeStored(data)
	switch {
	case err != nil:
		return fmt.Errorf("an outcome of request %q (message %d) was accepted, and would be rejected now: %w", id,
			h.Origin.Seq, err)
	case o.TS != h.TS:
		return fmt.Errorf("an outcome of request %q (message %d) was stamped %s, and would be stamped %s now", id,
			h.Origin.Seq, h.TS, o.TS)
	}
	return nil
}
