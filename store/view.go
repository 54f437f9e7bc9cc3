package store

import (
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// view is a snapshot of the state.
type view struct {
	store *Store // for its stateless helpers only: the view outlives batches
	snap  *pebble.Snapshot
}

// View implements engine.Store.
func (s *Store) View() engine.View { return &view{store: s, snap: s.db.NewSnapshot()} }

// Close implements engine.View.
func (v *view) Close() error { return v.snap.Close() }

// Request implements engine.View.
func (v *view) Request(p joiner.Place) (joiner.HeldRequest, bool, error) {
	return getRequest(v.snap, p)
}

// Unwritten implements engine.View.
func (v *view) Unwritten(through uint64) iter.Seq2[*joiner.Unwritten, error] {
	return numberedRecords(v.snap, spaceUnwritten, through, func(value []byte) (*joiner.Unwritten, error) {
		u, err := decodeUnwritten(value)
		return &u, err
	})
}

// DeadLetters implements engine.View.
func (v *view) DeadLetters(through uint64) iter.Seq2[*events.DeadLetter, error] {
	return numberedRecords(v.snap, spaceDeadLetter, through, decodeDeadLetter)
}

func numberedRecords[T any](r pebble.Reader, space byte, through uint64, decode func([]byte) (*T, error)) iter.Seq2[*T, error] {
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
func (v *view) Requests(from, to events.Time) iter.Seq2[joiner.Place, error] {
	return func(yield func(joiner.Place, error) bool) {
		err := v.store.keys(v.snap, spaceRequest, from, to, func(key []byte) error {
			p, _, err := readPlace(key)
			if err == nil && !yield(p, nil) {
				return io.EOF
			}
			return err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(joiner.Place{}, err)
		}
	}
}

// Orphans implements engine.View.
func (v *view) Orphans(from, to events.Time) iter.Seq2[engine.Orphan, error] {
	return func(yield func(engine.Orphan, error) bool) {
		err := scan(v.snap, bound(spaceWaiting, from), bound(spaceWaiting, to), func(key, value []byte) error {
			p, tail, err := readPlace(key)
			orphan := engine.Orphan{RequestID: p.ID, Outcome: joiner.HeldOutcome{TS: p.TS}}
			if err == nil {
				err = errors.Join(readTail(&orphan.Outcome, tail), decodeOutcome(&orphan.Outcome, value))
			}
			if err == nil && !yield(orphan, nil) {
				return io.EOF
			}
			return err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(engine.Orphan{}, err)
		}
	}
}

// Closing implements engine.View: a merge of three ranges, each read once.
func (v *view) Closing(from, to events.Time) iter.Seq2[*engine.Closing, error] {
	return func(yield func(*engine.Closing, error) bool) {
		if from >= to {
			return
		}
		c := closer{}
		if err := c.run(v.snap, from, to, yield); err != nil {
			yield(nil, err)
		}
	}
}

// closer walks the requests of a range and, beside them, their outcomes and
// histories, which sort the same way.
type closer struct {
	requests, outcomes, histories *pebble.Iterator
	closing                       engine.Closing
	prefix                        []byte // place of the current request, as in its key, without the space
	err                           error
}

func (c *closer) run(r pebble.Reader, from, to events.Time, yield func(*engine.Closing, error) bool) error {
	open := func(space byte) *pebble.Iterator {
		it, err := r.NewIter(&pebble.IterOptions{LowerBound: bound(space, from), UpperBound: bound(space, to)})
		c.err = errors.Join(c.err, err)
		if err == nil && space != spaceRequest {
			it.First()
		}
		return it
	}
	c.requests, c.outcomes, c.histories = open(spaceRequest), open(spaceOutcome), open(spaceHistory)
	if c.err == nil {
		for ok := c.requests.First(); ok && c.err == nil; ok = c.requests.Next() {
			if c.load() && !yield(&c.closing, nil) {
				break
			}
		}
	}
	for _, it := range []*pebble.Iterator{c.requests, c.outcomes, c.histories} {
		if it != nil {
			c.err = errors.Join(c.err, it.Error(), it.Close())
		}
	}
	return c.err
}

// load reads the current request; false means that it is not one to close.
func (c *closer) load() bool {
	key := c.requests.Key()
	place, _, err := readPlace(key)
	if err != nil {
		c.err = err
		return false
	}
	c.prefix = append(c.prefix[:0], key[1:]...)
	value, err := c.requests.ValueAndErr()
	if err == nil {
		c.closing.Request, err = decodeRequest(value)
	}
	if err != nil {
		c.err = err
		return false
	}
	c.closing.Place = place
	c.closing.Outcomes = c.each
	c.closing.History, c.err = c.history()
	return !c.closing.Request.Late && c.err == nil
}

// seek moves it to the first key at or after the current place. The iterators
// move forwards only: a record of a request that is not one to close is passed.
func (c *closer) seek(it *pebble.Iterator) bool {
	for it.Valid() {
		key := it.Key()[1:]
		switch order := bytes.Compare(key[:min(len(key), len(c.prefix))], c.prefix); {
		case order == 0:
			return true
		case order > 0:
			return false
		}
		it.Next()
	}
	return false
}

func (c *closer) history() (joiner.History, error) {
	if !c.seek(c.histories) {
		return joiner.History{}, nil
	}
	value, err := c.histories.ValueAndErr()
	if err != nil {
		return joiner.History{}, err
	}
	return decodeHistory(value)
}

// each yields the outcomes of the current request, in Order.
func (c *closer) each(yield func(*joiner.HeldOutcome, error) bool) {
	var o joiner.HeldOutcome
	for c.seek(c.outcomes) {
		key := c.outcomes.Key()[1+len(c.prefix):]
		value, err := c.outcomes.ValueAndErr()
		if err == nil {
			o = joiner.HeldOutcome{TS: readTime(key)}
			err = errors.Join(readTail(&o, key[8:]), decodeOutcome(&o, value))
		}
		if !yield(&o, err) || err != nil {
			return
		}
		c.outcomes.Next()
	}
}
