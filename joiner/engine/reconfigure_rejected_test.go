package engine_test

import (
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestWhatTheFormerConfigurationRejected: a configuration rejects an event of a request
// that is still open, and a commit has counted that. The next configuration accepts it.
// The log is whole, so the event is read again and has its row.
func TestWhatTheFormerConfigurationRejected(t *testing.T) {
	deep := `{"request_id": "deep", "ts": %q, "features": {"a": {"b": {"c": 1}}}}`
	for _, kind := range []events.Kind{events.KindRequest, events.KindOutcome} {
		t.Run(kind.String(), func(t *testing.T) {
			h := enginetest.Lines(oneLabel())
			h.Request(0, "closed")
			if kind == events.KindRequest {
				h.Event(kind, 20*time.Minute, deep, h.At(20*time.Minute))
				h.Click(21*time.Minute, "deep")
			} else {
				h.Request(20*time.Minute, "deep")
				h.Event(kind, 21*time.Minute, `{"request_id": "deep", "type": "click", "ts": %q, "attrs": {"a": {"b": 1}}}`,
					h.At(21*time.Minute))
			}
			h.Heartbeats(40 * time.Minute)
			before := len(h.Events)
			h.End()
			w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
			w.Roll = engine.Roll{}
			decoders := h.Decoders()
			w.decoder = &decoders[kind]
			w.decoder.MaxDepth = 2
			whole := w.Logs[0]
			w.Logs[0] = whole[:before]
			if err := w.run(); err != nil || len(w.out.Commits) == 0 {
				t.Fatalf("%v, %d commits", err, len(w.out.Commits))
			}
			w.Logs[0], w.hash, w.decoder = whole, "deeper", nil
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			letters := int64(0)
			for _, c := range w.out.Commits {
				letters += int64(len(c.DeadLetters))
			}
			tally := &w.final.Progress.Ledger.Kinds[kind]
			if rejected := tally.Disposed[joiner.DispositionRejected]; rejected != 1 || letters != 1 || tally.Again != 1 {
				t.Errorf("%d were rejected, %d were read again, and there are %d dead letters: want one of each", rejected,
					tally.Again, letters)
			}
			if r := w.latest()[[2]string{"deep", ""}]; len(r.Cells) != 1 || r.Cells[0].Value != 1 {
				t.Errorf("the row is %+v", r)
			}
		})
	}
}
