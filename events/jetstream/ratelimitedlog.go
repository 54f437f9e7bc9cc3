package jetstream

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// rateLimitedLog logs a recurring trouble at most once a minute, so that an outage of
// hours is a page of log and not a disk of it.
type rateLimitedLog struct {
	log     *slog.Logger
	elapsed func() time.Duration

	mu       sync.Mutex
	loggedAt map[string]time.Duration // when each message was last logged
}

const repeatEvery = time.Minute

func newRateLimitedLog(log *slog.Logger, elapsed func() time.Duration) *rateLimitedLog {
	return &rateLimitedLog{log: log, elapsed: elapsed, loggedAt: map[string]time.Duration{}}
}

// warn logs unless the same message was logged within the last minute.
// Messages are constants, so the map stays small.
func (c *rateLimitedLog) warn(message string, args ...any) {
	now := c.elapsed()
	c.mu.Lock()
	last, before := c.loggedAt[message]
	speak := !before || now-last >= repeatEvery
	if speak {
		c.loggedAt[message] = now
	}
	c.mu.Unlock()
	if speak {
		c.log.Warn(message, args...)
	}
}

// reset makes the next message be logged again, whatever it is.
func (c *rateLimitedLog) reset() {
	c.mu.Lock()
	clear(c.loggedAt)
	c.mu.Unlock()
}

// orSilent spares every caller the question whether there is a logger.
func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// backoff is how long to wait before attempt n+1, n from 0: 100 ms, doubling up
// to 5 s.
func backoff(n int) time.Duration {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	return min(first<<min(n, 10), longest)
}

// pause waits before attempt n+1. It returns ctx's error if that comes first.
func pause(ctx context.Context, n int) error {
	timer := time.NewTimer(backoff(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
