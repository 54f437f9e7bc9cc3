package monitor

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// TestRefusedIsSaidCalmly rejects many events and reads the log: a line for each
// reason and minute, with what there was, and where.
func TestRefusedIsSaidCalmly(t *testing.T) {
	var text bytes.Buffer
	r := &Refused{log: slog.New(slog.NewTextHandler(&text, nil)), dir: "labeled/deadletter", counts: map[refusal]*refusedCount{}}
	reject := func(kind events.Kind, reason string, n int) {
		for i := range n {
			r.Add(&events.DeadLetter{Kind: kind, Reason: reason, Detail: "it is none", Input: "outcomes", Origin: events.Origin{Seq: uint64(i + 1)}})
		}
	}
	start := time.Unix(1e9, 0)
	lines := func() []string {
		got := strings.Split(strings.TrimSpace(text.String()), "\n")
		text.Reset()
		return got
	}
	reject(events.KindOutcome, "not_json", 3)
	reject(events.KindRequest, "missing_ts", 1)
	reject(events.KindRequest, "max_future", 1)
	r.say(start, false)
	got := lines()
	if len(got) != 2 || !strings.Contains(got[0], "kind=request reason=missing_ts events=1") ||
		!strings.Contains(got[1], "kind=outcome reason=not_json events=3") || !strings.Contains(got[1], "dead_letters=labeled/deadletter") {
		t.Errorf("at first it says %q", got)
	}
	for i := range 59 {
		reject(events.KindOutcome, "not_json", 10)
		r.say(start.Add(time.Duration(i)*time.Second), false)
	}
	if got := lines(); got[0] != "" {
		t.Errorf("within the minute it says %q", got)
	}
	r.say(start.Add(time.Minute), false)
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "events=590 since_start=593") {
		t.Errorf("after a minute it says %q", got)
	}
	reject(events.KindOutcome, "not_json", 1)
	r.say(start.Add(time.Minute), true)
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "events=1 ") {
		t.Errorf("at the end it says %q", got)
	}
	if s := r.Status(); s.Reasons["outcome.not_json"] != 594 || !strings.Contains(s.String(), "594 outcome.not_json") || !strings.Contains(s.String(), "labeled/deadletter") {
		t.Errorf("the status is %v", s)
	}
}
