package engine

import (
	"iter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Store is the join's state: a cache of the log, with everything that is not
// yet disposed of or still remembered. It is used by one goroutine, except for
// the Views it gives out.
//
// Invariant: what Apply writes together is found together or not at all, and a
// prefix of the applied writes survives any crash; a synced one survives whole.
type Store interface {
	// Progress is where the state stands, as of the last Apply.
	Progress() state.Checkpoint
	// Find appends where a request of this id is held. More than one is possible
	// when an id is used again: what is forgotten goes with a commit.
	Find(found []joiner.Found, id string) ([]joiner.Found, error)
	// Get reads a request, and its history: zero, if the request was neither written early nor corrected. ok is false
	// if no request is held there.
	Get(p joiner.RequestKey) (r joiner.StoredRequest, h joiner.History, ok bool, err error)
	// Outcomes reads the outcomes held for a request, in Order.
	Outcomes(p joiner.RequestKey) iter.Seq2[joiner.StoredOutcome, error]
	// OutcomeCount is how many outcomes are held for an id, waiting or not.
	OutcomeCount(id string) int
	// HasWaiting reports whether an outcome without its request may be held for
	// an id, and Waiting reads those that wait until from..to, to excluded.
	HasWaiting(id string) bool
	Waiting(id string, from, to events.Time) ([]joiner.StoredOutcome, error)
	// Queued are the numbers of the newest row that waits in the outbox, and of the newest dead letter: 0 before
	// the first.
	Queued() (rows, deadLetters uint64)
	// Closable reports whether any request stamped from..to, to excluded, is held.
	Closable(from, to events.Time) (bool, error)
	// Orphaned reports the same of the waiting outcomes.
	Orphaned(from, to events.Time) (bool, error)

	// Dirty reports whether the batch being written touches an id. HasWaiting and
	// OutcomeCount know of what it writes at once, the others only after Apply.
	Dirty(id string) bool

	// The writes of a batch. AddRequest adds one of which nothing is held, as it
	// was read; data must stay as it is until Apply.
	AddRequest(p joiner.RequestKey, at events.Origin, data []byte)
	PutRequest(p joiner.RequestKey, r *joiner.StoredRequest)
	PutOutcome(p joiner.RequestKey, o *joiner.StoredOutcome)
	DeleteOutcome(p joiner.RequestKey, o *joiner.StoredOutcome)
	PutWaiting(id string, o *joiner.StoredOutcome)
	DeleteWaiting(id string, o *joiner.StoredOutcome)
	PutHistory(p joiner.RequestKey, h *joiner.History)
	QueueRow(u *joiner.QueuedRow)
	// Move takes what was applied of a request to another timestamp: its outcomes, its history and its rows in the
	// outbox. The request itself is not held at the old one any more, and the caller puts it at the new one.
	Move(from, to joiner.RequestKey) error
	AddDeadLetter(d *events.DeadLetter)
	// Apply commits the batch with the progress it leads to. Not synced, it may
	// be lost by a power failure, as a whole, with all that came after it.
	Apply(s *state.Checkpoint, sync bool) error

	// View is a stable picture of the applied state for staging a commit.
	View() state.View
	// Forget drops what a finished commit holds, and the outcomes that it found no
	// request for, as part of a batch that holds nothing else so far: Apply makes it so.
	Forget(f state.Forget)
	// ForgetRequests drops requests stamped from..to, to excluded, with all that is
	// held of them, also as part of such a batch. When it has about so many it stops,
	// and says at which time: that is where Checkpoint.Forgotten is now.
	ForgetRequests(from, to events.Time, about int) (through events.Time)
	// Reset begins an empty state beside the one there is, which is what a crash and
	// a stop leave, until Adopt puts the new one in its place. Restore gives the new one
	// up. Both do nothing without a Reset before.
	Reset() error
	Adopt() error
	Restore() error
}

// stateFormat is the form of what the state remembers for the rules. A state of another
// one is rebuilt from the log.
const stateFormat = 1
