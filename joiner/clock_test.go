package joiner_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestClockOfSeveralSources holds the watermark of a kind against its definition, the
// least of its sources', while sources come and go: none of that moves it back, and a
// source that is new holds it until it is heard of itself.
func TestClockOfSeveralSources(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lateness := 10 * time.Second
		kinds := rapid.SliceOfN(rapid.IntRange(1, 3), 1, 5)
		sourcesOf := func(masks []int) (list []joiner.SourceClock) {
			for i, mask := range masks {
				list = append(list, joiner.SourceClock{Name: fmt.Sprint("in", i), Kinds: [events.Kinds]bool{mask&1 != 0, mask&2 != 0}})
			}
			return list
		}
		masks := kinds.Draw(t, "sources")
		c := joiner.NewClock()
		c.Fit(sourcesOf(masks), lateness)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			before := [events.Kinds]events.Time{c.Source(0, lateness), c.Source(1, lateness)}
			source := rapid.IntRange(0, len(masks)-1).Draw(t, "source")
			k := events.Kind(rapid.IntRange(0, 1).Draw(t, "kind"))
			if masks[source]>>k&1 == 0 {
				continue // it brings none of these
			}
			ts := events.Time(rapid.Int64Range(0, 100).Draw(t, "ts") * 1e9)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				c.MarkReadAt(source, k, ts)
			case 1:
				masks = append(masks, rapid.IntRange(1, 3).Draw(t, "new"))
				c.Fit(sourcesOf(masks), lateness)
			default:
				c.ObserveAt(source, k, ts)
			}
			for k := range events.Kind(events.Kinds) {
				now, want := c.Source(k, lateness), events.MaxTime
				for _, s := range c.Sources {
					if s.Kinds[k] {
						want = min(want, max(s.Seen[k].Add(-lateness), s.ReadThrough[k]))
					}
				}
				if len(c.Sources) > 0 && want < events.MaxTime && now != want {
					t.Fatalf("the watermark of %vs is %v, the least of its sources is %v", k, now, want)
				}
				if now < before[k] {
					t.Fatalf("the watermark of %vs goes back from %v to %v", k, before[k], now)
				}
			}
		}
	})
}

// TestHindmost: the source that holds the others back is named.
func TestHindmost(t *testing.T) {
	both := []joiner.SourceClock{{Name: "web", Kinds: [events.Kinds]bool{false, true}}, {Name: "app", Kinds: [events.Kinds]bool{false, true}}}
	c := joiner.NewClock()
	c.Fit(both, 0)
	if s, behind := c.Hindmost(events.KindOutcome, 0); behind {
		t.Errorf("%s is behind, and nothing was read", s.Name)
	}
	c.ObserveAt(0, events.KindOutcome, 5)
	if s, behind := c.Hindmost(events.KindOutcome, 0); !behind || s.Name != "app" {
		t.Errorf("it is %q that is behind (%v), want app", s.Name, behind)
	}
	d := c.Clone()
	d.ObserveAt(1, events.KindOutcome, 9)
	if s, behind := d.Hindmost(events.KindOutcome, 0); !behind || s.Name != "web" {
		t.Errorf("it is %q that is behind (%v), want web", s.Name, behind)
	}
	if c.Sources[1].Seen[events.KindOutcome] != events.MinTime {
		t.Error("a copy of the clock changed the clock")
	}
}

// TestClockWithoutASource takes a source out that had come further than the one that stays: what is known of that one
// decides, as before.
func TestClockWithoutASource(t *testing.T) {
	outcomes := [events.Kinds]bool{events.KindOutcome: true}
	web, app := joiner.SourceClock{Name: "web", Kinds: outcomes}, joiner.SourceClock{Name: "app", Kinds: outcomes}
	c := joiner.NewClock()
	c.Fit([]joiner.SourceClock{web}, 0)
	c.Fit([]joiner.SourceClock{web, app}, 0)
	c.ObserveAt(0, events.KindOutcome, 100)
	c.ObserveAt(1, events.KindOutcome, 50)
	c.Fit([]joiner.SourceClock{app}, 0)
	if w := c.Source(events.KindOutcome, 0); w != 50 {
		t.Errorf("without the other the watermark is %d, want 50: nothing beyond was read", w)
	}
	c.ObserveAt(0, events.KindOutcome, 60)
	if w := c.Source(events.KindOutcome, 0); w != 60 {
		t.Errorf("the watermark is %d, want 60", w)
	}
}
