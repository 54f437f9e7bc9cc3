package store

import (
	"errors"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Forget implements engine.Store.
func (s *Store) Forget(f state.Forget) {
	s.forgetRange(spaceWaiting, f.Orphaned, f.Cut.Orphaned)
	if f.Cut.RowsQueued > s.saved.RowsCommitted {
		s.deleteRange([]byte{spaceOutbox}, numbered(spaceOutbox, f.Cut.RowsQueued+1))
	}
	if f.Cut.DeadLetters > s.saved.DeadLetters {
		s.deleteRange([]byte{spaceDeadLetter}, numbered(spaceDeadLetter, f.Cut.DeadLetters+1))
	}
	for _, p := range f.Orphans {
		h := s.hash(p.ID)
		s.index.waiting.remove(h, p.TS)
		s.index.dropOutcomes(h, 1)
	}
}

// ForgetRequests implements engine.Store. The index goes by what the spaces say that
// is cheap to read. Records go by ranges of time, when the last part is forgotten: no reader
// looks at what is stamped before Checkpoint.Forgotten, and every range that is deleted is a
// table that overlaps with others. The first one after a start takes what a crash left.
func (s *Store) ForgetRequests(from, to events.Time, about int) (through events.Time) {
	if from >= to {
		return from
	}
	d := discount{store: s}
	through, err := s.forgetGroups(from, to, about, &d)
	s.fail(err)
	s.fail(s.forgetSingles(from, through, &d))
	if through < to {
		return through
	}
	for _, space := range []byte{spaceRequest, spaceOutcome, spaceHistory} {
		s.forgetRange(space, s.deleted, through)
	}
	for _, space := range []byte{spaceGroup, spaceEvents} {
		s.deleteRange(sliceBound(space, s.deleted), sliceBound(space, through))
	}
	s.deleted = through
	return through
}

// forgetRange deletes what a space has from one time to another, if it has
// anything: every commit is flushed, and a deletion alone would make a table.
func (s *Store) forgetRange(space byte, from, to events.Time) {
	some, err := s.any(space, from, to)
	if s.fail(err); some {
		s.deleteRange(bound(space, from), bound(space, to))
	}
}

// forgetSingles takes the requests that stand by themselves out of the index.
func (s *Store) forgetSingles(from, to events.Time, d *discount) error {
	return keys(s.db.Load(), spaceRequest, from, to, func(key []byte) error {
		p, _, err := readKey(key)
		if err != nil {
			return err
		}
		h := s.hash(p.ID)
		s.index.singles.remove(h, p.TS)
		return d.outcomes(h, p.TS)
	})
}

// forgetGroups takes requests in groups out of the index, about so many, and says
// up to when. A group itself goes when its slice is over.
func (s *Store) forgetGroups(from, to events.Time, about int, d *discount) (through events.Time, err error) {
	through = to
	slice := events.MinTime // that the last group was in
	err = eachGroup(s.db.Load(), from, to, &s.group, func(at groupRef) error {
		if about <= 0 && at.slice != slice && at.slice > from {
			through = at.slice
			return io.EOF
		}
		slice, about = at.slice, about-len(s.group.slots)
		for i := range s.group.slots {
			r := &s.group.slots[i]
			if r.ts < from || r.ts >= to {
				continue
			}
			h := s.hashBytes(s.group.id(r))
			s.index.requests.remove(h, uint32(at.number))
			if err := d.outcomes(h, r.ts); err != nil {
				return err
			}
		}
		if sliceOf(at.slice) < sliceOf(to) {
			s.index.groups.drop(at.number)
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return through, err
}

// discount takes the outcomes of forgotten requests out of the index.
type discount struct {
	store *Store
	done  map[hashed]struct{} // what was counted record by record
}

// hashed is what is known of a request without its id.
type hashed struct {
	ts   events.Time
	hash uint64
}

// outcomes discounts those of a request.
func (d *discount) outcomes(h uint64, t events.Time) error {
	s := d.store
	switch {
	case s.index.outcomes[h] == 0:
		return nil
	case !s.index.known(h) && !s.index.waiting.has(h):
		delete(s.index.outcomes, h)
		return nil
	}
	// The id is in use again, or another one has its hash: only what belongs to
	// this time goes, with whatever else is forgotten that has both.
	if _, done := d.done[hashed{t, h}]; done {
		return nil
	}
	if d.done == nil {
		d.done = map[hashed]struct{}{}
	}
	d.done[hashed{t, h}] = struct{}{}
	return keys(s.db.Load(), spaceOutcome, t, t+1, func(key []byte) error {
		p, _, err := readKey(key)
		if err == nil && s.hash(p.ID) == h {
			s.index.dropOutcomes(h, 1)
		}
		return err
	})
}
