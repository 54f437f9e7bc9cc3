package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
)

// sayRefused is how often the log tells of events that were rejected for one
// reason. What was rejected is looked at more often, so that the first one is
// said at once.
const (
	sayRefused  = time.Minute
	lookRefused = time.Second
)

// Refused counts what went to the dead letters since the start, and says it in
// the log, calmly.
type Refused struct {
	log *slog.Logger
	dir string // where the dead letters are

	mu     sync.Mutex
	counts map[refusal]*refusedCount
	newest []events.DeadLetter // oldest first, with the beginnings of their data
}

// How many of the newest are kept to be shown, and how many bytes of each.
const (
	refusedKept  = 50
	refusedBytes = 1000
)

// refusal is why events of a kind are rejected.
type refusal struct {
	kind   events.Kind
	reason string
}

type refusedCount struct {
	n, told int64
	toldAt  time.Time // zero: never
	detail  string    // of the newest
	input   string
	seq     uint64
}

// NewRefused returns a counter that has counted nothing.
func NewRefused(c *config.Config, log *slog.Logger) *Refused {
	return &Refused{log: log, dir: c.Output.Below("deadletter"), counts: map[refusal]*refusedCount{}}
}

// Add implements engine.Options.Refused.
func (r *Refused) Add(d *events.DeadLetter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusal{d.Kind, d.Reason}
	c := r.counts[key]
	if c == nil {
		c = &refusedCount{}
		r.counts[key] = c
	}
	c.n++
	c.detail, c.input, c.seq = d.Detail, d.Input, d.Origin.Seq
	if len(r.newest) == refusedKept {
		r.newest = slices.Delete(r.newest, 0, 1)
	}
	kept := *d
	kept.Data, kept.Header = slices.Clone(d.Data[:min(len(d.Data), refusedBytes)]), nil
	r.newest = append(r.newest, kept)
}

// Newest are the newest that were rejected since the start, newest first, with the beginnings of
// their data.
func (r *Refused) Newest() []events.DeadLetter {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.newest)
	slices.Reverse(out)
	return out
}

// Watch says what was rejected until ctx ends.
func (r *Refused) Watch(ctx context.Context) {
	ticker := time.NewTicker(lookRefused)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		r.say(time.Now(), ctx.Err() != nil)
	}
}

// say tells of each reason for which more was rejected since it was told last,
// if that was a minute ago; at the end of all.
func (r *Refused) say(now time.Time, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range r.reasons() {
		c := r.counts[key]
		if c.n == c.told || key.quarantined() || !last && !c.toldAt.IsZero() && now.Sub(c.toldAt) < sayRefused {
			continue
		}
		r.log.Warn("events were rejected: they are in the dead letters and in no row", "kind", key.kind.String(), "reason",
			key.reason,
			"events", c.n-c.told, "since_start", c.n, "newest", c.detail, "input", c.input, "message", c.seq, "dead_letters", r.dir)
		c.told, c.toldAt = c.n, now
	}
}

// quarantined reports whether the engine tells of it itself, with the clocks.
func (k refusal) quarantined() bool { return k.reason == "max_future" || k.reason == "max_age" }

// reasons are all there were, in a fixed order.
func (r *Refused) reasons() []refusal {
	return slices.SortedFunc(maps.Keys(r.counts), func(a, b refusal) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return strings.Compare(a.reason, b.reason)
	})
}

// deadLetterStatus is what the status says of dead letters since the start.
type deadLetterStatus struct {
	Dir     string           `json:"dir"`
	Reasons map[string]int64 `json:"reasons"` // by kind and reason, like outcome.not_json
}

// Status is nil if nothing was rejected.
func (r *Refused) Status() *deadLetterStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.counts) == 0 {
		return nil
	}
	s := &deadLetterStatus{Dir: r.dir, Reasons: map[string]int64{}}
	for key, c := range r.counts {
		s.Reasons[key.kind.String()+"."+key.reason] = c.n
	}
	return s
}

// String says it in words.
func (s *deadLetterStatus) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Reasons)) {
		parts = append(parts, fmt.Sprintf("%d %s", s.Reasons[name], name))
	}
	return strings.Join(parts, ", ") + " since the start; they are in " + s.Dir
}
