package store

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// closingIter walks the requests of a range and, beside them, their outcomes and
// histories, whose keys sort the same way.
type closingIter struct {
	walk                walk // of whole requests
	outcomes, histories *pebble.Iterator

	closing     state.Closing
	piece       [1]joiner.StoredPiece // of a request in a group
	prefix      []byte                // key of the current request, as it stands behind the space
	key         []byte                // scratch
	portion     int                   // number of that which the last request was in
	lastOutcome joiner.StoredOutcome  // the last one given
	given       bool                  // the iterator still stands at it
	err         error
}

func (c *closingIter) run(r pebble.Reader, yield func(*state.Closing, error) bool) error {
	if c.walk.from >= c.walk.to {
		return nil
	}
	err := c.open(r)
	if err == nil {
		err = c.walk.run(r, func(w *walked, of *portion) bool {
			if !c.begin(w, of) {
				return c.err == nil
			}
			return yield(&c.closing, nil) && c.err == nil
		})
	}
	return errors.Join(err, c.err, closeAll(c.outcomes, c.histories))
}

func (c *closingIter) open(r pebble.Reader) (err error) {
	c.closing.Outcome = c.outcome
	if c.outcomes, err = openSpace(r, spaceOutcome, c.walk.from, c.walk.to); err != nil {
		return err
	}
	c.histories, err = openSpace(r, spaceHistory, c.walk.from, c.walk.to)
	return err
}

// begin makes a request the current one; false means that it is not one to close.
func (c *closingIter) begin(w *walked, of *portion) bool {
	c.closing.Key = w.key
	if c.closing.Request = (joiner.StoredRequest{Pieces: c.piece[:]}); w.single != nil {
		c.closing.Request = w.single.StoredRequest
	} else {
		c.piece[0] = joiner.StoredPiece{Origin: w.origin, Data: w.data}
	}
	c.prefix = appendKey(c.prefix[:0], 0, w.key)
	c.prefix = append(c.prefix[:0], c.prefix[1:]...)
	if back := of.goesOn && c.portion != of.number; back {
		// The slice is gone through once more from its beginning.
		c.outcomes.SeekGE(c.at(spaceOutcome))
		c.histories.SeekGE(c.at(spaceHistory))
	}
	c.portion, c.given = of.number, false
	c.closing.History, c.err = c.history()
	return !c.closing.Request.Late && c.err == nil
}

// at is the first key in a space of the current request.
func (c *closingIter) at(space byte) []byte {
	c.key = append(append(c.key[:0], space), c.prefix...)
	return c.key
}

// steps is how many records of other requests are passed before seeking: a seek
// costs about as much.
const steps = 8

// seek moves an iterator to the first key at or after the current request, and
// reports whether that is one of it. It only goes forwards: a record of a request
// that is not one to close is passed.
func (c *closingIter) seek(it *pebble.Iterator, space byte) bool {
	for step := 0; it.Valid(); step++ {
		key := it.Key()[1:]
		switch order := bytes.Compare(key[:min(len(key), len(c.prefix))], c.prefix); {
		case order == 0:
			return true
		case order > 0:
			return false
		}
		if step < steps {
			it.Next()
		} else {
			it.SeekGE(c.at(space))
		}
	}
	return false
}

func (c *closingIter) history() (joiner.History, error) {
	if !c.seek(c.histories, spaceHistory) {
		return joiner.History{}, nil
	}
	value, err := c.histories.ValueAndErr()
	if err != nil {
		return joiner.History{}, err
	}
	return decodeHistory(value)
}

// outcome gives the next outcome of the current request.
func (c *closingIter) outcome() (*joiner.StoredOutcome, error) {
	if c.given {
		c.outcomes.Next()
		c.given = false
	}
	if !c.seek(c.outcomes, spaceOutcome) {
		return nil, c.outcomes.Error()
	}
	key := c.outcomes.Key()[1+len(c.prefix):]
	value, err := c.outcomes.ValueAndErr()
	if err != nil {
		return nil, err
	}
	c.lastOutcome = joiner.StoredOutcome{TS: readTime(key)}
	if err := errors.Join(readTail(&c.lastOutcome, key[8:]), decodeOutcome(&c.lastOutcome, value)); err != nil {
		return nil, err
	}
	c.given = true
	return &c.lastOutcome, nil
}
