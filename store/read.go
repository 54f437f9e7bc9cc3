package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Find implements engine.Store.
func (s *Store) Find(found []joiner.Found, id string) ([]joiner.Found, error) {
	h := s.hash(id)
	var err error
	s.index.singles.each(h, func(t events.Time) {
		p := joiner.RequestKey{TS: t, ID: id}
		if r, ok, failed := getSingle(s.db.Load(), p); failed != nil {
			err = failed
		} else if ok && !r.gone {
			found = append(found, joiner.Found{Key: p, Late: r.Late})
		}
	})
	if err != nil {
		return found, err
	}
	err = s.inGroups(h, id, func(at *slot, _ groupRef) (bool, error) {
		p := joiner.RequestKey{TS: at.ts, ID: id}
		hidden, err := s.hidden(h, p)
		if !hidden && err == nil && at.ts >= s.saved.Forgotten {
			found = append(found, joiner.Found{Key: p})
		}
		return true, err
	})
	return found, err
}

// eachGroup decodes the groups whose slices lie between two times, and calls visit
// with each.
func eachGroup(r pebble.Reader, from, to events.Time, g *group, visit func(groupRef) error) error {
	return scan(r, sliceBound(spaceGroup, from), bound(spaceGroup, to), func(key, value []byte) error {
		slice, number, err := readGroupKey(key)
		if err == nil {
			err = g.decode(slice, value)
		}
		if err != nil {
			return err
		}
		return visit(groupRef{slice: slice, number: number})
	})
}

// inGroups calls visit with the slots of an id in the groups, as long as it
// returns true. During the call they are in s.group.
func (s *Store) inGroups(h uint64, id string, visit func(*slot, groupRef) (bool, error)) error {
	s.found = s.index.requests.find(s.found[:0], h)
	slices.Sort(s.found)
	for _, low := range slices.Compact(s.found) {
		g, ok := s.index.groups.find(low)
		if !ok {
			continue
		}
		s.key = groupKey(s.key[:0], spaceGroup, g.slice, g.number)
		value, closer, err := s.db.Load().Get(s.key)
		if err != nil {
			return fmt.Errorf("reading a group of requests: %w", err)
		}
		more := true
		if err = s.group.decode(g.slice, value); err == nil {
			more, err = s.group.each(id, func(at *slot) (bool, error) { return visit(at, g) })
		}
		if err := errors.Join(err, closer.Close()); err != nil || !more {
			return err
		}
	}
	return nil
}

// hidden reports whether a request stands by itself, or is gone, so that what a
// group has of it does not count.
func (s *Store) hidden(h uint64, p joiner.RequestKey) (bool, error) {
	if !s.index.singles.holds(h, p.TS) {
		return false, nil
	}
	_, ok, err := getSingle(s.db.Load(), p)
	return ok, err
}

// HasWaiting implements engine.Store.
func (s *Store) HasWaiting(id string) bool { return s.index.waiting.has(s.hash(id)) }

// OutcomeCount implements engine.Store.
func (s *Store) OutcomeCount(id string) int { return int(s.index.outcomes[s.hash(id)]) }

// Dirty implements engine.Store.
func (s *Store) Dirty(id string) bool { return s.dirty.has(s.hash(id)) }

// Get implements engine.Store.
func (s *Store) Get(p joiner.RequestKey) (r joiner.StoredRequest, h joiner.History, ok bool, err error) {
	if r, ok, err = s.request(p); !ok || err != nil {
		return r, h, false, err
	}
	h, _, err = s.history(p)
	return r, h, err == nil, err
}

func (s *Store) history(p joiner.RequestKey) (joiner.History, bool, error) {
	value, ok, err := get(s.db.Load(), appendKey(nil, spaceHistory, p))
	if !ok || err != nil {
		return joiner.History{}, false, err
	}
	h, err := decodeHistory(value)
	return h, err == nil, err
}

// request reads a request from where it stands by itself, or from its group.
func (s *Store) request(p joiner.RequestKey) (stored joiner.StoredRequest, ok bool, err error) {
	h := s.hash(p.ID)
	if s.index.singles.holds(h, p.TS) {
		r, found, err := getSingle(s.db.Load(), p)
		if found || err != nil {
			return r.StoredRequest, found && !r.gone, err
		}
	}
	if p.TS < s.saved.Forgotten {
		return stored, false, nil
	}
	err = s.inGroups(h, p.ID, func(at *slot, g groupRef) (bool, error) {
		if ok = at.ts == p.TS; !ok {
			return true, nil
		}
		var err error
		stored, err = s.group.fetch(s.db.Load(), at, g)
		return false, err
	})
	return stored, ok && err == nil, err
}

// getSingle reads the record of a request that stands by itself.
func getSingle(r pebble.Reader, p joiner.RequestKey) (storedSingle, bool, error) {
	value, ok, err := get(r, appendKey(nil, spaceRequest, p))
	if !ok || err != nil {
		return storedSingle{}, false, err
	}
	stored, err := decodeSingle(value)
	return stored, err == nil, err
}

// get copies a value, since Pebble's own is good only until its closer closes.
func get(r pebble.Reader, key []byte) ([]byte, bool, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value = append([]byte(nil), value...)
	return value, true, closer.Close()
}

// Closable implements engine.Store.
func (s *Store) Closable(from, to events.Time) (bool, error) {
	found := false
	err := scan(s.db.Load(), bound(spaceRequest, from), bound(spaceRequest, to), func(_, value []byte) error {
		r, err := decodeSingle(value)
		if found = err == nil && !r.gone; found {
			return io.EOF
		}
		return err
	})
	if found {
		return true, nil
	}
	if err != nil || from >= to {
		return false, err
	}
	err = eachGroup(s.db.Load(), from, to, &s.group, func(groupRef) error {
		for i := range s.group.slots {
			r := &s.group.slots[i]
			if r.ts >= from && r.ts < to && !s.index.singles.holds(s.hashBytes(s.group.id(r)), r.ts) {
				found = true
				return io.EOF
			}
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return found, err
}

// Orphaned implements engine.Store.
func (s *Store) Orphaned(from, to events.Time) (bool, error) { return s.any(spaceWaiting, from, to) }

// any reports whether a space has a key from one time to another.
func (s *Store) any(space byte, from, to events.Time) (bool, error) {
	found := false
	err := keys(s.db.Load(), space, from, to, func([]byte) error {
		found = true
		return io.EOF
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return found, err
}

// Outcomes implements engine.Store.
func (s *Store) Outcomes(p joiner.RequestKey) iter.Seq2[joiner.StoredOutcome, error] {
	prefix := appendKey(nil, spaceOutcome, p)
	return func(yield func(joiner.StoredOutcome, error) bool) {
		err := s.records(prefix, func(key, value []byte) error {
			o := joiner.StoredOutcome{TS: readTime(key[len(prefix):])}
			if err := readTail(&o, key[len(prefix)+8:]); err != nil {
				return err
			}
			if err := decodeOutcome(&o, append([]byte(nil), value...)); err != nil {
				return err
			}
			if !yield(o, nil) {
				return io.EOF
			}
			return nil
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(joiner.StoredOutcome{}, err)
		}
	}
}

// Waiting implements engine.Store.
func (s *Store) Waiting(id string, from, to events.Time) (stored []joiner.StoredOutcome, err error) {
	seen := map[events.Time]bool{}
	s.index.waiting.each(s.hash(id), func(t events.Time) {
		if seen[t] || err != nil || t < from || t >= to {
			return
		}
		seen[t] = true
		prefix := appendID(appendTime([]byte{spaceWaiting}, t), id)
		err = s.records(prefix, func(key, value []byte) error {
			o := joiner.StoredOutcome{Until: t}
			if err := readTail(&o, key[len(prefix):]); err != nil {
				return err
			}
			stored = append(stored, o)
			return decodeWaiting(&stored[len(stored)-1], append([]byte(nil), value...))
		})
	})
	return stored, err
}
