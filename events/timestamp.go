package events

import (
	"fmt"
	"math"
	"time"
)

// ParseTime reads an RFC 3339 timestamp. Any offset will do, "+0000" without
// the colon too, and t and z in lower case. Digits of a second beyond the ninth
// are cut off. A leap second (:60) is refused, since int64 nanoseconds since
// the epoch have no place for it, and so is what Time does not cover.
func ParseTime(text string) (Time, error) {
	if t, ok := ParseRFC3339([]byte(text)); ok {
		return t, nil
	}
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return 0, beyond(text)
	}
	return 0, fmt.Errorf("%.64q is no time: write it in RFC 3339, like 2024-06-04T19:02:41.998Z", text)
}

// ParseDay reads a day, like 2024-06-04, as its beginning in UTC. The day in which Time begins
// begins there. A day that Time does not cover is refused.
func ParseDay(text string) (Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("%.64q is no day: write it like 2026-11-23", text)
	}
	t := max(At(day), MinTime+1)
	if t.Std().Format(time.DateOnly) != text {
		return 0, beyond(text)
	}
	return t, nil
}

// ParseTimeOrDay is ParseTime, or ParseDay of a text that is a day.
func ParseTimeOrDay(text string) (Time, error) {
	if len(text) == len(time.DateOnly) {
		return ParseDay(text)
	}
	t, err := ParseTime(text)
	if err != nil {
		return 0, fmt.Errorf("%w, or as a day, like 2026-11-23", err)
	}
	return t, nil
}

func beyond(text string) error {
	return fmt.Errorf("%.64q is beyond what a time can be here, which is from %s to %s", text, MinTime+1, MaxTime-1)
}

// ParseRFC3339 is ParseTime of bytes, without an error to allocate.
func ParseRFC3339(b []byte) (Time, bool) {
	if len(b) < len("2006-01-02T15:04:05Z") {
		return 0, false
	}
	if b[4] != '-' || b[7] != '-' || b[10]|0x20 != 't' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	year := digits2(b[0:])*100 + digits2(b[2:])
	month, day := digits2(b[5:]), digits2(b[8:])
	hour, minute, second := digits2(b[11:]), digits2(b[14:]), digits2(b[17:])
	// A pair that is not two digits is hugely negative, and so is what it adds to.
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	nanos, rest, ok := parseFraction(b[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	seconds := daysSinceEpoch(year, month, day)*86400 + int64(hour*3600+minute*60+second) - int64(offset)
	return fromParts(seconds, nanos)
}

// parseFraction reads the fraction of a second, if there is one, and returns
// what follows it.
func parseFraction(b []byte) (nanos int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	i := 1
	for scale := int64(100_000_000); i < len(b) && isDigit(b[i]); i++ {
		nanos += int64(b[i]-'0') * scale
		scale /= 10 // reaches 0 after nine digits, which cuts the rest off
	}
	return nanos, b[i:], i > 1
}

// parseOffset reads Z, +hh:mm or +hhmm, in seconds east of UTC.
func parseOffset(b []byte) (seconds int, ok bool) {
	switch {
	case len(b) == 1 && b[0]|0x20 == 'z':
		return 0, true
	case len(b) == 6 && b[3] == ':':
		seconds, ok = offsetOf(b[1:], b[4:])
	case len(b) == 5:
		seconds, ok = offsetOf(b[1:], b[3:])
	default:
		return 0, false
	}
	switch b[0] {
	case '+':
		return seconds, ok
	case '-':
		return -seconds, ok
	}
	return 0, false
}

func offsetOf(hours, minutes []byte) (seconds int, ok bool) {
	h, m := digits2(hours), digits2(minutes)
	return h*3600 + m*60, h >= 0 && h <= 23 && m >= 0 && m <= 59
}

// digits2 is the number that the first two bytes spell, or far below zero.
func digits2(b []byte) int {
	if !isDigit(b[0]) || !isDigit(b[1]) {
		return -1 << 20
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSinceEpoch counts days in the proleptic Gregorian calendar from
// 1970-01-01, for years from 1 on. It is days_from_civil of Howard Hinnant's
// "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that
// the leap day comes last.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64(era*146097+dayOfEra) - 719468
}

// fromParts adds seconds and nanoseconds. What int64 cannot hold is refused,
// and so are the ends of time, which are no timestamps.
func fromParts(seconds, nanos int64) (Time, bool) {
	const second, most = 1_000_000_000, math.MaxInt64 / 1_000_000_000
	if seconds > most || seconds < -most-1 {
		return 0, false
	}
	// Both terms of the sum have one sign, so that it wraps only if it does not fit.
	if seconds < 0 {
		t := Time((seconds+1)*second + (nanos - second))
		return t, t < 0 && t != MinTime
	}
	t := Time(seconds*second + nanos)
	return t, t >= 0 && t != MaxTime
}
