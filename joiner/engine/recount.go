package engine

import (
	"context"
	"errors"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// recount counts what is pending in a rebuilt state and holds it against the
// commit's books. They can differ where reading begins late: by outcomes whose
// request was known then and is forgotten now, or the reverse, and by requests
// whose id is used again and again. So many are booked anew, and those that another
// configuration had rejected are counted as read again; anything else is a log that is
// not the one that was committed.
func (e *Engine) recount(ctx context.Context, accepted [events.Kinds]int64) error {
	requests, outcomes, err := e.pending()
	if err != nil {
		return err
	}
	if n := e.readAgain(accepted, requests, outcomes); n > 0 {
		e.o.Log.Info("the configuration before rejected events that are accepted now: they are counted as read once more", "events", n)
	}
	booked, err := e.bookAgain(ctx, outcomes-e.ledger().Kinds[events.KindOutcome].Pending)
	if err != nil {
		return err
	}
	if booked > 0 {
		e.o.Log.Warn("rebuild: outcomes wait again that were counted before, and the oldest that wait are taken for them",
			"outcomes", booked)
	}
	outcomes -= booked
	l, before := e.ledger(), *e.ledger()
	r, o := &l.Kinds[events.KindRequest], &l.Kinds[events.KindOutcome]
	reused := r.Disposed[joiner.DispositionConflict] + r.Disposed[joiner.DispositionMerged]
	if e.lacking {
		e.bookLost(r, requests)
		e.bookLost(o, outcomes)
	}
	fits := r.Pending-requests <= reused &&
		rebook(r, requests, joiner.DispositionConflict, joiner.DispositionConflict, joiner.DispositionMerged,
			joiner.DispositionDuplicate, joiner.DispositionExpired, joiner.DispositionLateRequest) &&
		rebook(o, outcomes, joiner.DispositionOrphan, joiner.DispositionJoined, joiner.DispositionOutsideWindow,
			joiner.DispositionDuplicate, joiner.DispositionUnknownItem,
			joiner.DispositionCorrected, joiner.DispositionLate, joiner.DispositionOrphan)
	if !fits || !l.Balanced() {
		return &OtherLogError{Requests: requests, Outcomes: outcomes, Committed: before}
	}
	if *l != before {
		e.o.Log.Warn("rebuild: the numbers of pending events differ from those before, because requests were forgotten or found again",
			"requests_before", before.Kinds[events.KindRequest].Pending, "requests_after", requests,
			"outcomes_before", before.Kinds[events.KindOutcome].Pending, "outcomes_after", outcomes)
	}
	return nil
}

// acceptedNow is how many events of each kind another configuration has rejected since the books stood so, and
// this one accepts.
func (e *Engine) acceptedNow(cut *joiner.Cut, books *joiner.Ledger) (n [events.Kinds]int64) {
	if cut.RulesHash == e.o.RulesHash || e.lacking {
		return n
	}
	refused := func(t *joiner.Tally) int64 {
		return t.Disposed[joiner.DispositionRejected] + t.Disposed[joiner.DispositionQuarantined]
	}
	for k := range n {
		n[k] = max(0, refused(&cut.Progress.Ledger.Kinds[k])-refused(&books.Kinds[k])-refused(e.tally(events.Kind(k))))
	}
	return n
}

// readAgain counts events that are pending now and that another configuration had rejected, and says how many
// they are. They stay counted as rejected, too: there are dead letters of them.
func (e *Engine) readAgain(accepted [events.Kinds]int64, pending ...int64) (all int64) {
	for k, found := range pending {
		t := e.tally(events.Kind(k))
		if n := min(accepted[k], found-t.Pending); n > 0 {
			t.Read, t.Again, t.Pending, all = t.Read+n, t.Again+n, t.Pending+n, all+n
		}
	}
	return all
}

// bookAgain notes, of outcomes that wait and that the books have disposed of, up to
// most, that they are counted already, and says of how many. They wait again because the
// request that had them is forgotten, so they are the oldest of what waits.
func (e *Engine) bookAgain(ctx context.Context, most int64) (booked int64, err error) {
	if most <= 0 {
		return 0, nil
	}
	v := e.o.Store.View()
	for o, err := range v.Orphans(e.checkpoint.Orphaned, events.MaxTime) {
		if err != nil {
			return booked, errors.Join(err, v.Close())
		}
		if booked == most {
			break
		}
		if w := &o.Outcome; !w.Booked {
			e.o.Store.DeleteWaiting(o.RequestID, w)
			w.Booked = true
			e.o.Store.PutWaiting(o.RequestID, w)
			booked++
		}
	}
	if err := v.Close(); err != nil {
		return booked, err
	}
	return booked, e.flush(ctx, false)
}

// bookLost books what was pending and is not found again, since the messages are
// gone that had it.
func (e *Engine) bookLost(t *joiner.Tally, found int64) {
	if gone := t.Pending - found; gone > 0 {
		t.Disposed[joiner.DispositionLost] += gone
		t.Pending = found
	}
}

// rebook moves events between pending, of which there are n, and dispositions. Those
// that are pending no more go to the one. Those that are pending again come from the
// first of the others that have them: an outcome waits again because the request that
// had it is forgotten, so it was no orphan.
// It reports whether they have as many.
func rebook(t *joiner.Tally, n int64, to joiner.Disposition, from ...joiner.Disposition) bool {
	gone := t.Pending - n
	t.Pending = n
	if gone >= 0 {
		t.Disposed[to] += gone
		return true
	}
	for _, d := range from {
		move := min(-gone, t.Disposed[d])
		t.Disposed[d] -= move
		gone += move
	}
	return gone == 0
}

// pending counts the events held for requests that are open and those without
// a request.
func (e *Engine) pending() (requests, outcomes int64, err error) {
	v := e.o.Store.View()
	for c, err := range v.Closing(e.checkpoint.Committed, events.MaxTime) {
		if err != nil {
			return 0, 0, errors.Join(err, v.Close())
		}
		requests++
		for o, err := c.Outcome(); o != nil || err != nil; o, err = c.Outcome() {
			if err != nil {
				return 0, 0, errors.Join(err, v.Close())
			}
			if !o.Booked {
				outcomes++
			}
		}
	}
	for o, err := range v.Orphans(e.checkpoint.Orphaned, events.MaxTime) {
		if err != nil {
			return 0, 0, errors.Join(err, v.Close())
		}
		if !o.Outcome.Booked {
			outcomes++
		}
	}
	return requests, outcomes, v.Close()
}
