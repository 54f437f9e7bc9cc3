package joiner

import "github.com/labeljoin/labeljoin/events"

// Place is where the state keeps a request: by the timestamp it was closed
// under, then by id.
type Place struct {
	TS events.Time
	ID string
}

// HeldRequest is a request in the state.
type HeldRequest struct {
	Late   bool // it arrived after it should have closed, and was written at once
	Pieces []HeldPiece
	Copies [][32]byte // hashes of the different copies that lost to a piece
}

// HeldPiece is an event of a request, as it was read.
type HeldPiece struct {
	Origin events.Origin
	Round  uint32 // 0: it came before the close; n: it was the n-th late event
	Data   string
}

// HeldOutcome is an outcome in the state. TS, ID and Hash place it in Order.
type HeldOutcome struct {
	Origin events.Origin
	Round  uint32 // as of a HeldPiece
	TS     events.Time
	ID     string
	Hash   [32]byte
	Data   []byte
}

// History is what the state remembers of a request that was written early or
// corrected; of all others it can be derived.
type History struct {
	Round   uint32 // late events so far
	Settled bool   // what was written early has been compared with the close
	Rows    []Standing
}

// Unwritten is a row that no commit holds yet and that cannot be derived from
// its request's close: early, corrected or late.
type Unwritten struct {
	Place Place
	Round uint32 // which pieces of the request it was made of: those up to it
	Item  string // empty for a row of the whole request
	Row   Row    // Row.Item is meaningless here
}
