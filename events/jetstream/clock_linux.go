package jetstream

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/labeljoin/labeljoin/events"
)

// newElapsed returns a clock that no change of the wall clock moves. It goes on
// while the machine is suspended, which Go's monotonic clock does not: after a
// night's sleep of a laptop the broker's clock has not jumped, ours has slept.
func newElapsed() func() time.Duration {
	start := time.Now()
	return func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return time.Since(start)
		}
		return time.Duration(ts.Nano())
	}
}

// synchronised is the machine's time at the least, if its kernel says that the
// clock is synchronised: it is not before NTP has answered, nor after a person has
// set the clock by hand.
func synchronised() (events.Time, bool) {
	const (
		timeError = 5      // the state that adjtimex returns for an unsynchronised clock
		staUnsync = 0x40   // the status bit that says the same
		staNano   = 0x2000 // the time is in nanoseconds, not in microseconds
	)
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == timeError || t.Status&staUnsync != 0 {
		return events.MinTime, false
	}
	fraction := time.Duration(t.Time.Usec)
	if t.Status&staNano == 0 {
		fraction *= time.Microsecond
	}
	now := events.Time(t.Time.Sec * int64(time.Second)).Add(fraction)
	return now.Add(-time.Duration(t.Maxerror) * time.Microsecond), true
}
