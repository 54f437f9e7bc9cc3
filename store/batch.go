package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// PutRequest implements engine.Store.
func (s *Store) PutRequest(p joiner.RequestKey, r *joiner.StoredRequest) {
	s.value = appendRequest(s.value[:0], r)
	s.putSingle(p, s.value)
}

func (s *Store) putSingle(p joiner.RequestKey, value []byte) {
	h := s.hash(p.ID)
	s.index.addSingle(h, p.TS)
	s.dirty.add(h)
	s.key = appendKey(s.key[:0], spaceRequest, p)
	s.set(s.key, value)
}

// PutOutcome implements engine.Store.
func (s *Store) PutOutcome(p joiner.RequestKey, o *joiner.StoredOutcome) {
	h := s.hash(p.ID)
	s.index.addOutcome(h)
	s.dirty.add(h)
	s.key = appendOutcome(s.key[:0], p, o)
	s.value = appendOutcomeValue(s.value[:0], o)
	s.set(s.key, s.value)
}

// DeleteOutcome implements engine.Store.
func (s *Store) DeleteOutcome(p joiner.RequestKey, o *joiner.StoredOutcome) {
	h := s.hash(p.ID)
	s.index.dropOutcomes(h, 1)
	s.dirty.add(h)
	s.delete(appendOutcome(s.key[:0], p, o))
}

// PutWaiting implements engine.Store.
func (s *Store) PutWaiting(id string, o *joiner.StoredOutcome) {
	h := s.hash(id)
	s.index.waiting.add(h, o.Until)
	s.index.addOutcome(h)
	s.dirty.add(h)
	s.key = appendWaiting(s.key[:0], id, o)
	s.value = appendWaitingValue(s.value[:0], o)
	s.set(s.key, s.value)
}

// DeleteWaiting implements engine.Store.
func (s *Store) DeleteWaiting(id string, o *joiner.StoredOutcome) {
	h := s.hash(id)
	s.index.waiting.remove(h, o.Until)
	s.index.dropOutcomes(h, 1)
	s.dirty.add(h)
	s.delete(appendWaiting(s.key[:0], id, o))
}

// PutHistory implements engine.Store.
func (s *Store) PutHistory(p joiner.RequestKey, h *joiner.History) {
	s.dirty.add(s.hash(p.ID))
	s.key = appendKey(s.key[:0], spaceHistory, p)
	s.value = appendHistory(s.value[:0], h)
	s.set(s.key, s.value)
}

// QueueRow implements engine.Store.
func (s *Store) QueueRow(u *joiner.QueuedRow) {
	s.rowsQueued++
	s.value = appendQueuedRow(s.value[:0], u)
	s.set(numbered(spaceOutbox, s.rowsQueued), s.value)
}

// Move implements engine.Store. What a group has of the request stays there and does not count any more.
func (s *Store) Move(from, to joiner.RequestKey) error {
	s.putSingle(from, goneValue)
	for o, err := range s.Outcomes(from) {
		if err != nil {
			return err
		}
		s.DeleteOutcome(from, &o)
		s.PutOutcome(to, &o)
	}
	h, ok, err := s.history(from)
	if !ok || err != nil {
		return err // what has no history has no row in the outbox
	}
	s.delete(appendKey(s.key[:0], spaceHistory, from))
	s.PutHistory(to, &h)
	return s.moveQueued(from, to)
}

// moveQueued gives the rows of a request in the outbox its new key. It reads all that no finished commit holds.
func (s *Store) moveQueued(from, to joiner.RequestKey) error {
	return scan(s.db.Load(), numbered(spaceOutbox, s.saved.RowsCommitted+1), []byte{spaceOutbox + 1},
		func(key, value []byte) error {
			u, err := decodeQueuedRow(value)
			if err != nil || u.Key != from {
				return err
			}
			u.Key = to
			s.value = appendQueuedRow(s.value[:0], &u)
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
func (s *Store) Apply(saved *state.Checkpoint, sync bool) error {
	if len(s.newRequests) > 0 {
		s.writeGroups()
	}
	text, err := json.Marshal(saved)
	if err := errors.Join(err, s.failed); err != nil {
		return fmt.Errorf("writing a batch of state: %w", err)
	}
	s.set(savedKey, text)
	if err := s.commit(sync); err != nil {
		return fmt.Errorf("applying a batch of state: %w", err)
	}
	s.dirty.empty()
	s.indexGroups()
	s.saved = *saved
	return nil
}

// commit gives the batch to Pebble.
func (s *Store) commit(sync bool) error {
	if err := errors.Join(s.failed, s.batch.Commit(pebble.NoSync)); err != nil {
		return err
	}
	s.batch.Reset()
	if s.unflushed = !sync; sync {
		return flush(s.db.Load())
	}
	return nil
}

func number(key []byte) (uint64, error) {
	if len(key) != 9 {
		return 0, fmt.Errorf("state key %x is not numbered", key)
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}
