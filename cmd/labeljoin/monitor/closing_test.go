package monitor

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
)

// TestNextClose: the status names the request that closes next, until when its window
// goes, and which evidence is missing.
func TestNextClose(t *testing.T) {
	cfg := config.Default()
	cfg.Join.Window, cfg.Join.Lateness = config.Duration(10*time.Minute), config.Duration(time.Minute)
	cfg.Labels = []config.Label{{Name: "bought", Window: config.Duration(10 * time.Minute)},
		{Name: "clicked", Window: config.Duration(time.Minute)}}
	oldest := events.At(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	end := oldest.Add(10 * time.Minute)
	for name, c := range map[string]struct {
		requests, outcomes events.Time
		known, guard       bool
		want, not          string
	}{
		"outcomes are missing": {end.Add(1), end, true, false, "waits for outcomes: their watermark is 2026-11-22T10:10:00Z; it needs an event or heartbeat stamped after 2026-11-22T10:11:00Z, or", "waits for requests"},
		"nothing was read":     {end.Add(1), events.MinTime, true, false, "waits for outcomes: their watermark is none yet", "waits for requests"},
		"all is there":         {end.Add(1), end.Add(1), true, false, "at 2026-11-22T10:10:00Z, of the request stamped 2026-11-22T10:00:00Z and its window of 10m", "waits"},
		"the guard holds":      {end.Add(1), end.Add(1), true, true, "waits for the guard", "waits for outcomes"},
		"a label is not final": {oldest.Add(5 * time.Minute), oldest.Add(5 * time.Minute), true, false, "next close\tlabels that are not final: bought until 2026-11-22T10:10:00Z\nnext close\tlabels that are final: clicked\n", "waits for the guard"},
		"all labels are final": {end.Add(1), end.Add(1), true, false, "labels that are final: clicked, bought\n", "not final"},
		"it is not known":      {end, end, false, false, "closes", "next close"},
	} {
		t.Run(name, func(t *testing.T) {
			stats := exampleStats()
			stats.Sources = [events.Kinds]events.Time{c.requests, c.outcomes}
			if stats.Watermark = min(c.requests, c.outcomes); c.guard {
				stats.Watermark = oldest
			}
			var s Status
			s.AddClosing(&stats, &cfg, oldest, c.known)
			var text strings.Builder
			s.Closing.Print(&text)
			if !strings.Contains(text.String(), c.want) || strings.Contains(text.String(), c.not) {
				t.Errorf("it says\n%s", &text)
			}
		})
	}
}
