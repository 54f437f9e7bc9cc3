package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Clock is the join's clock. It knows event time only: the largest timestamp
// of each source and how far each is proven to be read.
//
// Invariant: a watermark never goes back.
type Clock struct {
	Seen   [events.Kinds]events.Time // largest timestamp seen; MinTime before the first
	Proven [events.Kinds]events.Time // everything before it is proven read; MinTime if nothing is
}

// NewClock returns a clock that has seen nothing.
func NewClock() Clock {
	c := Clock{}
	for k := range c.Seen {
		c.Seen[k], c.Proven[k] = events.MinTime, events.MinTime
	}
	return c
}

// Observe records an event or heartbeat of a source.
func (c *Clock) Observe(k events.Kind, ts events.Time) { c.Seen[k] = max(c.Seen[k], ts) }

// Prove records that every event of a source with ts before t has been read.
func (c *Clock) Prove(k events.Kind, t events.Time) { c.Proven[k] = max(c.Proven[k], t) }

// Source is one source's watermark.
func (c *Clock) Source(k events.Kind, lateness time.Duration) events.Time {
	return max(c.Seen[k].Add(-lateness), c.Proven[k])
}

// Watermark is the minimum over the sources. It says: every event with ts
// before it has been read.
func (c *Clock) Watermark(lateness time.Duration) events.Time {
	return min(c.Source(events.KindRequest, lateness), c.Source(events.KindOutcome, lateness))
}
