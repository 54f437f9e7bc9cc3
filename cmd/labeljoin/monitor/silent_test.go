package monitor

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestSilentInputIsNamed: an input far behind the others of its kind is told of, by its
// name; one that is a little behind is not, and neither is one that is alone.
func TestSilentInputIsNamed(t *testing.T) {
	outcomes := [events.Kinds]bool{events.KindOutcome: true}
	of := func(web, app events.Time) *joiner.Clock {
		c := joiner.NewClock()
		c.Fit([]joiner.SourceClock{{Name: "web (S)", Kinds: outcomes}, {Name: "app (T)", Kinds: outcomes}}, 0)
		c.ObserveAt(0, events.KindOutcome, web)
		c.ObserveAt(1, events.KindOutcome, app)
		return &c
	}
	hour := events.Time(time.Hour)
	for name, c := range map[string]struct {
		clock *joiner.Clock
		want  string
	}{
		"far behind":      {of(5*hour, 4*hour), "input app (T)"},
		"never heard":     {of(5*hour, events.MinTime), "input app (T)"},
		"a little behind": {of(5*hour, 5*hour-events.Time(time.Second)), ""},
		"nothing read":    {of(events.MinTime, events.MinTime), ""},
		"one a kind":      {&joiner.Clock{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := silentInputs(c.clock, 0)
			if len(found) > 1 || c.want == "" && len(found) > 0 {
				t.Fatalf("it tells of %v", found)
			}
			if why := found[c.want]; c.want != "" && (why.Reason != holdBySilence || !strings.Contains(why.Detail, "outcomes")) {
				t.Errorf("it tells of %v, want %s", found, c.want)
			}
		})
	}
}
