package store

import (
	"errors"
	"io"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// view is a snapshot of the state.
type view struct {
	db           *pebble.DB
	snap         *pebble.Snapshot
	forgotten    events.Time
	portionBytes int
}

// View implements engine.Store.
func (s *Store) View() state.View {
	return &view{db: s.db.Load(), snap: s.db.Load().NewSnapshot(), forgotten: s.saved.Forgotten,
		portionBytes: s.portionBytes}
}

// Sync implements engine.View. It flushes whatever was applied before it was
// called, and so all that the view shows.
func (v *view) Sync() error { return flush(v.db) }

// Close implements engine.View.
func (v *view) Close() error { return v.snap.Close() }

func (v *view) walk(from, to events.Time, whole bool) walk {
	return walk{from: max(from, v.forgotten), to: to, whole: whole, portionBytes: v.portionBytes}
}

// Request implements engine.View. It looks through the groups of a slice, since a
// view has no index.
func (v *view) Request(p joiner.RequestKey) (joiner.StoredRequest, bool, error) {
	if p.TS < v.forgotten { // whether or not it is deleted yet
		return joiner.StoredRequest{}, false, nil
	}
	if r, ok, err := getSingle(v.snap, p); ok || err != nil {
		return r.StoredRequest, ok && !r.gone, err
	}
	var stored joiner.StoredRequest
	found, g := false, group{}
	err := eachGroup(v.snap, p.TS, p.TS+1, &g, func(group groupRef) error {
		_, err := g.each(p.ID, func(at *slot) (bool, error) {
			if found = at.ts == p.TS; !found {
				return true, nil
			}
			var err error
			stored, err = g.fetch(v.snap, at, group)
			return false, err
		})
		if found && err == nil {
			err = io.EOF
		}
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return stored, found && err == nil, err
}

// Outbox implements engine.View.
func (v *view) Outbox(through uint64) iter.Seq2[*joiner.QueuedRow, error] {
	return numberedRecords(v.snap, spaceOutbox, through, func(value []byte) (*joiner.QueuedRow, error) {
		u, err := decodeQueuedRow(value)
		return &u, err
	})
}

// DeadLetters implements engine.View.
func (v *view) DeadLetters(through uint64) iter.Seq2[*events.DeadLetter, error] {
	return numberedRecords(v.snap, spaceDeadLetter, through, decodeDeadLetter)
}

func numberedRecords[T any](r pebble.Reader, space byte, through uint64, decode func([]byte) (*T, error)) iter.Seq2[*T,
	error] {
	return func(yield func(*T, error) bool) {
		it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: numbered(space, through+1)})
		if err != nil {
			yield(nil, err)
			return
		}
		for ok := it.First(); ok && err == nil; ok = it.Next() {
			var value []byte
			var record *T
			if value, err = it.ValueAndErr(); err == nil {
				record, err = decode(value)
			}
			if err == nil && !yield(record, nil) {
				err = io.EOF
			}
		}
		if err = errors.Join(err, it.Error(), it.Close()); err != nil && !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// Requests implements engine.View.
func (v *view) Requests(from, to events.Time) iter.Seq2[joiner.RequestKey, error] {
	return func(yield func(joiner.RequestKey, error) bool) {
		w := v.walk(from, to, false)
		err := w.run(v.snap, func(r *walked, _ *portion) bool { return yield(r.key, nil) })
		if err != nil {
			yield(joiner.RequestKey{}, err)
		}
	}
}

// Histories implements engine.View.
func (v *view) Histories(from, to events.Time) iter.Seq2[joiner.RequestKey, error] {
	return func(yield func(joiner.RequestKey, error) bool) {
		err := keys(v.snap, spaceHistory, max(from, v.forgotten), to, func(key []byte) error {
			p, _, err := readKey(key)
			if err == nil && !yield(p, nil) {
				return io.EOF
			}
			return err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(joiner.RequestKey{}, err)
		}
	}
}

// Stored implements engine.View.
func (v *view) Stored(from, to events.Time) iter.Seq2[state.Stored, error] {
	return func(yield func(state.Stored, error) bool) {
		w := v.walk(from, to, true)
		err := w.run(v.snap, func(r *walked, _ *portion) bool {
			h := state.Stored{Key: r.key}
			if r.single != nil {
				h.Request = r.single.StoredRequest
			} else {
				h.Request.Pieces = []joiner.StoredPiece{{Origin: r.origin, Data: r.data}}
			}
			return yield(h, nil)
		})
		if err != nil {
			yield(state.Stored{}, err)
		}
	}
}

// Orphans implements engine.View.
func (v *view) Orphans(from, to events.Time) iter.Seq2[state.Orphan, error] {
	return func(yield func(state.Orphan, error) bool) {
		err := scan(v.snap, bound(spaceWaiting, from), bound(spaceWaiting, to), func(key, value []byte) error {
			p, tail, err := readKey(key)
			orphan := state.Orphan{RequestID: p.ID, Outcome: joiner.StoredOutcome{Until: p.TS}}
			if err == nil {
				err = errors.Join(readTail(&orphan.Outcome, tail), decodeWaiting(&orphan.Outcome, value))
			}
			if err == nil && !yield(orphan, nil) {
				return io.EOF
			}
			return err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(state.Orphan{}, err)
		}
	}
}

// Closing implements engine.View: a walk over the requests and, beside them,
// their outcomes and histories.
func (v *view) Closing(from, to events.Time) iter.Seq2[*state.Closing, error] {
	return func(yield func(*state.Closing, error) bool) {
		c := closingIter{walk: v.walk(from, to, true)}
		if err := c.run(v.snap, yield); err != nil {
			yield(nil, err)
		}
	}
}
