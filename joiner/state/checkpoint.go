// Package state says how the state of a join is kept: the checkpoint that it stands at, and the views that a commit is
// staged from. The engine and the store share it, and neither imports the other.
package state

import (
	"iter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Checkpoint is the part of the state that says where it stands. The store keeps it as JSON,
// so a field that is renamed keeps its name there: see TestNamesOfTheCheckpoint.
type Checkpoint struct {
	Format    int // of what the rules remember: see stateFormat
	Progress  joiner.Progress
	Receipt   joiner.Receipt // of the last finished commit
	Committed events.Time    // requests stamped before it are in a commit
	// Staged is the same for each of the rules' stages: of requests stamped before it a commit
	// has the rows of that stage, or needs none.
	Staged    []events.Time `json:",omitempty"`
	Forgotten events.Time   // none is held that is stamped before it: scans begin here
	Orphaned  events.Time   // and of the waiting outcomes, here
	RulesHash string
	// Edits says that of the outcomes that have one outcome_id all are held, and not only what
	// counts where they are copies: see joiner.SameLast.
	Edits    bool              `json:",omitempty"`
	MaxEvent events.Time       // largest timestamp of any event read
	From     []events.Position // where the last finished commit was cut
	Pending  *PendingCut       // cut, and not known to be committed

	// Anew bounds the requests of which more may have been told on the label stream than
	// the state knows: those stamped at or before it. MaxTime: all, see Engine.anew.
	Anew events.Time `json:",omitempty"`

	// Moved are outcomes that may have other requests now: see Moved. The slice is replaced,
	// never changed.
	Moved []Moved `json:",omitempty"`

	// Orphans were booked when they came, and no finished commit says whose they were.
	Orphans joiner.Orphans `json:",omitempty"`

	// How many rows of the outbox, and how many dead letters, commits hold.
	RowsCommitted uint64 `json:"Unwritten"`
	DeadLetters   uint64
	Gaps          int // and of Progress.Gaps
}

// Moved are the outcomes of a key that named no request, stamped From..To, both included: a
// request that came late, or changed, may have some of them.
type Moved struct {
	Key      []byte
	From, To events.Time
}

// PendingCut is a commit that was begun.
type PendingCut struct {
	Number  uint64
	Nonce   string
	Through events.Time // requests stamped before it and at or after Checkpoint.Committed are its base rows
	// Staged bounds likewise the rows of each stage, the longer windows of which have not ended.
	Staged      []events.Time `json:",omitempty"`
	RowsQueued  uint64        `json:"Unwritten"` // the rows of the outbox up to this number are in it
	DeadLetters uint64        // and the dead letters up to this one
	Orphaned    events.Time   // waiting outcomes stamped before it are orphans
	Forgotten   events.Time   // requests stamped before it are dropped after it
	// labels whose windows reach past it are incomplete; MaxTime but at the end of a replayed log
	Known events.Time
	// Orphans are those of Checkpoint.Orphans that it says.
	Orphans joiner.Orphans `json:",omitempty"`
}

// Forget is what Store.Forget drops.
type Forget struct {
	Cut      PendingCut
	Orphaned events.Time         // what waited and is stamped before is gone already
	Orphans  []joiner.RequestKey // the waiting outcomes dropped, each under the time until which it waited
}

// View is a stable picture of the state. It may be read by another goroutine
// than the store's.
type View interface {
	// Closing lists the requests stamped from..to, to excluded, in order of
	// (ts, id), late ones left out.
	Closing(from, to events.Time) iter.Seq2[*Closing, error]
	// Outbox lists the rows of the outbox up to a number, with their requests.
	Outbox(through uint64) iter.Seq2[*joiner.QueuedRow, error]
	Request(p joiner.RequestKey) (joiner.StoredRequest, bool, error)
	DeadLetters(through uint64) iter.Seq2[*events.DeadLetter, error]
	// Orphans lists the outcomes that wait until from..to, to excluded.
	Orphans(from, to events.Time) iter.Seq2[Orphan, error]
	// Requests lists the requests stamped from..to, to excluded.
	Requests(from, to events.Time) iter.Seq2[joiner.RequestKey, error]
	// Histories lists those of them that have a history: they were written early, or corrected.
	Histories(from, to events.Time) iter.Seq2[joiner.RequestKey, error]
	// Stored lists the same requests with their events.
	Stored(from, to events.Time) iter.Seq2[Stored, error]
	// Sync returns when what the view shows survives a power failure.
	Sync() error
	Close() error
}

// Stored is a request that the state holds.
type Stored struct {
	Key     joiner.RequestKey
	Request joiner.StoredRequest
}

// Orphan is an outcome whose request has not come. It is good until the next
// one is asked for.
type Orphan struct {
	RequestID string
	Outcome   joiner.StoredOutcome
}

// Closing is a request about to be written, good until the next one is asked
// for.
type Closing struct {
	Key     joiner.RequestKey
	Request joiner.StoredRequest
	History joiner.History // zero if there is none
	// Outcome gives its outcomes one by one, in Order, each good until the next
	// one is asked for; nil after the last.
	Outcome func() (*joiner.StoredOutcome, error)
}
