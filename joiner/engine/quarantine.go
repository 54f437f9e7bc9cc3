package engine

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Quarantine is what was set aside since the start because its time and the
// broker's time of it are too far apart.
type Quarantine struct {
	Future, Past int64         // events stamped after max_future, and before max_age
	Off          time.Duration // of the newest of them: its own time minus the broker's
}

// total is how many they are.
func (q *Quarantine) total() int64 { return q.Future + q.Past }

// sayQuarantined is how often the log tells of events that were set aside.
const sayQuarantined = time.Minute

// quarantined names the bound that a timestamp is out of. The broker's time of
// the message is part of the log, so the answer is too.
func (e *Engine) quarantined(ts, stored events.Time) string { return e.o.OutOfBounds(ts, stored) }

// OutOfBounds names the bound of MaxFuture and MaxAge that an event is out of which the
// broker stored at a time: it is quarantined. Empty: it is out of none.
func (o *Options) OutOfBounds(ts, stored events.Time) string {
	switch {
	case stored == events.MinTime:
		return ""
	case o.MaxFuture > 0 && ts > stored.Add(o.MaxFuture):
		return events.ReasonMaxFuture
	case o.MaxAge > 0 && ts < stored.Add(-o.MaxAge):
		return events.ReasonMaxAge
	}
	return ""
}

// hintOfUnit says in which unit an event that is out of a bound would be within all.
func (e *Engine) hintOfUnit(m *events.Message, data []byte) string {
	unit, ok := e.o.Decoders[m.Kind].OtherUnit(data, func(ts events.Time) bool {
		return e.quarantined(ts,
			m.Stored) == ""
	})
	if !ok {
		return ""
	}
	return "; as time_unit: " + unit + " it would be in order (inputs." + m.Kind.String() + "s.time_unit)"
}

// setAside counts an event that is out of a bound.
func (e *Engine) setAside(bound string, ts, stored events.Time) {
	if e.mode.rereads() {
		return // a rebuild: it was counted when it was read first
	}
	q := &e.quarantine
	if bound == events.ReasonMaxFuture {
		q.Future++
	} else {
		q.Past++
	}
	q.Off = ts.Sub(stored)
}

// logQuarantined says in the log, once a minute at most, that events were set
// aside. One event is one producer; many are a clock.
func (e *Engine) logQuarantined(now time.Time) {
	n := e.quarantine.total() - e.quarantineReported
	if n == 0 || !e.quarantineReportedAt.IsZero() && now.Sub(e.quarantineReportedAt) < sayQuarantined {
		return
	}
	e.quarantineReported, e.quarantineReportedAt = e.quarantine.total(), now
	e.o.Log.Warn("events are set aside, because their time and the broker's time of them are too far apart: a producer's clock or the broker's is wrong. "+
		"They are in the dead letters and in no row; set the clock right and publish them again",
		"events", n, "newest_off", e.quarantine.Off.Round(time.Second).String(),
		"max_future", e.o.MaxFuture.String(), "max_age", e.o.MaxAge.String())
}
