package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestOtherRows has a request close, changes which rows there are, and corrects the
// request: its rows become those of the configuration as it is then. What was written
// and is not wanted any more is withdrawn, and what is new begins with revision 0.
func TestOtherRows(t *testing.T) {
	items, request, seen := oneLabel(), oneLabel(), oneLabel()
	request.PerRequest = true
	seen.Negatives = joiner.NegativesSeen
	seen.Impression = func(o *events.Outcome) bool { return o.Type == "view" }
	a, b, whole := [2]string{"r", "a"}, [2]string{"r", "b"}, [2]string{"r", ""}
	for name, c := range map[string]struct {
		before, after joiner.Rules
		want          map[[2]string]string
	}{
		"items, then the request": {items, request, map[[2]string]string{a: "1 withdrawn", b: "1 withdrawn", whole: "0 corrected 1"}},
		"the request, then items": {request, items, map[[2]string]string{a: "0 corrected 1", b: "0 corrected 0", whole: "1 withdrawn"}},
		"all, then those seen":    {items, seen, map[[2]string]string{a: "1 corrected 1", b: "1 withdrawn"}},
		"those seen, then all":    {seen, items, map[[2]string]string{a: "0 corrected 1", b: "0 corrected 0"}},
	} {
		for _, how := range []string{"the log is whole", "the log is short", "the state is lost after it", "the state is lost before it"} {
			t.Run(name+", "+how, func(t *testing.T) {
				h := enginetest.Lines(c.before)
				h.Event(events.KindRequest, 0, `{"request_id":"r","ts":%d,"items":[{"item_id":"a"},{"item_id":"b"}]}`, h.At(0))
				h.Heartbeats(40 * time.Minute)
				before := len(h.Events)
				h.Event(events.KindOutcome, time.Minute, `{"request_id":"r","ts":%d,"type":"click","item_id":"a"}`, h.At(time.Minute))
				h.End()
				w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
				w.Roll = engine.Roll{}
				log := w.Logs[0]
				w.Logs[0] = log[:before]
				run := func() {
					t.Helper()
					if err := w.run(); err != nil {
						t.Fatal(err)
					}
				}
				run()
				w.hash, w.History.Rules = "after", c.after
				switch how {
				case "the log is short":
					w.first = 1 << 40
				case "the state is lost before it":
					w.fs = vfs.NewCrashableMem()
				case "the state is lost after it":
					run()
					w.fs = vfs.NewCrashableMem()
				}
				w.Logs[0] = log
				run()
				checkBooks(t, w)
				latest := w.latest()
				for key, want := range c.want {
					r := latest[key]
					got := fmt.Sprint(r.Revision, " ", r.Reason)
					if r.Reason != joiner.ReasonWithdrawn {
						got = fmt.Sprint(got, " ", r.Cells[0].Value)
					}
					if got != want {
						t.Errorf("%v: %s, want %s", key, got, want)
					}
				}
				if len(latest) != len(c.want) {
					t.Errorf("%d rows, want %d: %v", len(latest), len(c.want), latest)
				}
			})
		}
	}
}
