package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// RequestKey is where the state keeps a request: by the timestamp it was closed
// under, then by id.
type RequestKey struct {
	TS events.Time
	ID string
}

// Found is a request that the state holds.
type Found struct {
	Key  RequestKey
	Late bool // it arrived after it should have closed
}

// StoredRequest is a request in the state.
type StoredRequest struct {
	Late   bool // it arrived after it should have closed, and was written at once
	Pieces []StoredPiece
	Copies [][32]byte // hashes of the different copies that lost to a piece
}

// bytes is how many bytes the request's events have.
func (r *StoredRequest) bytes() int {
	n := 0
	for i := range r.Pieces {
		n += len(r.Pieces[i].Data)
	}
	return n
}

// StoredPiece is an event of a request, as it was read.
type StoredPiece struct {
	Origin  events.Origin
	LateSeq uint32 // as of History: 0 if nothing was written of the request before it
	Data    string
}

// StoredOutcome is an outcome in the state. TS, ID and Hash place it in Order.
type StoredOutcome struct {
	Origin  events.Origin
	LateSeq uint32 // as of a StoredPiece; LateSeqBeyond: it came too late to count
	// Booked says that it is counted elsewhere: with another request of its id, which it
	// was taken for when it came.
	Booked bool
	// Gone says that the request has it no more since it closed: it counts for the rows of
	// the close, and for none after.
	Gone bool
	// Until is the time under which one is held that waits for its request: see Fact.
	Until events.Time
	TS    events.Time
	ID    string
	Hash  [32]byte
	Data  []byte
}

// History is what the state remembers of a request that was written early or
// corrected, or of which the label stream was told what is no more so; of all others
// it can be derived.
//
// LateSeq numbers what is known of a request. An event that comes after a row was
// written and changes what rows are made of has the next number. So a row in the outbox
// names the number that it was decided at, and is made of the events up to it.
type History struct {
	LateSeq uint32 // the newest
	// Base is the last LateSeq before the close, once Closed says that what was
	// written early has been compared with the close. Until then it is LateSeq.
	Base   uint32
	Closed bool
	Rows   []RowState // that were written early, or all of them once Closed
	// Retracted are positives that the label stream was told of and that are none
	// any more. The close says so where no row does.
	Retracted []LabelRef
}

// LastBeforeClose is the last LateSeq before the close.
func (h *History) LastBeforeClose() uint32 {
	if h.Closed {
		return h.Base
	}
	return h.LateSeq
}

// lateEvents is how many events were taken in since the close. Those that came before it
// are none, whether or not a row was written by then.
func (h *History) lateEvents() uint32 { return h.LateSeq - h.LastBeforeClose() }

// corrected reports whether a row was written anew after its request closed, which
// was told; kept says whether the close itself wrote it, and base is the revision that it gave.
func (h *History) corrected(item string, kept bool, base uint32) bool {
	at := slices.IndexFunc(h.Rows, func(s RowState) bool { return s.Item == item })
	return at >= 0 && h.Closed && (h.Rows[at].Revision > base || h.Rows[at].Written && !kept)
}

// LabelRef is a label of a row, by its item.
type LabelRef struct {
	Item  string // empty for a row of the whole request
	Label int    // index in the rules
}

// QueuedRow is a row that no commit holds yet and that cannot be derived from
// its request's close: early, corrected or late.
type QueuedRow struct {
	Key     RequestKey
	LateSeq uint32 // which pieces of the request it was made of: those up to it
	Item    string // empty for a row of the whole request
	Row     Row    // Row.Item is meaningless here
}
