package joiner

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Clock is the join's clock. It knows event time only: the largest timestamp
// of each source and how far each is proven to be read.
//
// Invariant: a watermark never goes back.
type Clock struct {
	Seen [events.Kinds]events.Time // largest timestamp seen of a kind; MinTime before the first
	// ReadThrough is the time before which every event of a kind is proven read; MinTime if
	// nothing is. Where a kind has several sources, it is the least of theirs.
	ReadThrough [events.Kinds]events.Time `json:"Proven"`
	// Sources tells the sources apart. It is empty until Fit was told of them.
	Sources []SourceClock `json:",omitempty"`
}

// SourceClock is how far one source has come: one input, as far as one stream holds it.
type SourceClock struct {
	Name        string             // of the input and its stream; no other source has it
	Kinds       [events.Kinds]bool // which kinds of events it may bring
	Seen        [events.Kinds]events.Time
	ReadThrough [events.Kinds]events.Time `json:"Proven"`
}

// Brings reports whether a source brings events of any kind; one that is retired does not.
func (s *SourceClock) Brings() bool { return s.Kinds != [events.Kinds]bool{} }

// NewClock returns a clock that has seen nothing.
func NewClock() Clock {
	c := Clock{}
	for k := range c.Seen {
		c.Seen[k], c.ReadThrough[k] = events.MinTime, events.MinTime
	}
	return c
}

// IsNew reports whether the clock has seen nothing, and nothing is proven.
func (c *Clock) IsNew() bool {
	empty := NewClock()
	return c.Seen == empty.Seen && c.ReadThrough == empty.ReadThrough
}

// Clone copies the clock, so that neither copy sees what the other is told.
func (c *Clock) Clone() Clock {
	d := *c
	d.Sources = slices.Clone(c.Sources)
	return d
}

// Fit makes the clock one of the given sources, whose clocks are ignored. A source that
// is known of a kind stays where it is. One that is not begins where its kind had come to, so that
// no watermark goes back; from there on it has to be heard of itself.
//
// They are told apart, too, where each kind has one: what is known of the kind may be of another that was there before.
func (c *Clock) Fit(sources []SourceClock, lateness time.Duration) {
	fitted := make([]SourceClock, len(sources))
	for i, s := range sources {
		at := slices.IndexFunc(c.Sources, func(old SourceClock) bool { return old.Name == s.Name })
		for k := range s.Seen {
			if at >= 0 && c.Sources[at].Kinds[k] {
				s.Seen[k], s.ReadThrough[k] = c.Sources[at].Seen[k], c.Sources[at].ReadThrough[k]
				continue
			}
			s.Seen[k], s.ReadThrough[k] = events.MinTime, c.Source(events.Kind(k), lateness)
		}
		fitted[i] = s
	}
	c.Sources = fitted
	for k := range events.Kind(events.Kinds) {
		c.ReadThrough[k] = max(c.ReadThrough[k], c.leastRead(k))
	}
}

// Observe records an event or heartbeat of a kind that has one source.
func (c *Clock) Observe(k events.Kind, ts events.Time) { c.Seen[k] = max(c.Seen[k], ts) }

// ObserveAt records an event or heartbeat of a source, by its place among the sources.
func (c *Clock) ObserveAt(source int, k events.Kind, ts events.Time) {
	c.Seen[k] = max(c.Seen[k], ts)
	if source < len(c.Sources) {
		s := &c.Sources[source]
		s.Seen[k] = max(s.Seen[k], ts)
	}
}

// MarkRead records that every event of a kind with ts before t has been read, of all its
// sources.
func (c *Clock) MarkRead(k events.Kind, t events.Time) {
	c.ReadThrough[k] = max(c.ReadThrough[k], t)
	for i := range c.Sources {
		s := &c.Sources[i]
		s.ReadThrough[k] = max(s.ReadThrough[k], t)
	}
}

// MarkReadAt records that every event of a kind and a source with ts before t has been
// read.
func (c *Clock) MarkReadAt(source int, k events.Kind, t events.Time) {
	if source >= len(c.Sources) {
		c.ReadThrough[k] = max(c.ReadThrough[k], t)
		return
	}
	s := &c.Sources[source]
	s.ReadThrough[k] = max(s.ReadThrough[k], t)
	c.ReadThrough[k] = max(c.ReadThrough[k], c.leastRead(k))
}

func (c *Clock) leastRead(k events.Kind) events.Time {
	least, any := events.MaxTime, false
	for i := range c.Sources {
		if s := &c.Sources[i]; s.Kinds[k] {
			least, any = min(least, s.ReadThrough[k]), true
		}
	}
	if !any {
		return events.MinTime
	}
	return least
}

// Source is the watermark of a kind: the least of its sources.
func (c *Clock) Source(k events.Kind, lateness time.Duration) events.Time {
	w := max(c.Seen[k].Add(-lateness), c.ReadThrough[k])
	for i := range c.Sources {
		if s := &c.Sources[i]; s.Kinds[k] {
			w = min(w, s.watermark(k, lateness))
		}
	}
	return w
}

// Hindmost is the source that holds the watermark of a kind back, if another one has
// come further; ok is false if none does.
func (c *Clock) Hindmost(k events.Kind, lateness time.Duration) (s SourceClock, ok bool) {
	furthest := events.MinTime
	for i := range c.Sources {
		if !c.Sources[i].Kinds[k] {
			continue
		}
		w := c.Sources[i].watermark(k, lateness)
		if s.Name == "" || w < s.watermark(k, lateness) {
			s = c.Sources[i]
		}
		furthest = max(furthest, w)
	}
	return s, s.Name != "" && s.watermark(k, lateness) < furthest
}

func (s *SourceClock) watermark(k events.Kind, lateness time.Duration) events.Time {
	return max(s.Seen[k].Add(-lateness), s.ReadThrough[k])
}

// Watermark is the minimum over the kinds. It says: every event with ts
// before it has been read.
func (c *Clock) Watermark(lateness time.Duration) events.Time {
	return min(c.Source(events.KindRequest, lateness), c.Source(events.KindOutcome, lateness))
}
