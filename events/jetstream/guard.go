package jetstream

import (
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// clockGuard says how far the broker's clock is to be believed. A proof carries
// the broker's time, and time closes requests: a clock that is three hours ahead
// would turn every pending request into a negative.
//
// So the broker's time T is believed as far as something else bears it out. That
// is the bound: a time that is no later than the true one.
//
//   - known is the newest time on which two clocks agreed: the producer's, which
//     stamped an event, and the broker's, which stored it (joiner.Clock takes the
//     smaller of both). It is in the state and in every manifest, so that it holds
//     across restarts. A broker that is ahead does not move it, nor does one fast
//     producer. At a start it includes what earlier proofs have shown.
//   - It grows with the time that has elapsed here since it was learnt, by a clock
//     that cannot be set.
//   - The machine's own clock counts if its kernel says that it is synchronised,
//     minus the error that the kernel admits. An unsynchronised one counts for
//     nothing: with an embedded server it is the broker's clock.
//
// A proof moves a source to the smaller of T and the bound. When the broker jumps
// ahead, its jump is left out, and proofs go on at the pace of the true time. When
// it is set back, T is before what was proven, so that nothing moves until it has
// caught up. Clocks of the members of a cluster are one clock for this purpose:
// whichever answers is held against the same bound.
//
// After a start the bound lags behind the true time by how long the joiner was
// away, until an event or a heartbeat comes. That only delays. It cannot be told
// apart from a clock that was set ahead in the meantime.
type clockGuard struct {
	known  func() events.Time         // MinTime: nothing yet. nil: the first answer is believed
	synced func() (events.Time, bool) // the machine's clock, if it is synchronised

	bound events.Time   // no later than the true time was
	at    time.Duration // when elapsed stood here
}

// tolerated is how far the broker's time may be from the bound before it is said:
// well above the differences between the clocks of a cluster's members, and above
// what producers take to publish.
const tolerated = time.Minute

// admit returns how far the broker's time t, received when elapsed stood at at, is
// believed; MinTime is not at all. The hold says what is wrong with it.
func (g *clockGuard) admit(t events.Time, at time.Duration) (events.Time, events.Hold) {
	bound := g.advance(t, at)
	if bound == events.MinTime {
		return bound, events.Hold{} // no event was ever read, so nothing waits
	}
	switch off := t.Sub(bound); {
	case off > tolerated:
		return bound, events.Hold{Reason: holdClockAhead, Detail: fmt.Sprintf(
			"the broker's clock says %s, %v ahead of the newest time that an event or a synchronised clock bears out. "+
				"Until one does, silence is believed up to %v ago by that clock; "+
				"check the broker's clock, and if it is right, publish an event or a heartbeat", t, off.Round(time.Second), off.Round(time.Second))}
	case off < -tolerated:
		return t, events.Hold{Reason: holdClockBehind, Detail: fmt.Sprintf(
			"the broker's clock says %s, %v behind the time that it and others have shown before. "+
				"Silence proves nothing until it has caught up: set the broker's clock right. If it is right, it and a producer's were ahead together before: "+
				"events are late or expired until it has caught up, and a replay has their rows", t, (-off).Round(time.Second))}
	}
	return min(t, bound), events.Hold{}
}

// advance brings the bound to a moment.
func (g *clockGuard) advance(t events.Time, at time.Duration) events.Time {
	if g.bound != events.MinTime && at > g.at {
		g.bound = g.bound.Add(at - g.at)
	}
	g.at = at
	switch {
	case g.known != nil:
		g.bound = max(g.bound, g.known())
	case g.bound == events.MinTime:
		g.bound = t
	}
	if g.bound == events.MinTime {
		return g.bound
	}
	if now, ok := g.synced(); ok {
		g.bound = max(g.bound, now)
	}
	return g.bound
}
