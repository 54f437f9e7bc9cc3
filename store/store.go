package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Options says where the state is and what it may use.
type Options struct {
	FS        vfs.FS
	Dir       string
	CacheSize int64 // bytes of block cache; 0 means 128 MiB
	Log       *slog.Logger
	Fatal     func() // ends the process when the state can no longer be written; nil: a panic does
}

const (
	defaultCache = 128 << 20
	// memTable is how much is written before a flush: at 700 bytes a request a
	// minute of a thousand requests a second fits into one.
	memTable = 32 << 20
)

// savedKey holds engine.Saved as JSON.
var savedKey = []byte{spaceSaved}

// Store is the state of one partition.
type Store struct {
	db    *pebble.DB
	index index
	saved engine.Saved
	batch *pebble.Batch
	dirty map[uint64]struct{}
	key   []byte // scratch
	value []byte // scratch

	unwritten, deadLetters uint64 // newest numbers given out
	failed                 error  // first error of a write of the batch
}

var _ engine.Store = (*Store)(nil)

// Open opens or creates a state and rebuilds its index. A directory that
// another process has open is refused.
func Open(o Options) (*Store, error) {
	cache := pebble.NewCache(cmp.Or(o.CacheSize, defaultCache))
	defer cache.Unref()
	db, err := pebble.Open(o.Dir, &pebble.Options{
		FS:                          o.FS,
		Cache:                       cache,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		L0StopWritesThreshold:       24,
		FormatMajorVersion:          pebble.FormatValueSeparation, // set by hand: the default is the oldest, which does not notice a damaged log
		Logger:                      logger{log: o.Log, fatal: o.Fatal},
	})
	switch {
	case errors.Is(err, syscall.EAGAIN): // what locking a locked file gives
		return nil, fmt.Errorf("the state in %s is in use by another process (%w): stop that one, or give this one another state.dir", o.Dir, err)
	case err != nil:
		return nil, fmt.Errorf("opening the state in %s (if it is damaged, delete that directory: it is rebuilt from the log): %w", o.Dir, err)
	}
	s := &Store{db: db, index: newIndex(), dirty: map[uint64]struct{}{}, batch: db.NewBatch()}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the state in %s: %w", o.Dir, err), s.Close())
	}
	return s, nil
}

// load reads where the state stands and rebuilds the index from its keys.
func (s *Store) load() error {
	s.saved = nothing()
	switch value, closer, err := s.db.Get(savedKey); {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return err
	default:
		err := json.Unmarshal(value, &s.saved)
		if err := errors.Join(err, closer.Close()); err != nil {
			return err
		}
	}
	if err := s.loadIndex(); err != nil {
		return err
	}
	rows, err := s.newest(spaceUnwritten)
	if err != nil {
		return err
	}
	letters, err := s.newest(spaceDeadLetter)
	// Those that commits hold are gone from the state; their numbers stay used.
	s.unwritten, s.deadLetters = max(rows, s.saved.Unwritten), max(letters, s.saved.DeadLetters)
	return err
}

// nothing is where an empty state stands.
func nothing() engine.Saved {
	return engine.Saved{
		Progress:  joiner.Progress{Clock: joiner.NewClock(), ClosedThrough: events.MinTime},
		Committed: events.MinTime, Announced: events.MinTime, MaxEvent: events.MinTime,
		Forgotten: events.MinTime, Orphaned: events.MinTime,
	}
}

func (s *Store) loadIndex() error {
	err := s.keys(s.db, spaceRequest, events.MinTime, events.MaxTime, func(key []byte) error {
		p, _, err := readPlace(key)
		s.index.requests.add(hashID(p.ID), p.TS)
		return err
	})
	if err != nil {
		return err
	}
	err = s.keys(s.db, spaceOutcome, events.MinTime, events.MaxTime, func(key []byte) error {
		p, _, err := readPlace(key)
		s.index.addOutcome(hashID(p.ID))
		return err
	})
	if err != nil {
		return err
	}
	return s.keys(s.db, spaceWaiting, events.MinTime, events.MaxTime, func(key []byte) error {
		p, _, err := readPlace(key)
		s.index.waiting.add(hashID(p.ID), p.TS)
		s.index.addOutcome(hashID(p.ID))
		return err
	})
}

// keys calls visit with each key of a space from one time to another, the
// latter excluded. The key is good during the call.
func (s *Store) keys(r pebble.Reader, space byte, from, to events.Time, visit func(key []byte) error) error {
	if from >= to {
		return nil
	}
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: bound(space, from), UpperBound: bound(space, to)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := visit(it.Key()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// newest is the number of the last record of a numbered space.
func (s *Store) newest(space byte) (uint64, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		return 0, err
	}
	var n uint64
	if it.Last() {
		n, err = number(it.Key())
	}
	return n, errors.Join(err, it.Error(), it.Close())
}

// Progress implements engine.Store.
func (s *Store) Progress() engine.Saved { return s.saved }

// Unwritten implements engine.Store.
func (s *Store) Unwritten() uint64 { return s.unwritten }

// DeadLetters implements engine.Store.
func (s *Store) DeadLetters() uint64 { return s.deadLetters }

// Find implements engine.Store.
func (s *Store) Find(places []joiner.Place, id string) []joiner.Place {
	s.index.requests.each(hashID(id), func(t events.Time) {
		places = append(places, joiner.Place{TS: t, ID: id})
	})
	return places
}

// HasWaiting implements engine.Store.
func (s *Store) HasWaiting(id string) bool { return s.index.waiting.has(hashID(id)) }

// OutcomeCount implements engine.Store.
func (s *Store) OutcomeCount(id string) int { return int(s.index.outcomes[hashID(id)]) }

// Dirty implements engine.Store.
func (s *Store) Dirty(id string) bool {
	_, ok := s.dirty[hashID(id)]
	return ok
}

// Request implements engine.Store.
func (s *Store) Request(p joiner.Place) (joiner.HeldRequest, bool, error) {
	return getRequest(s.db, p)
}

func getRequest(r pebble.Reader, p joiner.Place) (joiner.HeldRequest, bool, error) {
	value, ok, err := get(r, appendPlace(nil, spaceRequest, p))
	if !ok || err != nil {
		return joiner.HeldRequest{}, false, err
	}
	held, err := decodeRequest(value)
	return held, err == nil, err
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

// History implements engine.Store.
func (s *Store) History(p joiner.Place) (joiner.History, bool, error) {
	value, ok, err := get(s.db, appendPlace(nil, spaceHistory, p))
	if !ok || err != nil {
		return joiner.History{}, false, err
	}
	h, err := decodeHistory(value)
	return h, err == nil, err
}

// Histories implements engine.Store.
func (s *Store) Histories(from, to events.Time) iter.Seq2[joiner.Place, error] {
	return func(yield func(joiner.Place, error) bool) {
		err := s.keys(s.db, spaceHistory, from, to, func(key []byte) error {
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

// Closable implements engine.Store.
func (s *Store) Closable(from, to events.Time) (bool, error) { return s.any(spaceRequest, from, to) }

// Orphaned implements engine.Store.
func (s *Store) Orphaned(from, to events.Time) (bool, error) { return s.any(spaceWaiting, from, to) }

// any reports whether a space has a key from one time to another.
func (s *Store) any(space byte, from, to events.Time) (bool, error) {
	found := false
	err := s.keys(s.db, space, from, to, func([]byte) error {
		found = true
		return io.EOF
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return found, err
}

// Outcomes implements engine.Store.
func (s *Store) Outcomes(p joiner.Place) iter.Seq2[joiner.HeldOutcome, error] {
	prefix := appendPlace(nil, spaceOutcome, p)
	return func(yield func(joiner.HeldOutcome, error) bool) {
		err := s.records(prefix, func(key, value []byte) error {
			o := joiner.HeldOutcome{TS: readTime(key[len(prefix):])}
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
			yield(joiner.HeldOutcome{}, err)
		}
	}
}

// Waiting implements engine.Store.
func (s *Store) Waiting(id string) ([]joiner.HeldOutcome, error) {
	var held []joiner.HeldOutcome
	seen := map[events.Time]bool{}
	var err error
	s.index.waiting.each(hashID(id), func(t events.Time) {
		if seen[t] || err != nil {
			return
		}
		seen[t] = true
		prefix := appendID(appendTime([]byte{spaceWaiting}, t), id)
		err = s.records(prefix, func(key, value []byte) error {
			o := joiner.HeldOutcome{TS: t}
			if err := readTail(&o, key[len(prefix):]); err != nil {
				return err
			}
			held = append(held, o)
			return decodeOutcome(&held[len(held)-1], append([]byte(nil), value...))
		})
	})
	return held, err
}

// records calls visit with each record under a prefix. A prefix ends in the
// terminator of an id, so the next possible key differs in its last byte.
func (s *Store) records(prefix []byte, visit func(key, value []byte) error) error {
	upper := append([]byte(nil), prefix...)
	upper[len(upper)-1]++
	return scan(s.db, prefix, upper, visit)
}

// scan calls visit with each record from one key to another, the latter
// excluded. Both are good during the call.
func scan(r pebble.Reader, from, to []byte, visit func(key, value []byte) error) error {
	if bytes.Compare(from, to) >= 0 {
		return nil
	}
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = visit(it.Key(), value)
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// Close implements engine.Store. What was applied stays, as far as the
// operating system lives; Close syncs it too.
func (s *Store) Close() error {
	return errors.Join(s.batch.Close(), s.db.Close())
}
