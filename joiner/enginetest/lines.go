package enginetest

import (
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Lines begins a history that is written by hand: its events arrive in the
// order in which they are added, each stored at its own timestamp.
func Lines(rules joiner.Rules) History { return History{Rules: rules} }

// At is a time after the history's beginning.
func (h *History) At(after time.Duration) events.Time { return start.Add(after) }

// Event adds an event, at a time after the history's beginning.
func (h *History) Event(kind events.Kind, at time.Duration, format string, args ...any) {
	ts := start.Add(at)
	h.Events = append(h.Events, Arrival{Kind: kind, TS: ts, At: ts, Data: fmt.Appendf(nil, format, args...)})
}

// Request adds a request without items.
func (h *History) Request(at time.Duration, id string, args ...any) {
	h.Event(events.KindRequest, at, `{"request_id":%q,"ts":%d}`, fmt.Sprintf(id, args...), start.Add(at))
}

// Click adds an outcome of type click that concerns the whole request.
func (h *History) Click(at time.Duration, id string, args ...any) {
	h.Event(events.KindOutcome, at, `{"request_id":%q,"ts":%d,"type":"click"}`, fmt.Sprintf(id, args...), start.Add(at))
}

// Heartbeats adds one of each kind.
func (h *History) Heartbeats(at time.Duration) {
	for k := range events.Kind(events.Kinds) {
		h.Events = append(h.Events, heartbeat(k, start.Add(at)))
	}
}

// End adds heartbeats that close everything, and make orphans of what waits.
func (h *History) End() {
	last, r := events.MinTime, &h.Rules
	for _, e := range h.Events {
		last = max(last, e.At)
	}
	last = last.Add(2*r.Longest() + r.Retention() + 2*r.ClockSkew + r.Lateness + time.Second)
	for k := range events.Kind(events.Kinds) {
		h.Events = append(h.Events, heartbeat(k, last))
	}
}

// LastOutcome is the largest timestamp of the outcomes and of the heartbeats
// among them, each at most the time at which it was stored; MinTime without any.
func LastOutcome(set []Arrival) events.Time {
	last := events.MinTime
	for _, e := range set {
		if e.Kind == events.KindOutcome {
			last = max(last, min(e.TS, e.At))
		}
	}
	return last
}
