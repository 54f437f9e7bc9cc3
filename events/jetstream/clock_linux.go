package jetstream

import (
	"time"

	"golang.org/x/sys/unix"
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
