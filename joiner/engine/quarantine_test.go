package engine

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// TestManyQuarantinedEventsAreToldOnceAMinute: a broker whose clock is slow sets
// aside every live event. The log says so at once, and then once a minute with how
// many more there were.
func TestManyQuarantinedEventsAreToldOnceAMinute(t *testing.T) {
	var text strings.Builder
	e := &Engine{o: Options{MaxFuture: 5 * time.Minute, MaxAge: time.Hour, Log: slog.New(slog.NewTextHandler(&text, nil))}}
	stored := events.Time(time.Hour)
	aside := func(n int, off time.Duration) {
		for range n {
			ts := stored.Add(off)
			e.setAside(e.quarantined(ts, stored), ts, stored)
		}
	}
	start := time.Unix(1000, 0)
	e.logQuarantined(start)
	if text.Len() > 0 {
		t.Fatalf("nothing was set aside, and the log says %s", text.String())
	}
	aside(3, 15*time.Minute)
	for _, after := range []time.Duration{time.Second, 2 * time.Second, 30 * time.Second} {
		e.logQuarantined(start.Add(after))
	}
	aside(4, 15*time.Minute)
	aside(1, -2*time.Hour)
	e.logQuarantined(start.Add(40 * time.Second))
	if got := strings.Count(text.String(), "events are set aside"); got != 1 || !strings.Contains(text.String(), "events=3 newest_off=15m0s") {
		t.Fatalf("within a minute the log says %d times: %s", got, text.String())
	}
	e.logQuarantined(start.Add(62 * time.Second))
	if !strings.Contains(text.String(), "events=5 newest_off=-2h0m0s") {
		t.Fatalf("after a minute the log says %s", text.String())
	}
	if want := (Quarantine{Future: 7, Past: 1, Off: -2 * time.Hour}); e.quarantine != want {
		t.Errorf("counted %+v, want %+v", e.quarantine, want)
	}
	e.enter(modeRebuild)
	aside(1, 15*time.Minute)
	if e.quarantine.total() != 8 {
		t.Error("a rebuild counted an event again")
	}
}
