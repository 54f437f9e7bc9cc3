package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// Progress is where a partition stands: what has been read, what time it is,
// what has closed, and the books. The state keeps it with every batch, the
// manifest at every commit.
type Progress struct {
	Commit        uint64            // the last commit that is included
	Inputs        []events.Position // one per input log
	Clock         Clock             // event time
	ClosedThrough events.Time       // requests with ts before it have closed
	Announced     events.Time       // and of those, these are on the label stream; the same if there is none
	Ledger        Ledger
	Guard         guard.Guard
	Gaps          []events.Gap `json:",omitempty"` // declared and taken in; the slice is replaced, never changed
}

// Watermark is the joiner's: every event with ts before it has been read, and
// the guard believes it.
func (p *Progress) Watermark(lateness time.Duration) events.Time {
	return min(p.Clock.Watermark(lateness), p.Guard.Bound())
}
