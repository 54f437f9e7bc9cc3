package engine

import (
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// closings is a view of requests that close, and of an error behind them if there
// is one.
type closings struct {
	state.View
	n   int
	err error
}

func (v closings) Closing(from, to events.Time) iter.Seq2[*state.Closing, error] {
	return func(yield func(*state.Closing, error) bool) {
		for i := range v.n {
			c := state.Closing{Outcome: func() (*joiner.StoredOutcome, error) { return nil, nil }}
			text := fmt.Sprintf(`{"request_id":"r%d","ts":%d,"items":[{"item_id":"i%[1]d"}]}`, i, i+1)
			c.Request.Pieces = []joiner.StoredPiece{{Data: text}}
			c.History.Rows = make([]joiner.RowState, i%2)
			if !yield(&c, nil) {
				return
			}
		}
		if v.err != nil {
			yield(nil, v.err)
		}
	}
}

func newTestDecider() *decider {
	d := newDecider(joiner.Machine{Decoders: new([events.Kinds]jsonevent.Decoder)})
	d.rules = &joiner.Rules{}
	return d
}

// TestVerdictsInOrder wants every request once and in order, whether batches are
// full or not, and from the same decider again and again.
func TestVerdictsInOrder(t *testing.T) {
	d := newTestDecider()
	for _, n := range []int{0, 1, decisionsPerBatch - 1, decisionsPerBatch, decisionsPerBatch + 1,
		batchesAhead * decisionsPerBatch, 2000} {
		at := 0
		for v, err := range d.each(closings{n: n}, 0, events.MaxTime, 0) {
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint("r", at)
			if v.request.ID != id || len(v.request.Items) != 1 || v.request.Items[0].ID != fmt.Sprint("i", at) ||
				len(v.history.Rows) != at%2 {
				t.Fatalf("verdict %d of %d is of request %q with items %v and %d standing rows", at, n, v.request.ID,
					v.request.Items, len(v.history.Rows))
			}
			at++
		}
		if at != n {
			t.Errorf("%d verdicts of %d requests", at, n)
		}
	}
}

// TestVerdictsBrokenOff has the reader of verdicts stop after some of them: nothing
// of the decider is lost, and its goroutine has ended (see TestMain).
func TestVerdictsBrokenOff(t *testing.T) {
	d := newTestDecider()
	for _, stop := range []int{1, 2, decisionsPerBatch, decisionsPerBatch + 1, 700} {
		at := 0
		for v, err := range d.each(closings{n: 1000}, 0, events.MaxTime, 0) {
			if err != nil || v.request.ID != fmt.Sprint("r", at) {
				t.Fatalf("verdict %d is of %q, %v", at, v.request.ID, err)
			}
			if at++; at == stop {
				break
			}
		}
		if at != stop || len(d.spare) != batchesAhead {
			t.Errorf("stopped after %d of %d, with %d batches left of %d", at, stop, len(d.spare), batchesAhead)
		}
	}
}

// TestVerdictsBeforeAnError wants all verdicts before an error, and the error once.
func TestVerdictsBeforeAnError(t *testing.T) {
	d, damaged := newTestDecider(), errors.New("damaged")
	for _, n := range []int{0, 1, decisionsPerBatch, decisionsPerBatch + 5} {
		at, failed := 0, 0
		for _, err := range d.each(closings{n: n, err: damaged}, 0, events.MaxTime, 0) {
			if err == nil && failed == 0 {
				at++
			} else if failed++; !errors.Is(err, damaged) {
				t.Fatalf("after %d verdicts: %v", at, err)
			}
		}
		if at != n || failed != 1 || len(d.spare) != batchesAhead {
			t.Errorf("%d verdicts of %d, %d errors, %d batches left", at, n, failed, len(d.spare))
		}
	}
}
