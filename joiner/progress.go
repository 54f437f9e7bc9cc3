package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Position is how far one input log has been read: everything before message
// Next, and the first Skip events of that message.
type Position struct {
	Input   string      `json:"input"`             // stream (or file) name
	Created events.Time `json:"created,omitempty"` // when the stream was created: its identity
	Next    uint64      `json:"next"`              // sequence of the next message, from 1
	Skip    uint32      `json:"skip,omitempty"`    // events of it already consumed
	Mark    events.Mark `json:"mark,omitzero"`     // of the last message read whole
}

// Progress is where a partition stands: what has been read, what time it is,
// what has closed, and the books. The state keeps it with every batch, the
// manifest at every commit.
type Progress struct {
	Commit        uint64      // the last commit that is included
	Inputs        []Position  // one per input log
	Clock         Clock       // event time
	ClosedThrough events.Time // requests with ts before it have closed
	Announced     events.Time // and of those, these are on the label stream; the same if there is none
	Ledger        Ledger
	Guard         Guard
	Gaps          []Gap `json:",omitempty"` // declared and taken in; the slice is replaced, never changed
}

// Watermark is the joiner's: every event with ts before it has been read, and
// the guard believes it.
func (p *Progress) Watermark(lateness time.Duration) events.Time {
	return min(p.Clock.Watermark(lateness), p.Guard.Bound())
}
