package events

import (
	"math"
	"time"
)

// Time is an instant of event time: nanoseconds since the Unix epoch, UTC. It
// covers the years 1678 to 2262. Comparisons are exact.
type Time int64

// The ends of time. MinTime doubles as "nothing seen yet" and MaxTime as "the
// log has ended"; neither is a valid timestamp of an event.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64
)

// FromStd converts t. It is false for what Time does not cover.
func FromStd(t time.Time) (Time, bool) { return fromParts(t.Unix(), int64(t.Nanosecond())) }

// At is FromStd of a time that is clamped to the nearer end of time: of a clock, or of a time
// that was computed. What a person wrote is refused where it does not fit: ParseTime, ParseDay.
func At(t time.Time) Time {
	if exact, ok := FromStd(t); ok {
		return exact
	}
	if t.Unix() < 0 {
		return MinTime
	}
	return MaxTime
}

// Add returns t+d and saturates: adding to an end of time stays there, and a
// sum past an end is that end.
func (t Time) Add(d time.Duration) Time {
	if t == MinTime || t == MaxTime {
		return t
	}
	sum := t + Time(d)
	switch {
	case d > 0 && sum < t:
		return MaxTime
	case d < 0 && sum > t:
		return MinTime
	}
	return sum
}

// Sub returns t-u, saturating at the longest duration either way.
func (t Time) Sub(u Time) time.Duration {
	diff := t - u
	switch {
	case t > u && diff < 0:
		return math.MaxInt64
	case t < u && diff > 0:
		return math.MinInt64
	}
	return time.Duration(diff)
}

// Micros is the number of the microsecond that t lies in, since the Unix epoch: the unit of times in files of rows.
func (t Time) Micros() int64 {
	n := int64(t) / 1000
	if int64(t)%1000 < 0 {
		n--
	}
	return n
}

// Microsecond is the beginning of the microsecond that t lies in, which is what a file says of t. MinTime, MaxTime
// and what lies within a microsecond of MinTime stay as they are.
func (t Time) Microsecond() Time {
	if t < MinTime+1000 || t == MaxTime {
		return t
	}
	return Time(t.Micros() * 1000)
}

// Std converts to the standard library's time, in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// String prints RFC 3339 with as many fractional digits as are needed.
func (t Time) String() string {
	switch t {
	case MinTime:
		return "-inf"
	case MaxTime:
		return "+inf"
	}
	return t.Std().Format(time.RFC3339Nano)
}
