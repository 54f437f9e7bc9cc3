package events_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// mustParse is a timestamp that a test knows to be good.
func mustParse(t *testing.T, text string) events.Time {
	t.Helper()
	ts, err := events.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func TestParseTime(t *testing.T) {
	const base = "2024-06-04T19:02:41Z"
	for text, after := range map[string]time.Duration{
		base: 0, "2024-06-04t19:02:41z": 0, "2024-06-04T19:02:41+00:00": 0, "2024-06-04T19:02:41-00:00": 0, "2024-06-04T19:02:41+0000": 0,
		"2024-06-04T21:02:41+02:00": 0, "2024-06-04T21:02:41+0200": 0, "2024-06-04T13:32:41-0530": 0, "2024-06-05T19:01:41+23:59": 0, "2024-06-03T19:03:41-23:59": 0,
		"2024-06-04T19:02:41.5Z": 5e8, "2024-06-04T19:02:41.000000001Z": 1, "2024-06-04T19:02:41.998+00:00": 998e6,
		"2024-06-04T19:02:41.0000000019Z": 1, "2024-06-04T19:02:41.999999999999999999999999Z": 999999999,
	} {
		t.Run(text, func(t *testing.T) {
			got, err := events.ParseTime(text)
			if err != nil || got != mustParse(t, base).Add(after) {
				t.Errorf("%s: %v, %v; want %v", text, got, err, mustParse(t, base).Add(after))
			}
		})
	}
	for text, want := range map[string]events.Time{
		"1970-01-01T00:00:00Z": 0, "1969-12-31T23:59:59.999999999Z": -1, "2262-04-11T23:47:16.854775806Z": events.MaxTime - 1, "1677-09-21T00:12:43.145224193Z": events.MinTime + 1,
		"2000-02-29T00:00:00Z": 951782400e9, "1900-03-01T00:00:00Z": -2203891200e9,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := events.ParseTime(text); err != nil || got != want {
				t.Errorf("%s: %d, %v; want %d", text, got, err, want)
			}
		})
	}
	for _, text := range []string{
		"", "Z", "2024-06-04", "2024-06-04T19:02Z", "2024-06-04T19:02:41", "2024-06-04T19:02:41+00", "2024-06-04T19:02:41+0", "2024-06-04T19:02:41+000", "2024-06-04T19:02:41+00:0",
		"2024-06-04T19:02:41+00:000", "2024-06-04T19:02:41+24:00", "2024-06-04T19:02:41+00:60", "2024-06-04T19:02:41 00:00", "2024-06-04T19:02:41.Z", "2024-06-04T19:02:41,5Z", "2024-06-04 19:02:41Z",
		"2024-06-04T24:00:00Z", "2024-06-04T19:60:41Z", "2024-06-04T19:02:60Z", "2024-06-04T19:02:61Z", "2024-00-04T19:02:41Z", "2024-06-00T19:02:41Z", "2024-06-31T19:02:41Z", "2100-02-29T00:00:00Z",
		"+024-06-04T19:02:41Z", "2024-06-04T19:02:41Zulu", "2024-06-04T19:02:41ZZ", " 2024-06-04T19:02:41Z", "2024-6-4T19:02:41Z", "２024-06-04T19:02:41Z", "2024/06/04T19:02:41Z", "2024-06-04T19-02-41Z",
		"2262-04-11T23:47:16.854775807Z", "1677-09-21T00:12:43.145224192Z", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z",
	} {
		if got, err := events.ParseTime(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestParseDay(t *testing.T) {
	for text, want := range map[string]string{
		"2024-02-29": "2024-02-29T00:00:00Z", "2262-04-11": "2262-04-11T00:00:00Z",
		"1677-09-22": "1677-09-22T00:00:00Z", "1677-09-21": "1677-09-21T00:12:43.145224193Z",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := events.ParseDay(text); err != nil || got.String() != want {
				t.Errorf("it begins at %v, %v; want %s", got, err, want)
			}
			if got, err := events.ParseTimeOrDay(text); err != nil || got.String() != want {
				t.Errorf("as a time or a day it begins at %v, %v; want %s", got, err, want)
			}
		})
	}
	for text, says := range map[string]string{
		"1677-09-20": "beyond", "2262-04-12": "beyond", "0001-01-01": "beyond", "9999-12-31": "beyond",
		"2023-02-29": "no day", "2024-6-4": "no day", "": "no day", "2024-06-04T00:00:00Z": "no day",
	} {
		t.Run("no "+text, func(t *testing.T) {
			if got, err := events.ParseDay(text); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("it is taken for %v, %v; want %q", got, err, says)
			}
		})
	}
}

// TestFromStd: the ends of time are exact to the nanosecond, and what lies beyond is refused or clamped.
func TestFromStd(t *testing.T) {
	for _, c := range []struct {
		std     time.Time
		clamped events.Time
		ok      bool
	}{
		{events.MaxTime.Std().Add(-1), events.MaxTime - 1, true}, {events.MinTime.Std().Add(1), events.MinTime + 1, true},
		{events.MaxTime.Std(), events.MaxTime, false}, {events.MinTime.Std(), events.MinTime, false},
		{events.MaxTime.Std().Add(1), events.MaxTime, false}, {events.MinTime.Std().Add(-1), events.MinTime, false},
		{time.Time{}, events.MinTime, false}, {time.UnixMicro(math.MaxInt64), events.MaxTime, false},
	} {
		t.Run(c.std.Format(time.RFC3339Nano), func(t *testing.T) {
			if got, ok := events.FromStd(c.std); ok != c.ok || ok && got != c.clamped {
				t.Errorf("it is %v, %v; want %v, %v", got, ok, c.clamped, c.ok)
			}
			if got := events.At(c.std); got != c.clamped {
				t.Errorf("clamped it is %v, want %v", got, c.clamped)
			}
		})
	}
}

// TestEveryDay compares the calendar with the standard library's.
func TestEveryDay(t *testing.T) {
	for day := time.Date(1678, 1, 1, 1, 2, 3, 4, time.UTC); day.Year() < 2262; day = day.AddDate(0, 0, 1) {
		got, err := events.ParseTime(day.Format(time.RFC3339Nano))
		if err != nil || got != events.At(day) {
			t.Fatalf("%v: %v, %v", day, got, err)
		}
	}
}

// rfc3339 is what RFC 3339 has for a timestamp, in upper case. The standard
// library's time.Parse reads more than that: an hour of one digit, a comma for a
// point, an offset of 24 hours.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzTime compares with the standard library, which knows no offset without a
// colon.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"2024-06-04T19:02:41.998Z", "2024-06-04T21:02:41+0200", "2262-04-11T23:47:16.854775806Z", "1677-09-21T00:12:43.145224193-23:59", "2024-02-29t00:00:00z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := events.ParseTime(text)
		std := strings.ToUpper(text)
		if n := len(std); n > 5 && (std[n-5] == '+' || std[n-5] == '-') {
			std = std[:n-2] + ":" + std[n-2:]
		}
		want, err2 := time.Parse(time.RFC3339, std)
		if !rfc3339.MatchString(std) || std != strings.Map(ascii, std) {
			err2 = fmt.Errorf("not RFC 3339")
		}
		least, most := (events.MinTime + 1).Std(), (events.MaxTime - 1).Std()
		if err2 == nil && (want.Before(least) || want.After(most)) {
			err2 = fmt.Errorf("beyond Time")
		}
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %v, %v; the standard library says %v, %v", text, got, err, want, err2)
		}
		if err == nil && int64(got) != want.UnixNano() {
			t.Fatalf("%q: %v; the standard library says %v", text, got, want)
		}
	})
}

func ascii(r rune) rune {
	if r >= 0x80 {
		return -1
	}
	return r
}
