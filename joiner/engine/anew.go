package engine

import (
	"context"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// What is told on the label stream is told before the state knows of it. So a state that
// a crash, a loss or a restored copy has set back does not know all that was told, and
// what it meets again it may meet in another order. The end is the same, but what is
// told on the way is not: a message that says so may have been sent before, and is taken
// for a copy by the broker; a positive that is told when it comes is not told at the
// close, though its denial was told in between.
//
// Invariant: of every request of which more may have been told than the state knows, the
// close tells each label of a row that is kept, and no message about it after its close
// has the id of one of another start. So the last word on each of its labels is what the
// row says.

// beginAnew says, at a start, of which requests more may have been told: of all, until
// everything is read that the logs had at the start.
func (e *Engine) beginAnew() {
	if e.labels.disabled {
		return
	}
	e.labels.start = e.o.Nonce()
	for i := range e.o.Inputs {
		if e.checkpoint.Progress.Inputs[i].Next <= e.o.Inputs[i].Last {
			e.checkpoint.Anew = events.MaxTime
		}
	}
	e.endAnew()
}

// endAnew bounds them by the newest event, once all that is read.
func (e *Engine) endAnew() {
	if e.checkpoint.Anew != events.MaxTime {
		return
	}
	for i := range e.o.Inputs {
		if e.checkpoint.Progress.Inputs[i].Next <= e.o.Inputs[i].Last {
			return
		}
	}
	e.checkpoint.Anew = e.checkpoint.MaxEvent
}

// addUpdate makes a message for the batch: of a request that is held at a place.
func (e *Engine) addUpdate(p joiner.RequestKey, t *joiner.LabelUpdate) {
	if t.Phase == joiner.UpdateEarly { // it is not the last word
		if e.checkpoint.Progress.Ended(p.TS) {
			e.labels.addRange(p.TS) // but it has to come after what the end of a window tells
		}
		e.labels.add(t, false)
		return
	}
	e.labels.addRange(p.TS)
	e.labels.add(t, p.TS <= e.checkpoint.Anew)
}

// inTurn waits for the closes that are being announced, if the batch says more of such
// a request: that has to come after.
func (e *Engine) inTurn(ctx context.Context) error {
	if a := e.publishing; a == nil || !a.overlaps(e.labels.oldest, e.labels.youngest) {
		return nil
	}
	return e.awaitPublished(ctx)
}
