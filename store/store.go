package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Options says where the state is and what it may use.
type Options struct {
	FS        vfs.FS
	Dir       string
	CacheSize int64 // bytes of block cache; 0 means 128 MiB
	Log       *slog.Logger
	ReadOnly  bool   // open it for reading: no file is changed, and there must be a state
	Fatal     func() // ends the process when the state can no longer be written; nil: a panic does

	tune     func(*Store) // by tests
	memTable uint64       // by tests; 0 means its own size
	logged   bool         // by tests: with the write-ahead log that states had once
}

const (
	defaultCache = 128 << 20
	// memTable is how much is applied before a flush, if no commit is cut before:
	// at 700 bytes a request three quarters of a minute of a thousand requests a
	// second fit into one.
	memTable = 32 << 20
	// compactAt is how many layers level 0 has before it is compacted. What is new lies
	// in tables that hardly overlap, and most of it is forgotten as a whole before long.
	// To rewrite it early is work for nothing: with Pebble's 4, 770 bytes an event are
	// written by bench live, and 630 with 12.
	compactAt = 12
)

// savedKey holds state.Checkpoint as JSON.
var savedKey = []byte{spaceSaved}

// Store is the state of one partition.
type Store struct {
	o     Options
	cache *pebble.Cache
	db    atomic.Pointer[pebble.DB] // for readers of its metrics: else only one goroutine uses the store
	name  string                    // of its directory within o.Dir; empty: o.Dir itself

	damage *damage

	old     *pebble.DB // the state beside which db is built, until that is adopted; nil: none is
	oldName string

	index index
	saved state.Checkpoint
	batch *pebble.Batch

	dirty       dirtySet     // ids of the batch
	newRequests []newRequest // requests of it that are new
	groups      []newGroup   // what was made of those

	key, value, text []byte // scratch
	group            group  // scratch
	found            []uint32

	rowsQueued, deadLetters uint64 // newest numbers given out

	deleted events.Time // nothing of requests stamped before it is left

	colliding    bool // ids of the same length have the same hash: for tests
	groupBytes   int
	portionBytes int
	failed       error // first error of a write of the batch
	unflushed    bool  // something was applied that only a view may have flushed
}

// Open opens or creates a state and rebuilds its index. A directory that
// another process has open is refused. A state whose files are not what was
// written is a *DamagedError.
func Open(o Options) (*Store, error) {
	s := &Store{o: o, cache: pebble.NewCache(cmp.Or(o.CacheSize, defaultCache)), groupBytes: groupBytes,
		portionBytes: portionBytes}
	s.damage = &damage{fs: o.FS, dir: o.Dir, readOnly: o.ReadOnly, log: logger{log: o.Log, fatal: o.Fatal}}
	name, err := pointed(o.FS, o.Dir)
	var db *pebble.DB
	if err = errors.Join(err, s.damage.marked()); err == nil {
		db, err = s.openIn(name)
	}
	if err != nil {
		s.cache.Unref()
		return nil, opening(o.Dir, err)
	}
	s.use(db, name)
	if o.tune != nil {
		o.tune(s)
	}
	err = s.load()
	if err == nil && !o.ReadOnly {
		err = s.sweep()
	}
	if err := s.damage.opened(err); err != nil {
		return nil, errors.Join(opening(o.Dir, err), s.Close())
	}
	return s, nil
}

// openIn opens or creates the database in a directory of the state's.
func (s *Store) openIn(name string) (*pebble.DB, error) {
	return pebble.Open(s.o.FS.PathJoin(s.o.Dir, name), pebbleOptions(&s.o, s.cache, s.damage))
}

func pebbleOptions(o *Options, cache *pebble.Cache, d *damage) *pebble.Options {
	p := &pebble.Options{
		FS:                          tableFS{o.FS},
		ReadOnly:                    o.ReadOnly,
		Cache:                       cache,
		DisableWAL:                  !o.logged, // the input log is one already: see doc.go
		MemTableSize:                cmp.Or(o.memTable, memTable),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       compactAt,
		L0StopWritesThreshold:       3 * compactAt,
		// set by hand: the default is the oldest, which does not notice a damaged log
		FormatMajorVersion: pebble.FormatValueSeparation,
		Logger:             logger{log: o.Log, fatal: o.Fatal},
		EventListener:      listen(logger{log: o.Log, fatal: o.Fatal}, d),
	}
	// Nearly all of it is events, which are compressed in their groups.
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	p.Experimental.SpanPolicyFunc = spaceBySpace
	return p
}

// spaceBySpace has no policy, but keeps the spaces in files of their own. Most
// grow at their ends only, so that their files overlap with no others and go down
// the levels as they are, without being written again.
func spaceBySpace(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if len(start) == 0 {
		return policy, nil, nil
	}
	return policy, []byte{start[0] + 1}, nil
}

// load reads where the state stands and rebuilds the index from its keys.
func (s *Store) load() error {
	s.saved = nothing()
	switch value, closer, err := s.db.Load().Get(savedKey); {
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
	rows, err := s.newest(spaceOutbox)
	if err != nil {
		return err
	}
	letters, err := s.newest(spaceDeadLetter)
	// Those that commits hold are gone from the state; their numbers stay used.
	s.rowsQueued, s.deadLetters = max(rows, s.saved.RowsCommitted), max(letters, s.saved.DeadLetters)
	return err
}

// nothing is where an empty state stands.
func nothing() state.Checkpoint {
	return state.Checkpoint{
		Progress:  joiner.Progress{Clock: joiner.NewClock(), ClosedThrough: events.MinTime, PublishedThrough: events.MinTime},
		Committed: events.MinTime, MaxEvent: events.MinTime,
		Forgotten: events.MinTime, Orphaned: events.MinTime,
	}
}

func (s *Store) loadIndex() error {
	if err := s.loadGroups(); err != nil {
		return err
	}
	err := keys(s.db.Load(), spaceRequest, s.saved.Forgotten, events.MaxTime, func(key []byte) error {
		p, _, err := readKey(key)
		s.index.addSingle(s.hash(p.ID), p.TS)
		return err
	})
	if err != nil {
		return err
	}
	err = keys(s.db.Load(), spaceOutcome, s.saved.Forgotten, events.MaxTime, func(key []byte) error {
		p, _, err := readKey(key)
		s.index.addOutcome(s.hash(p.ID))
		return err
	})
	if err != nil {
		return err
	}
	return keys(s.db.Load(), spaceWaiting, events.MinTime, events.MaxTime, func(key []byte) error {
		p, _, err := readKey(key)
		s.index.waiting.add(s.hash(p.ID), p.TS)
		s.index.addOutcome(s.hash(p.ID))
		return err
	})
}

func (s *Store) loadGroups() error {
	var groups []groupRef
	err := eachGroup(s.db.Load(), s.saved.Forgotten, events.MaxTime, &s.group, func(at groupRef) error {
		groups = append(groups, at)
		for i := range s.group.slots {
			if r := &s.group.slots[i]; r.ts >= s.saved.Forgotten {
				s.index.requests.add(s.hashBytes(s.group.id(r)), uint32(at.number))
			}
		}
		return nil
	})
	if err == nil {
		s.index.groups, err = newGroupTable(groups)
	}
	return err
}

// keys calls visit with each key of a space from one time to another, the
// latter excluded. The key is good during the call.
func keys(r pebble.Reader, space byte, from, to events.Time, visit func(key []byte) error) error {
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
	it, err := s.db.Load().NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
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
func (s *Store) Progress() state.Checkpoint { return s.saved }

// Queued implements engine.Store.
func (s *Store) Queued() (rows, deadLetters uint64) { return s.rowsQueued, s.deadLetters }

// records calls visit with each record under a prefix. A prefix ends in the
// terminator of an id, so the next possible key differs in its last byte.
func (s *Store) records(prefix []byte, visit func(key, value []byte) error) error {
	upper := append([]byte(nil), prefix...)
	upper[len(upper)-1]++
	return scan(s.db.Load(), prefix, upper, visit)
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

// flush returns when what was applied before survives a failure of the power. An
// error of the flush itself ends the process: see logger.Fatalf.
func flush(db *pebble.DB) error {
	if err := db.Flush(); err != nil {
		return fmt.Errorf("flushing the state: %w", err)
	}
	return nil
}

// Close ends the use of the state. What was applied is flushed: Pebble would drop
// it, and it would be read from the log again.
func (s *Store) Close() error {
	err := s.batch.Close()
	if s.unflushed {
		err = errors.Join(err, flush(s.db.Load()))
	}
	if err = errors.Join(err, s.db.Load().Close()); s.old != nil {
		err = errors.Join(err, s.old.Close())
	}
	s.cache.Unref()
	return err
}
