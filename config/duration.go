package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Duration is a length of time, written as in Go and with d and w for 24 hours
// and 7 days: 90s, 1h30m, 7d, 1d12h, 2w.
type Duration time.Duration

// Std converts to the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalText writes what ParseDuration reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error { return d.parse(string(text)) }

// parse implements parser.
func (d *Duration) parse(text string) error {
	parsed, err := ParseDuration(text)
	if err == nil {
		*d = parsed // else the default stays, and nothing else complains about a zero
	}
	return err
}

// String writes the duration in the largest units that say it exactly.
func (d Duration) String() string {
	const day = Duration(24 * time.Hour)
	if d == math.MinInt64 {
		return time.Duration(d).String() // it has no positive counterpart
	}
	if d < 0 {
		return "-" + (-d).String()
	}
	var days string
	if n := d / day; n > 0 {
		days = strconv.FormatInt(int64(n), 10) + "d"
		d %= day
		if d == 0 {
			return days
		}
	}
	rest := time.Duration(d).String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return days + rest
}

// ParseDuration reads a duration. Days and weeks are whole numbers.
func ParseDuration(text string) (Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%q has no unit: write %ss, %sm, %sh or %sd", text, text, text, text, text)
	}
	hours, err := daysToHours(text)
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(hours)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write numbers with units, like 90s, 1h30m or 7d", text)
	}
	return Duration(d), nil
}

// daysToHours rewrites days and weeks as hours, which the standard library
// reads; it accepts hours several times over.
func daysToHours(text string) (string, error) {
	var out strings.Builder
	rest := text
	for rest != "" {
		end := strings.IndexFunc(rest, unicode.IsLetter)
		if end < 0 {
			break
		}
		number, unit := rest[:end], rest[end:]
		if next := strings.IndexFunc(unit, func(c rune) bool { return !unicode.IsLetter(c) }); next >= 0 {
			unit = unit[:next]
		}
		rest = rest[end+len(unit):]
		hours := int64(0)
		switch unit {
		case "d":
			hours = 24
		case "w":
			hours = 7 * 24
		default:
			out.WriteString(number + unit)
			continue
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return "", fmt.Errorf("%q is not a duration: days and weeks take whole numbers, like 1d12h", text)
		}
		out.WriteString(strconv.FormatInt(n*hours, 10) + "h")
	}
	return out.String() + rest, nil
}
