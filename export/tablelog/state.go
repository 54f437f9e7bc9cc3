package tablelog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// State is the table as an operation left it: the files that are live, and what the
// joiner committed last. It does not change; a newer one is read anew. Its lists of files
// are read when they are asked for, and are kept until two newer checkpoints were made,
// which takes hours: ask early, or read the state again after fs.ErrNotExist. It may be
// used by several goroutines.
type State struct {
	Name       string // of the joiner; empty before the first operation
	Partition  int
	Partitions int
	Number     uint64 // of the newest operation; 0 if there is none
	Hash       string // of its manifest
	// Begins is the number of the first operation whose manifest is kept: 1, unless
	// older manifests were ended.
	Begins uint64
	// Last is the newest commit of the joiner, and Receipt the manifest it is in; nil
	// and empty before the first.
	Last    *joiner.Cut
	Receipt joiner.Receipt
	// Began is where the joiner's first commit began to read.
	Began []events.Position

	log    *Log
	base   *table            // the newest checkpoint; nil: none was made
	since  map[string]*delta // by day: what operations since then did
	sinceN int               // how many those are
	pool   *schemas
	schema schemaMap
}

// delta is what operations added to a day and removed from it.
type delta struct {
	added   []File
	removed map[string]bool // paths
}

// Day is what the table has of a UTC day.
type Day struct {
	Name  string // like "2026-11-22"
	Files int
	Rows  int64 // in all revisions
	Bytes int64
}

// newState is the state before any operation.
func newState(l *Log) *State {
	return &State{log: l, Partition: l.partition, Begins: 1, since: map[string]*delta{}, pool: newSchemas()}
}

// State reads the state that the newest operation left: the newest checkpoint, and
// the operations since. An output in which nothing was committed gives a state
// without operations. The error is a *ChainError if the manifests do not continue one
// another.
func (l *Log) State() (*State, error) {
	for range readAttempts {
		s, err := l.stateFromTable()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a newer checkpoint has taken its place, and its lists
		}
		if s != nil || err != nil {
			return s, err
		}
		break
	}
	s := newState(l)
	numbers, err := l.Numbers()
	if err != nil {
		return nil, err
	}
	var last *Operation
	for _, n := range numbers {
		op, err := l.follow(last, 1, n)
		if err != nil {
			return nil, err
		}
		if err := s.apply(op); err != nil {
			return nil, err
		}
		last = op
	}
	return s, nil
}

// readAttempts is how often the newest checkpoint is looked for when the one that was
// found is removed meanwhile, because there is a newer one.
const readAttempts = 5

// apply makes the state that of the operation, which is the next.
func (s *State) apply(op *Operation) error {
	if s.Number > 0 && (op.Name != s.Name || op.Partition != s.Partition || op.Partitions != s.Partitions) {
		return s.log.chainError(op.Number,
			fmt.Sprintf("it is of joiner %q, partition %d of %d, the one before is of %q, %d of %d",
				op.Name, op.Partition, op.Partitions, s.Name, s.Partition, s.Partitions))
	}
	s.Name, s.Partition, s.Partitions, s.Number, s.Hash = op.Name, op.Partition, op.Partitions, op.Number, op.Hash
	if c := op.Commit; c != nil {
		if last := s.Receipt.Number; c.Number != last+1 {
			return s.log.chainError(op.Number, fmt.Sprintf("it has commit %d, which cannot follow commit %d", c.Number, last))
		}
		if s.Last == nil {
			s.Began = c.From
		}
		s.Last, s.Receipt = c, joiner.Receipt{Number: c.Number, Hash: op.Hash}
	}
	s.schema = s.schema.with(op.Schema, s.Receipt.Number)
	s.Begins = max(s.Begins, op.Begins)
	for i := range op.Added {
		f := op.Added[i]
		f.Operation = op.Number
		f.Columns = s.pool.intern(f.Columns)
		d := s.day(f.Day())
		d.added = append(d.added, f)
	}
	for _, name := range op.Removed {
		s.day(DayOf(name)).removed[name] = true
	}
	s.sinceN++
	return nil
}

func (s *State) day(name string) *delta {
	d := s.since[name]
	if d == nil {
		d = &delta{removed: map[string]bool{}}
		s.since[name] = d
	}
	return d
}

// CommitHash is the SHA-256 of the manifest of the joiner's commit n. One that was not made, or
// whose manifest was ended, gives fs.ErrNotExist.
func (s *State) CommitHash(n uint64) (string, error) {
	if s.Last == nil || n > s.Last.Number || n < 1 {
		return "", fs.ErrNotExist
	}
	if n == s.Last.Number {
		return s.Receipt.Hash, nil
	}
	// Other operations stand between commits, so that commit n is at n or some numbers later.
	low, high := max(n, s.Begins), n+s.Number-s.Last.Number
	for low <= high {
		at, middle := low+(high-low)/2, low+(high-low)/2
		var op *Operation
		for ; at <= high; at++ {
			found, err := s.log.Read(at)
			if err != nil {
				return "", err
			}
			if found.Commit != nil {
				op = found
				break
			}
		}
		switch {
		case op == nil || op.Commit.Number > n:
			high = middle - 1
		case op.Commit.Number < n:
			low = at + 1
		default:
			return op.Hash, nil
		}
	}
	return "", fs.ErrNotExist
}

// Days lists the days that have live files, oldest first.
func (s *State) Days() ([]Day, error) {
	var out []Day
	for _, name := range s.dayNames() {
		if s.since[name] == nil {
			out = append(out, s.base.days[name].Day)
			continue
		}
		files, err := s.Files(name)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			out = append(out, dayOf(name, files))
		}
	}
	return out, nil
}

// dayNames are the days of the checkpoint and of the operations since, in order.
func (s *State) dayNames() []string {
	names := map[string]bool{}
	if s.base != nil {
		for name := range s.base.days {
			names[name] = true
		}
	}
	for name := range s.since {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func dayOf(name string, files []File) Day {
	d := Day{Name: name, Files: len(files)}
	for i := range files {
		d.Rows += files[i].Rows
		d.Bytes += files[i].Bytes
	}
	return d
}

// Files lists the live files of a day like "2026-11-22", those of older commits
// first. A day without any gives none.
func (s *State) Files(day string) ([]File, error) {
	var files []File
	if s.base != nil {
		listed, err := s.base.files(s.log, day, s.pool)
		if err != nil {
			return nil, err
		}
		files = append(files, listed...)
	}
	if d := s.since[day]; d != nil {
		files = append(files, d.added...)
		files = slices.DeleteFunc(files, func(f File) bool { return d.removed[f.Path] })
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.FirstCommit, b.FirstCommit), cmp.Compare(a.Path, b.Path))
	})
	return files, nil
}

// AllFiles lists the live files of the days from..to, like "2026-11-22", both
// included, in the order of days and within a day as Files does. An empty bound is
// none. It ends with the first error.
func (s *State) AllFiles(from, to string) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, day := range s.dayNames() {
			if from != "" && day < from || to != "" && day > to {
				continue
			}
			files, err := s.Files(day)
			if err != nil {
				yield(File{}, err)
				return
			}
			for i := range files {
				if !yield(files[i], nil) {
					return
				}
			}
		}
	}
}

// schemas keeps one copy of lists of columns that are the same.
type schemas struct {
	mu      sync.Mutex
	known   map[string][]Column
	columns int // in all of known
}

// maxSchemas bounds the columns that a state keeps, of all its schemas together. Files
// beyond it have none in the state, as in a manifest of very many: they have them
// themselves.
const maxSchemas = 1 << 20

func newSchemas() *schemas { return &schemas{known: map[string][]Column{}} }

func (p *schemas) intern(columns []Column) []Column {
	if len(columns) == 0 {
		return columns
	}
	key := make([]byte, 0, 64*len(columns))
	for _, c := range columns {
		key = append(append(append(append(key, c.Name...), 0), c.Type...), 0)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if same, ok := p.known[string(key)]; ok {
		return same
	}
	if p.columns += len(columns); p.columns > maxSchemas {
		return nil
	}
	p.known[string(key)] = columns
	return columns
}
