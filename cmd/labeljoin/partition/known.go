package partition

import (
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// known is what the sources may ask of what was read and proven, now and before
// the joiner was started: by it they judge the broker's clock, and whether a
// subject is spelt right.
type known struct {
	stats func() engine.Stats
	start events.Time // no later than the true time was when the joiner ran last; MinTime: it never did
	heard [events.Kinds]bool
}

// knownAt is what is known at a start, by the state and by the newest commit. Of
// what was proven, lateness was taken off; it is put back if it is known how much
// that was.
func knownAt(c *config.Config, p *Partition, stats func() engine.Stats) *known {
	k := &known{stats: stats, start: events.MinTime}
	if saved := p.Store.Progress(); len(saved.Progress.Inputs) > 0 {
		clock := saved.Progress.Clock
		if saved.RulesHash == c.Fingerprint() {
			for kind := range clock.ReadThrough {
				clock.ReadThrough[kind] = clock.ReadThrough[kind].Add(c.Join.Lateness.Std())
			}
		}
		k.Add(&clock)
	}
	if cut, _, ok := p.Output.Last(); ok {
		k.Add(&cut.Progress.Clock)
	}
	return k
}

func (k *known) Add(c *joiner.Clock) {
	for kind := range c.Seen {
		k.start = max(k.start, c.Seen[kind], c.ReadThrough[kind])
		k.heard[kind] = k.heard[kind] || c.Seen[kind] != events.MinTime
	}
}

// time is the newest time that is known: one that a producer and the broker agreed
// on, or that was proven. It is MinTime before the first.
func (k *known) time() events.Time {
	t := k.start
	if s := k.stats(); s.Joining {
		c := &s.Progress.Clock
		for kind := range c.Seen {
			t = max(t, c.Seen[kind], c.ReadThrough[kind])
		}
	}
	return t
}

// hasHeard reports whether an event or a heartbeat of an input was ever read from a
// stream; kind is that of its events.
func (k *known) hasHeard(input, stream string, kind events.Kind) bool {
	stats := k.stats()
	clock := &stats.Progress.Clock
	if !stats.Joining || len(clock.Sources) == 0 {
		return k.heard[kind] || stats.Joining && clock.Seen[kind] != events.MinTime
	}
	for i := range clock.Sources {
		if c := &clock.Sources[i]; c.Name == engine.FeedName(input, stream) {
			return c.Seen != joiner.NewClock().Seen
		}
	}
	return false
}
