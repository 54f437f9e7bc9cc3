package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestBombs gives sources that a parser takes for deep or endless structures.
// Each is refused at once, in little memory.
func TestBombs(t *testing.T) {
	labels := func(n int) string {
		var b strings.Builder
		b.WriteString("labels:\n")
		for i := range n {
			fmt.Fprintf(&b, "  l%d: 'type == \"a\"'\n", i)
		}
		return b.String()
	}
	const size = 250_000
	for name, src := range map[string]string{
		"lists":               strings.Repeat("[", size),
		"lists in many lines": strings.Repeat("[\n", size/2),
		"mappings":            strings.Repeat("{a: ", size/4),
		"lists, after text":   "name: it's [a\nlabels: " + strings.Repeat("[", size/2),
		"after a quote":       `name: "a\"b"` + "\nlabels: " + strings.Repeat("[", size/2),
		"after a comment":     "# it's\nlabels: " + strings.Repeat("[", size/2),
		"entries":             strings.Repeat("- ", size/2) + "x",
		"entries, indented":   "a:\n" + strings.Repeat("  - ", size/4) + "x",
		"complex keys":        strings.Repeat("? ", size/2) + "x",
		"keys":                strings.Repeat("a: ", size/3) + "x",
		"anchors":             "a: " + strings.Repeat("&a ", size/3) + "x",
		"tags":                "a: " + strings.Repeat("!a ", size/3) + "x",
		"ten thousand labels": labels(10_000),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			done := make(chan error, 1)
			go func() {
				_, err := Decode("bomb", []byte(src))
				done <- err
			}()
			select {
			case err := <-done:
				if err == nil {
					t.Error("it is taken")
				}
			case <-time.After(time.Minute):
				t.Fatal("it is not refused within a minute")
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
		})
	}
	t.Run("what a person writes", func(t *testing.T) {
		src := labels(500) + "# [[[[ don't\nname: feed\njoin: {impression: 'type in [\"[\", \"{\"]', negatives: seen}\n"
		for range 200 {
			src += "# it's [\n"
		}
		if _, err := Decode("large", []byte(src)); err != nil {
			t.Error(err)
		}
	})
}
