package monitor

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// TestHoldsAreSaidOnce: a hold is one line when it begins, one when its reason
// changes and one when it ends, and the status has the same words meanwhile.
func TestHoldsAreSaidOnce(t *testing.T) {
	var text strings.Builder
	h := &Holds{Log: slog.New(slog.NewTextHandler(&text, nil))}
	none := &engine.Stats{}
	h.Set("stream outcomes", events.Hold{})
	for _, detail := range []string{"the link is silent for 4s", "the link is silent for 5s"} {
		h.Set("stream outcomes", events.Hold{Reason: "link", Detail: detail})
	}
	want := []Wait{{"stream outcomes", "link", "the link is silent for 5s"}}
	if got := h.List(none, diskspace.Shortage{}); !slices.Equal(got, want) {
		t.Errorf("the list is %+v, want %+v", got, want)
	}
	h.Set("stream outcomes", events.Hold{Reason: "full", Detail: "it is full"})
	h.Set("stream outcomes", events.Hold{})
	h.Set("stream outcomes", events.Hold{})
	if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); len(lines) != 3 ||
		!strings.Contains(lines[0], "the link is silent for 4s") || !strings.Contains(lines[1], "it is full") || !strings.Contains(lines[2], "rows wait no more") {
		t.Errorf("the log is\n%s", text.String())
	}
	stats := exampleStats()
	stats.Progress.Guard.Width = 1
	got := h.List(&stats, diskspace.Shortage{Reason: diskspace.ShortOfDisk, Detail: "no room"})
	if len(got) != 2 || got[0] != (Wait{"reading", "disk", "no room"}) || got[1].Reason != holdByGuard {
		t.Errorf("with a full disk and a stall the list is %+v", got)
	}
}
