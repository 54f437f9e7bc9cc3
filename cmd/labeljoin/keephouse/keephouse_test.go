package keephouse

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Days are counted back from the newest event's; those that corrections can still
// change stay, and so do the manifests that a rebuild reads from.
func TestRetention(t *testing.T) {
	newest := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	last := &joiner.Cut{MaxEvent: events.At(newest), Progress: joiner.Progress{Clock: joiner.NewClock()}}
	for k := range last.Progress.Clock.Seen {
		last.Progress.Clock.Seen[k], last.Progress.Clock.ReadThrough[k] = events.At(newest), events.At(newest)
	}
	last.Progress.ClosedThrough = events.At(newest.Add(-time.Hour))
	rules := &joiner.Rules{Corrections: 72 * time.Hour, Labels: []joiner.Label{{Name: "clicked", Window: time.Hour}}}
	if _, err := retention(last, rules, 3); err == nil || !strings.Contains(err.Error(), "keep at least 4 days") {
		t.Fatalf("3 days: %v", err)
	}
	opts, err := retention(last, rules, 5)
	if err != nil || opts.From != "2026-11-18" || opts.Needed != events.At(time.Date(2026, 11, 17, 23, 0, 0, 0, time.UTC)) {
		t.Fatalf("5 days: %+v: %v", opts, err)
	}
}
