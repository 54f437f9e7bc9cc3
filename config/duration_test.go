package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"7d": 7 * day, "1d12h": 36 * time.Hour, "2w": 14 * day, "1w1d1h1m1s1ms1us1ns": 8*day + time.Hour + time.Minute + time.Second + 1_001_001,
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1.5h": 90 * time.Minute, "-1d": -day, "+2d": 2 * day, "500µs": 500_000,
		"12h1d": 36 * time.Hour, "100000d": 100_000 * day, "-1d12h": -36 * time.Hour, ".5s": 500 * time.Millisecond,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseDuration(text); err != nil || got.Std() != want {
				t.Errorf("%s is %v (%v), want %v", text, got.Std(), err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"30": "write 30s, 30m, 30h or 30d", "1.5": "has no unit", "-3": "has no unit", "": "not a duration", "d": "whole numbers",
		"1.5d": "whole numbers", "1y": "not a duration", "1d-12h": "not a duration", "5 m": "not a duration", "200000d": "not a duration",
		"99999999999d": "whole numbers", "1e3s": "not a duration", "7D": "not a duration", "inf": "no unit", "1h1": "not a duration",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is %v (%v), want %s", text, got, err, want)
			}
		})
	}
}

func TestDurationsPrintAsTheyRead(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", 36 * time.Hour: "1d12h", 90 * time.Second: "1m30s", 7 * 24 * time.Hour: "7d",
		24*time.Hour + time.Second: "1d1s", time.Hour + time.Second: "1h0m1s", 1: "1ns", -time.Minute: "-1m", 24*time.Hour + 1: "1d1ns",
		10 * time.Hour: "10h", 100 * time.Minute: "1h40m", 10 * time.Minute: "10m", 20 * time.Second: "20s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v prints as %s, want %s", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Min(math.MinInt64+1).Draw(t, "duration"))
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%d prints as %s, which is %d (%v)", d, d, again, err)
		}
	})
}
