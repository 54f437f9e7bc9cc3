package ingest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// sayEvery is how often the log tells of one thing. What is new is said at once.
const (
	sayEvery = time.Minute
	lookAt   = time.Second
	mostKeys = 1000 // different things between two looks
)

// notices are things to be said in the log, each once a minute at most, with how often they
// happened. The zero value has nothing to say.
type notices struct {
	mu   sync.Mutex
	seen map[string]*notice
}

type notice struct {
	n, logged int64
	loggedAt  time.Time // zero: never
	text      string
	args      []any // of the newest
}

// add notes that something happened n times. The key tells it from other things.
func (l *notices) add(key, text string, n int64, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]*notice{}
	}
	one := l.seen[key]
	if one == nil {
		if len(l.seen) >= mostKeys {
			return
		}
		one = &notice{}
		l.seen[key] = one
	}
	one.n += n
	one.text, one.args = text, args
}

// watch says what happened until ctx ends.
func (l *notices) watch(ctx context.Context, log *slog.Logger, now func() time.Time) {
	ticker := time.NewTicker(lookAt)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		l.say(log, now(), ctx.Err() != nil)
	}
}

// say tells of what happened again since it was told last, if that was a minute ago; at the
// end of all.
func (l *notices) say(log *slog.Logger, now time.Time, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(l.seen)) {
		one := l.seen[key]
		if one.n == one.logged || !last && !one.loggedAt.IsZero() && now.Sub(one.loggedAt) < sayEvery {
			continue
		}
		log.Warn(one.text, append(slices.Clone(one.args), "times", one.n-one.logged, "since_start", one.n)...)
		one.logged, one.loggedAt = one.n, now
	}
}
