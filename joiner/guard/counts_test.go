package guard_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/joiner/guard"
)

// TestCountsAsText: counts come back as they went, whatever their size.
func TestCountsAsText(t *testing.T) {
	for _, c := range []guard.Counts{nil, {0}, {1, 0, 300, 1<<32 - 1}, {7, 7, 7, 0, 0}} {
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again guard.Counts
		if err := again.UnmarshalText(text); err != nil {
			t.Fatal(err)
		}
		if len(again) != len(c) {
			t.Fatalf("%v is read back as %v", c, again)
		}
		for i := range c {
			if again[i] != c[i] {
				t.Fatalf("%v is read back as %v", c, again)
			}
		}
	}
	var c guard.Counts
	if err := c.UnmarshalText([]byte("not base64!")); err == nil {
		t.Error("nonsense is read as counts")
	}
}
