package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// PutRequest implements engine.Store.
func (s *Store) PutRequest(p joiner.Place, r *joiner.HeldRequest) {
	h := hashID(p.ID)
	if !s.holds(h, p.TS) {
		s.index.requests.add(h, p.TS)
	}
	s.dirty[h] = struct{}{}
	s.key = appendPlace(s.key[:0], spaceRequest, p)
	s.value = appendRequest(s.value[:0], r)
	s.set(s.key, s.value)
}

func (s *Store) holds(h uint64, t events.Time) bool {
	found := false
	s.index.requests.each(h, func(held events.Time) { found = found || held == t })
	return found
}

// DeleteRequest implements engine.Store.
func (s *Store) DeleteRequest(p joiner.Place) {
	h := hashID(p.ID)
	s.index.requests.remove(h, p.TS)
	s.dirty[h] = struct{}{}
	s.delete(appendPlace(s.key[:0], spaceRequest, p))
}

// PutOutcome implements engine.Store.
func (s *Store) PutOutcome(p joiner.Place, o *joiner.HeldOutcome) {
	h := hashID(p.ID)
	s.index.addOutcome(h)
	s.dirty[h] = struct{}{}
	s.key = appendOutcome(s.key[:0], p, o)
	s.value = appendOutcomeValue(s.value[:0], o)
	s.set(s.key, s.value)
}

// DeleteOutcome implements engine.Store.
func (s *Store) DeleteOutcome(p joiner.Place, o *joiner.HeldOutcome) {
	h := hashID(p.ID)
	s.index.dropOutcomes(h, 1)
	s.dirty[h] = struct{}{}
	s.delete(appendOutcome(s.key[:0], p, o))
}

// PutWaiting implements engine.Store.
func (s *Store) PutWaiting(id string, o *joiner.HeldOutcome) {
	h := hashID(id)
	s.index.waiting.add(h, o.TS)
	s.index.addOutcome(h)
	s.dirty[h] = struct{}{}
	s.key = appendWaiting(s.key[:0], id, o)
	s.value = appendOutcomeValue(s.value[:0], o)
	s.set(s.key, s.value)
}

// DeleteWaiting implements engine.Store.
func (s *Store) DeleteWaiting(id string, o *joiner.HeldOutcome) {
	h := hashID(id)
	s.index.waiting.remove(h, o.TS)
	s.index.dropOutcomes(h, 1)
	s.dirty[h] = struct{}{}
	s.delete(appendWaiting(s.key[:0], id, o))
}

// PutHistory implements engine.Store.
func (s *Store) PutHistory(p joiner.Place, h *joiner.History) {
	s.dirty[hashID(p.ID)] = struct{}{}
	s.key = appendPlace(s.key[:0], spaceHistory, p)
	s.value = appendHistory(s.value[:0], h)
	s.set(s.key, s.value)
}

// DeleteHistory implements engine.Store.
func (s *Store) DeleteHistory(p joiner.Place) {
	s.dirty[hashID(p.ID)] = struct{}{}
	s.delete(appendPlace(s.key[:0], spaceHistory, p))
}

// AddUnwritten implements engine.Store.
func (s *Store) AddUnwritten(u *joiner.Unwritten) {
	s.unwritten++
	s.value = appendUnwritten(s.value[:0], u)
	s.set(numbered(spaceUnwritten, s.unwritten), s.value)
}

// MoveUnwritten implements engine.Store.
func (s *Store) MoveUnwritten(from, to joiner.Place) error {
	return scan(s.db, numbered(spaceUnwritten, s.saved.Unwritten+1), []byte{spaceUnwritten + 1}, func(key, value []byte) error {
		u, err := decodeUnwritten(value)
		if err != nil || u.Place != from {
			return err
		}
		u.Place = to
		s.value = appendUnwritten(s.value[:0], &u)
		s.set(key, s.value)
		return nil
	})
}

// AddDeadLetter implements engine.Store.
func (s *Store) AddDeadLetter(l *events.DeadLetter) {
	s.deadLetters++
	value, err := appendDeadLetter(s.value[:0], l)
	s.fail(err)
	s.value = value
	s.set(numbered(spaceDeadLetter, s.deadLetters), value)
}

func (s *Store) set(key, value []byte) { s.fail(s.batch.Set(key, value, nil)) }

func (s *Store) delete(key []byte) {
	s.key = key
	s.fail(s.batch.Delete(key, nil))
}

func (s *Store) deleteRange(from, to []byte) { s.fail(s.batch.DeleteRange(from, to, nil)) }

func (s *Store) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
}

// Apply implements engine.Store.
func (s *Store) Apply(saved *engine.Saved, sync bool) error {
	text, err := json.Marshal(saved)
	if err := errors.Join(err, s.failed); err != nil {
		return fmt.Errorf("writing a batch of state: %w", err)
	}
	s.set(savedKey, text)
	how := pebble.NoSync
	if sync {
		how = pebble.Sync
	}
	if err := errors.Join(s.failed, s.batch.Commit(how)); err != nil {
		return fmt.Errorf("applying a batch of state: %w", err)
	}
	s.batch.Reset()
	clear(s.dirty)
	s.saved = *saved
	return nil
}

// Reset implements engine.Store.
func (s *Store) Reset() error {
	s.batch.Reset()
	s.deleteRange([]byte{0}, []byte{0xFF})
	s.index, s.saved = newIndex(), nothing()
	s.unwritten, s.deadLetters = 0, 0
	clear(s.dirty)
	err := errors.Join(s.failed, s.batch.Commit(pebble.Sync))
	s.batch.Reset()
	if err != nil {
		return fmt.Errorf("emptying the state: %w", err)
	}
	return nil
}

// Forget implements engine.Store.
func (s *Store) Forget(f engine.Forget) {
	if f.Cut.Forgotten > f.Forgotten {
		for _, space := range []byte{spaceRequest, spaceOutcome, spaceHistory} {
			s.deleteRange(bound(space, f.Forgotten), bound(space, f.Cut.Forgotten))
		}
	}
	if f.Cut.Orphaned > f.Orphaned {
		s.deleteRange(bound(spaceWaiting, f.Orphaned), bound(spaceWaiting, f.Cut.Orphaned))
	}
	s.deleteRange([]byte{spaceUnwritten}, numbered(spaceUnwritten, f.Cut.Unwritten+1))
	s.deleteRange([]byte{spaceDeadLetter}, numbered(spaceDeadLetter, f.Cut.DeadLetters+1))
	for _, p := range f.Requests {
		h := hashID(p.ID)
		s.index.requests.remove(h, p.TS)
		if !s.index.requests.has(h) && !s.index.waiting.has(h) {
			delete(s.index.outcomes, h)
			continue
		}
		// The id is in use again: only what belongs to this place goes.
		s.fail(s.records(appendPlace(nil, spaceOutcome, p), func(_, _ []byte) error {
			s.index.dropOutcomes(h, 1)
			return nil
		}))
	}
	for _, p := range f.Orphans {
		h := hashID(p.ID)
		s.index.waiting.remove(h, p.TS)
		s.index.dropOutcomes(h, 1)
	}
}

func number(key []byte) (uint64, error) {
	if len(key) != 9 {
		return 0, fmt.Errorf("state key %x is not numbered", key)
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}
