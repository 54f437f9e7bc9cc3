package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// retiring is a world whose third log, of outcomes, is retired at a position.
func (w *world) retiring(at events.Position) error {
	st, err := w.open()
	if err != nil {
		return err
	}
	o := w.options(st, -1)
	o.Inputs = append(o.Inputs[:2:2], engine.Retired(at))
	err = engine.New(o).Run(context.Background())
	w.final = st.Progress()
	return errors.Join(err, st.Close())
}

// upTo are logs as they were at a time.
func upTo(logs [][]events.Batch, t events.Time) [][]events.Batch {
	before := make([][]events.Batch, len(logs))
	for i, log := range logs {
		n := slices.IndexFunc(log, func(b events.Batch) bool { return b.Messages[0].Stored > t })
		if n < 0 {
			n = len(log)
		}
		before[i] = log[:n]
	}
	return before
}

// TestRetiredInputThatWasAdded: a commit from before the input was added does not know where it was begun, so that a
// rebuild from there on needs all of it.
func TestRetiredInputThatWasAdded(t *testing.T) {
	h, _ := longAgo(12)
	w := newWorld(1, h, enginetest.Layout{Inputs: 3, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs
	w.Logs = upTo(whole, h.At(3*time.Hour))[:2]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.Logs = upTo(whole, h.At(4*time.Hour+10*time.Minute))
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	at := w.final.Progress.Inputs[2]
	if at.Next < 2 {
		t.Fatal("the test needs outcomes in the log that was added")
	}
	w.fs = vfs.NewCrashableMem()
	var needs *engine.RetiredError
	if err := w.retiring(at); !errors.As(err, &needs) {
		t.Fatalf("it runs with %v, want that the log is needed", err)
	}
}

// TestRetiredBeforeTheFirstCommit adds an input and takes it out again before anything is committed, with and without
// a configuration that changes besides: what was read of it counts.
func TestRetiredBeforeTheFirstCommit(t *testing.T) {
	for _, hash := range []string{"rules", "other rules"} {
		t.Run(hash, func(t *testing.T) {
			h := enginetest.Lines(oneLabel())
			h.Request(0, "a")
			h.End()
			w := newWorld(1, h, enginetest.Layout{Inputs: 2, Messages: 1, Batches: 1})
			whole := w.Logs
			w.Logs = [][]events.Batch{whole[0][:1], nil}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			w.Logs = append(w.Logs, clickOf(&h, "a", time.Minute))
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			at := w.final.Progress.Inputs[2]
			if len(w.out.Commits) > 0 || at.Next != 2 {
				t.Fatal("the test needs a click that is in no commit")
			}
			w.Logs, w.hash = whole, hash
			if err := w.retiring(at); err != nil {
				t.Fatal(err)
			}
			if rows := w.latest(); rows[[2]string{"a", ""}].Cells[0].Value != 1 {
				t.Errorf("the rows are %v, want that a was clicked", rows)
			}
		})
	}
}

// TestRetiredInputReadPastTheLastCommit loses a state that has read more of an input than the last commit: whether it
// has, no one knows any more, so the input is needed until a commit was made without it.
func TestRetiredInputReadPastTheLastCommit(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "a")
	h.Click(time.Minute, "a")
	h.Heartbeats(40 * time.Minute)
	h.Request(41*time.Minute, "b")
	open := len(h.Events)
	for n := range 6 {
		h.Heartbeats(time.Duration(n+2) * time.Hour)
	}
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 2, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := append(w.Logs, clickOf(&h, "b", 42*time.Minute))
	w.Logs = append(upTo(whole[:2], h.Events[open-1].At), []events.Batch{{ReadThrough: h.At(45 * time.Minute)}})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	cut, _, any := w.out.Last()
	committed := cut.Progress.Inputs[2]
	w.Logs[2] = append(w.Logs[2], whole[2]...)
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	at := w.final.Progress.Inputs[2]
	if !any || len(w.out.Commits) != 1 || committed.Next != 1 || at.Next != 2 {
		t.Fatalf("the test needs a click that is read and in no commit: %+v", at)
	}

	kept := w.fs
	w.fs, w.Logs = vfs.NewCrashableMem(), whole
	var needs *engine.RetiredError
	if err := w.retiring(committed); !errors.As(err, &needs) || needs.Input != "log2" {
		t.Fatalf("without a state it runs with %v, want that log2 is needed", err)
	}
	w.fs = kept
	for n := range 6 { // with a commit in each hour
		w.Logs = append(upTo(whole[:2], h.At(time.Duration(n+2)*time.Hour+time.Minute)), nil)
		if err := w.retiring(at); err != nil {
			t.Fatal(err)
		}
	}
	if rows := w.latest(); rows[[2]string{"b", ""}].Cells[0].Value != 1 {
		t.Errorf("the rows are %v, want that b was clicked", rows)
	}
	w.fs = vfs.NewCrashableMem() // the commits since then say that it was retired
	if err := w.retiring(at); err != nil {
		t.Errorf("without a state it runs with %v, when all that was read of log2 is forgotten", err)
	}
}

// clickOf is a log with a click of a request.
func clickOf(h *enginetest.History, id string, at time.Duration) []events.Batch {
	return []events.Batch{{ReadThrough: events.MinTime, Messages: []events.Message{{Kind: events.KindOutcome, Seq: 1, Stored: h.At(at),
		Data: fmt.Appendf(nil, `{"request_id":%q,"ts":%d,"type":"click"}`, id, h.At(at))}}}}
}

// names reports whether an event of a log names a request.
func names(log []events.Batch, id string) bool {
	return slices.ContainsFunc(log, func(b events.Batch) bool {
		return slices.ContainsFunc(b.Messages, func(m events.Message) bool {
			return bytes.Contains(m.Data, fmt.Appendf(nil, `"request_id":%q`, id))
		})
	})
}

// TestRetiredInput takes one of two logs of outcomes out: rows no longer wait for it, what was read
// of it stays, and a state that is lost meanwhile needs it back only as long as its requests are remembered.
func TestRetiredInput(t *testing.T) {
	h, _ := longAgo(12)
	w := newWorld(1, h, enginetest.Layout{Inputs: 3, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs
	middle := h.At(6*time.Hour + 10*time.Minute)
	w.Logs = upTo(whole, middle)
	if len(w.Logs[1]) == 0 || len(w.Logs[2]) == 0 {
		t.Fatal("the test needs outcomes in both logs")
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	at := w.final.Progress.Inputs[2]

	before, output := w.fs, slices.Clone(w.out.Commits)
	w.fs = vfs.NewCrashableMem()
	var needs *engine.RetiredError
	if err := w.retiring(at); !errors.As(err, &needs) || needs.Input != "log2" || len(w.out.Commits) != len(output) {
		t.Fatalf("without a state it runs with %v, want that log2 is needed", err)
	}
	if err := w.run(); err != nil { // put back, as the error says
		t.Fatal(err)
	}
	w.fs = before

	w.Logs = whole // of the third, nothing more is read
	if err := w.retiring(at); err != nil {
		t.Fatal(err)
	}
	if p := w.final.Progress.Inputs; len(p) != 3 || p[2] != at {
		t.Errorf("the positions are %+v, want the last as it was, %+v", p, at)
	}
	rows, negatives := w.latest(), 0
	read := [][]events.Batch{whole[1], upTo(whole, middle)[2]}
	for i := range 12 {
		id, want := fmt.Sprint("r", i), 0.0
		if slices.ContainsFunc(read, func(log []events.Batch) bool { return names(log, id) }) {
			want = 1
		} else {
			negatives++
		}
		if row, ok := rows[[2]string{id, ""}]; !ok {
			t.Errorf("%s waits still", id)
		} else if row.Cells[0].Value != want {
			t.Errorf("%s is %v, want %v", id, row.Cells[0].Value, want)
		}
	}
	if negatives == 0 {
		t.Error("no request has its outcome in what is not read any more: the test tells nothing")
	}

	w.fs = vfs.NewCrashableMem() // what was read of it is forgotten now
	commits := len(w.out.Commits)
	if err := w.retiring(at); err != nil {
		t.Fatal(err)
	}
	if len(w.out.Commits) != commits {
		t.Error("the rebuild has written something again")
	}
}
