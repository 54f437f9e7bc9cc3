//go:build !linux

package jetstream

import "time"

// newElapsed returns a clock that no change of the wall clock moves.
func newElapsed() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
