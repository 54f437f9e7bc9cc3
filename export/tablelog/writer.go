package tablelog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"github.com/labeljoin/labeljoin/joiner"
)

// CheckpointEvery is how many operations may follow a table checkpoint before the next
// one is due. It bounds what a start has to read.
const CheckpointEvery = 256

// Writer makes operations. Several processes may have one at once: an operation is made
// by who creates its manifest first, and the others see it and go on behind it. Only
// the joiner may append. It may be used by several goroutines.
type Writer struct {
	log   *Log
	token string // tells the checkpoints of two writers apart
	every int    // how many operations may follow a checkpoint

	mu    sync.Mutex
	state *State // as it was when this writer looked last
	tries int    // how many checkpoints were begun
}

// Writer reads the newest state and returns a writer that goes on from there. The token
// must be another one for each writer: it stands in the names of table checkpoints. A
// checkpoint is made when so many operations followed the one before; CheckpointEvery is
// a good number.
func (l *Log) Writer(token string, every int) (*Writer, error) {
	s, err := l.State()
	if err != nil {
		return nil, err
	}
	return &Writer{log: l, token: token, every: every, state: s}, nil
}

// State is the state that the newest operation left which this writer knows of.
func (w *Writer) State() *State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.clone()
}

// clone is a state that later operations do not change.
func (s *State) clone() *State {
	c := *s
	c.since = make(map[string]*delta, len(s.since))
	for day, d := range s.since {
		c.since[day] = &delta{added: slices.Clip(d.added), removed: maps.Clone(d.removed)}
	}
	return &c
}

// Head is the newest operation that this writer knows of, and the newest commit of the
// joiner with its receipt. The commit is nil before the first.
func (w *Writer) Head() (number uint64, last *joiner.Cut, receipt joiner.Receipt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Number, w.state.Last, w.state.Receipt
}

// Schema lists the columns of the table, as State.Schema does.
func (w *Writer) Schema() []SchemaColumn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Schema()
}

// Refresh takes in the operations that others have made since this writer looked last.
func (w *Writer) Refresh() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		op, err := w.log.Read(w.state.Number + 1)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = w.takeIn(op)
		}
		if err != nil {
			return err
		}
	}
}

// takeIn applies an operation that another process made: it must follow what is known.
func (w *Writer) takeIn(op *Operation) error {
	if op.Parent != w.state.Hash {
		return w.log.chainError(op.Number, fmt.Sprintf("it follows a manifest with hash %q, but the one before it has %q",
			op.Parent, w.state.Hash))
	}
	if op.Table != nil { // its lists take the place of older ones, which will be removed
		switch s, err := w.log.loadTable(op); {
		case err == nil && s.Number == w.state.Number && s.Hash == w.state.Hash:
			w.state = s
		case err != nil && !errors.Is(err, fs.ErrNotExist): // not there: a newer one follows
			return err
		}
	}
	return w.state.apply(op)
}

// Options says how an operation is made.
type Options struct {
	// Checkpoint makes a table checkpoint even if none is due.
	Checkpoint bool
	// Others is told of each operation that another process made first. The operation
	// goes on behind it unless an error comes back. Nil: an append of another process
	// is refused with a *FencedError, and all else goes on.
	Others func(theirs *Operation) error
}

// Commit makes the operation the next one of the log. Its number, parent, format and
// summary are set here; the files that it names must be durable. What it returns is the
// operation as it stands in the log: if an attempt before this one, with the same
// nonce, had been made all the same, then that one, with the files that it names.
//
// After an error the manifest may or may not exist, unless the error is a
// *FencedError, a *ConflictError or from Others: then it does not.
func (w *Writer) Commit(op *Operation, opts Options) (*Operation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	op.Format = formatOf(len(op.Schema))
	if len(op.Schema) > 0 && op.Kind != KindAppend {
		op.Format = Format
	}
	op.Table = nil
	var made *table
	due := opts.Checkpoint || w.state.sinceN >= w.every
	if due || len(op.Removed) > 0 { // both read lists, and those of the newest checkpoint are there
		theirs, err := w.catchUp(op, &opts)
		if theirs != nil || err != nil {
			return theirs, err
		}
	}
	if due {
		var err error
		w.tries++
		op.Number = w.state.Number + 1
		made, err = w.state.write(w.log.bucket, op.Number, fmt.Sprintf("%s.%d", w.token, w.tries))
		if err != nil {
			return nil, err
		}
		op.Table = &made.ref
	}
	for {
		op.Number, op.Parent = w.state.Number+1, w.state.Hash
		if err := w.removable(op); err != nil {
			return nil, err
		}
		data, err := op.Encode()
		if err == nil && len(data) > MaxManifest {
			err = fmt.Errorf("the manifest would have %d bytes, and one of more than %d is not read back: make commits smaller with output.roll.rows", len(data), MaxManifest)
		}
		if err != nil {
			return nil, notMade{err}
		}
		theirs, err := w.create(op, data)
		if err != nil {
			return nil, err
		}
		if theirs == nil || theirs.Nonce == op.Nonce && theirs.Kind == op.Kind {
			if theirs == nil {
				theirs = op
			}
			return theirs, w.adopt(theirs, made)
		}
		if err := w.giveWay(op, theirs, &opts); err != nil {
			return nil, err
		}
		op.Table, made = nil, nil // it is of the state before theirs
	}
}

// catchUp takes in the operations that others have made before ours. If an attempt with
// our nonce is among them, it is returned.
func (w *Writer) catchUp(op *Operation, opts *Options) (made *Operation, err error) {
	for {
		theirs, err := w.log.Read(w.state.Number + 1)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if theirs.Nonce == op.Nonce && theirs.Kind == op.Kind {
			if err := w.log.bucket.SyncDir(ManifestDir(op.Partition)); err != nil {
				return nil, err
			}
			return theirs, w.takeIn(theirs)
		}
		if err := w.giveWay(op, theirs, opts); err != nil {
			return nil, err
		}
	}
}

// create creates the manifest. If there is one already, or may be, it returns that.
func (w *Writer) create(op *Operation, data []byte) (theirs *Operation, err error) {
	name := ManifestPath(op.Partition, op.Number)
	cause := w.log.bucket.CreateIfAbsent(name, data)
	if cause == nil {
		return nil, nil
	}
	theirs, err = w.log.Read(op.Number)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cause
	case err != nil:
		return nil, errors.Join(cause, err)
	}
	if theirs.Nonce == op.Nonce && theirs.Parent != op.Parent {
		return nil, w.log.chainError(op.Number, "it has our nonce and follows another manifest")
	}
	// The process that made it may have died before its name was durable.
	return theirs, w.log.bucket.SyncDir(ManifestDir(op.Partition))
}

// giveWay takes in an operation that was made first, if ours may follow it.
func (w *Writer) giveWay(op, theirs *Operation, opts *Options) error {
	if opts.Others == nil && theirs.Kind == KindAppend {
		return &FencedError{Partition: op.Partition, Number: theirs.Number, Mine: op.Nonce, Theirs: theirs.Nonce}
	}
	if err := checkBeside(op, theirs); err != nil {
		return notMade{err}
	}
	if opts.Others != nil {
		if err := opts.Others(theirs); err != nil {
			return notMade{err}
		}
	}
	if err := w.takeIn(theirs); err != nil {
		return notMade{err}
	}
	return nil
}

// adopt makes an operation that was made the newest.
func (w *Writer) adopt(op *Operation, made *table) error {
	if made != nil && op.Table != nil && *op.Table == made.ref {
		before := w.state.base
		w.state.base, w.state.since, w.state.sinceN, w.state.pool = made, map[string]*delta{}, 0, newSchemas()
		if err := w.state.apply(op); err != nil {
			return err
		}
		w.sweepTables(before, made)
		return nil
	}
	return w.state.apply(op)
}

// removable checks that the files which the operation removes are live, counts them,
// and checks that none it adds is known.
func (w *Writer) removable(op *Operation) error {
	op.Summary.RowsRemoved, op.Summary.BytesRemoved = 0, 0
	live := map[string]map[string]*File{}
	for _, name := range op.Removed {
		day := DayOf(name)
		if live[day] == nil {
			files, err := w.state.Files(day)
			if err != nil {
				return notMade{err}
			}
			live[day] = map[string]*File{}
			for i := range files {
				live[day][files[i].Path] = &files[i]
			}
		}
		f := live[day][name]
		if f == nil {
			return &ConflictError{Path: name}
		}
		op.Summary.RowsRemoved += f.Rows
		op.Summary.BytesRemoved += f.Bytes
	}
	return nil
}

// sweepTables removes what checkpoints before the last two consist of. What stays
// behind because it cannot be removed costs room only, and is tried again.
func (w *Writer) sweepTables(before, now *table) {
	keep := map[string]bool{}
	for _, t := range []*table{before, now} {
		if t == nil {
			continue
		}
		for _, d := range t.days {
			keep[d.Path] = true
		}
	}
	dir := tableDir(w.log.partition)
	names, err := w.log.bucket.List(dir)
	if err != nil {
		return
	}
	var indexes []string
	for _, name := range names {
		if _, isList, ok := tableNumber(name); ok && !isList {
			indexes = append(indexes, name)
		}
	}
	slices.Sort(indexes)
	for _, name := range indexes[max(0, len(indexes)-2):] {
		keep[path.Join(dir, name)] = true
	}
	for _, name := range names {
		n, _, ok := tableNumber(name)
		name = path.Join(dir, name)
		if ok && !keep[name] && n <= w.state.Number {
			_ = w.log.bucket.Remove(name)
		}
	}
}

// notMade is an error after which it is certain that the manifest was not made.
type notMade struct{ error }

func (e notMade) Unwrap() error { return e.error }

// NotMade reports whether an error of Writer.Commit says that the manifest was not
// made, for certain: then the files that it would have named are not needed.
func NotMade(err error) bool {
	if _, ok := errors.AsType[notMade](err); ok {
		return true
	}
	if _, ok := errors.AsType[*ConflictError](err); ok {
		return true
	}
	_, ok := errors.AsType[*FencedError](err)
	return ok
}

// ConflictError says that an operation wanted to remove a file that is not in the table
// any more: another operation was made first.
type ConflictError struct {
	Path string // of the file
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("file %s is not in the table any more: another operation has removed it; run this one again",
		e.Path)
}

// FencedError says that another process made the commit: this process is not the
// partition's owner any more.
type FencedError struct {
	Partition int
	Number    uint64 // of the commit
	Mine      string // nonce of the attempt
	Theirs    string // nonce in the manifest
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("commit %d of partition %d was made by another process (its nonce is %q, ours %q): stop this one, and see to it that only one runs on this output",
		e.Number, e.Partition, e.Theirs, e.Mine)
}

// Refusal reports that a person has to decide.
func (e *FencedError) Refusal() bool { return true }
