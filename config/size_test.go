package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "64KiB": 64 << 10, "128MiB": 128 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40, "10MB": 10_000_000,
		"1kB": 1000, "1KB": 1000, "1.5GiB": 3 << 29, "1 MiB": 1 << 20, "-1B": -1, "8388607TiB": 8388607 << 40,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseSize(text); err != nil || got != want {
				t.Errorf("%s is %d (%v), want %d", text, got, err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"128": "write 128B, 128KiB or 128MiB", "": "not a size", "MiB": "not a size", "1 M": "not a size", "1Mib": "not a size",
		"99999999TiB": "not a size", "NaNB": "not a size", "infB": "not a size", "1e400B": "not a size", "nan": "has no unit",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is %d (%v), want %s", text, got, err, want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64().Draw(t, "size"))
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Fatalf("%d prints as %s, which is %d (%v)", int64(s), s, int64(again), err)
		}
	})
}
