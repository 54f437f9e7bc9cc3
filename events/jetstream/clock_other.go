//go:build !linux

package jetstream

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// newElapsed returns a clock that no change of the wall clock moves.
func newElapsed() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// synchronised knows nothing of the machine's clock here.
func synchronised() (events.Time, bool) { return events.MinTime, false }
