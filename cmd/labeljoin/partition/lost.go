package partition

import (
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// NewLostTimes reads events as a configuration says, those of each log; now is the time of
// this machine, MinTime if it is not to count.
func NewLostTimes(c *config.Config, logs []jetstream.Log, now events.Time) ([]LostTimes, error) {
	options, feeds, err := wire.Reading(c)
	if err != nil {
		return nil, err
	}
	inputs := wire.Inputs(logs, feeds)
	times := make([]LostTimes, len(logs))
	for i := range logs {
		times[i] = LostTimes{Input: &inputs[i], Options: &options, Now: now}
	}
	return times, nil
}

// LostTimes says of which times the events were that a stream has lost. When their
// neighbours were stored does not tell: the broker's clock may have been wrong, before,
// after or all along, and events of yesterday may have been published today.
type LostTimes struct {
	Input   *engine.Input // of the stream
	Options *engine.Options
	Now     events.Time // of this machine
}

// Span is the earliest and the latest time that a lost event may have, late events left
// out; from is before lateness is taken off. It is wide where the clocks disagree: a
// label that is unknown without need is no harm, and a 0 for a lost click is one.
//
// An event that was not late is not stamped before the newest event before it, and not
// after the first that follows. reached is how far event time had come where the stream was last
// read, for losses before which no event can be read; MaxTime if that is not known.
func (l *LostTimes) Span(loss *jetstream.Loss, reached events.Time) (from, to events.Time) {
	from, to = loss.From, loss.To
	if seen, ok := l.newest(loss.Before); ok {
		reached = seen
	}
	if from = min(from, reached); reached != events.MaxTime {
		to = max(to, reached)
	}
	if loss.After == nil { // they came before now, and one more than max_future ahead of the broker is no event
		return from, max(to, min(l.Now, to.Add(l.Options.MaxFuture)))
	}
	return from, l.End(loss.After, to)
}

// End is the latest time that an event may have which came before a message: when the
// broker stored that, or a later time of its events. nil: its events are not known.
func (l *LostTimes) End(next *events.Message, stored events.Time) events.Time {
	end := stored
	if next != nil {
		l.each(next, func(_ events.Kind, ts events.Time) { end = max(end, ts) })
	}
	return end
}

// newest is the newest time of an event in messages, of the kind whose newest is the
// oldest: as far as event time had surely come.
func (l *LostTimes) newest(messages []events.Message) (t events.Time, ok bool) {
	var seen [events.Kinds]events.Time
	for k := range seen {
		seen[k] = events.MinTime
	}
	for i := range messages {
		m := &messages[i]
		l.each(m, func(k events.Kind, ts events.Time) { seen[k] = max(seen[k], min(ts, m.Stored)) })
	}
	t = events.MaxTime
	for _, ts := range seen {
		if ts != events.MinTime {
			t, ok = min(t, ts), true
		}
	}
	return t, ok
}

// each calls f with the events of a message that are none for the dead letters.
func (l *LostTimes) each(m *events.Message, f func(events.Kind, events.Time)) {
	jsonevent.EachOf(l.Input.CodecOf(m), &l.Options.Decoders[m.Kind], m, func(_ uint32, d events.Decoded) bool {
		if d.Reject != nil {
			return true
		}
		ts, _, err := l.Options.Decoders[d.Kind].Stamp(d.Kind, d.Data)
		if err == nil && l.Options.OutOfBounds(ts, m.Stored) == "" {
			f(d.Kind, ts)
		}
		return true
	})
}
