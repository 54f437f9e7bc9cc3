package monitor

import (
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// holdBySilence is the reason when one input of several keeps the rows of all waiting.
const holdBySilence = "silent_input"

// silentAfter is how far an input is behind the others of its kind, in event time, when
// people are told: less is usual while it is read.
const silentAfter = time.Minute

// silentInputs are the holds by inputs that are behind others which bring events of the
// same kind, by what is held. lateness is the join's.
func silentInputs(clock *joiner.Clock, lateness time.Duration) map[string]events.Hold {
	found := map[string]events.Hold{}
	for k := range events.Kind(events.Kinds) {
		s, behind := clock.Hindmost(k, lateness)
		if !behind {
			continue
		}
		furthest, last := events.MinTime, max(s.Seen[k].Add(-lateness), s.ReadThrough[k])
		for i := range clock.Sources {
			if other := &clock.Sources[i]; other.Kinds[k] {
				furthest = max(furthest, other.Seen[k].Add(-lateness), other.ReadThrough[k])
			}
		}
		if last != events.MinTime && furthest.Sub(last) < silentAfter {
			continue
		}
		said := "nothing has been read of it yet"
		if last != events.MinTime {
			said = "it is read up to " + last.String()
		}
		found["input "+s.Name] = events.Hold{Reason: holdBySilence, Detail: fmt.Sprintf(
			"%s, and another input of %ss up to %s: rows wait for the one that is behind. Does its producer work? Its events, a heartbeat, or the broker's word that nothing is pending release them",
			said, k, furthest)}
	}
	return found
}

// sourceStatus is how far one input is read, where several bring events of one kind.
type sourceStatus struct {
	Input     string `json:"input"`
	Kind      string `json:"kind"`
	Watermark string `json:"watermark"`
	Seen      string `json:"last_event"`
}

// AddSources says how far each input is read, where several bring events of one kind.
// lateness is the join's.
func (s *Status) AddSources(stats *engine.Stats, lateness time.Duration) {
	for i := range stats.Progress.Clock.Sources {
		c := &stats.Progress.Clock.Sources[i]
		for k, has := range c.Kinds {
			if has {
				s.Sources = append(s.Sources, sourceStatus{
					Input: c.Name, Kind: events.Kind(k).String(),
					Watermark: max(c.Seen[k].Add(-lateness), c.ReadThrough[k]).String(), Seen: c.Seen[k].String(),
				})
			}
		}
	}
}
