package export

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strings"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// keeperLock is the file beside the manifests that a process that keeps house holds a lock on.
const keeperLock = "KEEPER"

// Keeper keeps house in an output: it merges small files and ends old days, beside the
// joiner that writes or without one. What it does are operations on the table; readers
// see a table as it was before or as it is after. One process at a time may have one.
// It is used by one goroutine.
type Keeper struct {
	bucket  bucket.Bucket
	dir     string
	log     *tablelog.Log
	writer  *tablelog.Writer
	layout  *rowfile.Layout
	lock    io.Closer
	session string // tells what this keeper writes from what others do
	keep    string // of the files that it leaves be, see Options.Keep
	runs    int    // how many operations were begun
	say     *slog.Logger
}

// OpenKeeper opens an output to keep house in. It completes what a keeper before could
// not, and removes what operations before have taken out of the table: readers that
// still read those files get an error then.
//
// The error is an *EmptyError if nothing was ever committed, a *LockedError if another
// process keeps house.
func OpenKeeper(b bucket.Bucket, partition int, log *slog.Logger) (*Keeper, error) {
	return OpenKeeperAgain(b, partition, "", log)
}

// OpenKeeperAgain is OpenKeeper for an operation that was begun before: what was kept for it, by
// Options.Keep, stays, and what was kept for others is removed.
func OpenKeeperAgain(b bucket.Bucket, partition int, keep string, log *slog.Logger) (*Keeper, error) {
	if err := b.Present(); err != nil {
		return nil, fmt.Errorf("open output %s: %w", b, err)
	}
	layout, err := rowfile.NewLayout(rowfile.Config{})
	if err != nil {
		return nil, err
	}
	k := &Keeper{bucket: b, dir: b.String(), log: tablelog.Open(b, partition), layout: layout, session: rand.Text(),
		keep: keep, say: log}
	if k.writer, err = k.log.Writer(k.session, tablelog.CheckpointEvery); err != nil {
		return nil, err
	}
	state := k.writer.State()
	if state.Number == 0 {
		return nil, &EmptyError{Dir: k.dir}
	}
	if k.lock, err = b.Lock(path.Join(tablelog.ManifestDir(partition), keeperLock)); err != nil {
		return nil, notLocked(k.dir, partition, err)
	}
	if err := k.begin(); err != nil {
		return nil, errors.Join(err, k.lock.Close())
	}
	return k, nil
}

// begin completes what keepers before have left.
func (k *Keeper) begin() error {
	if err := k.writer.Refresh(); err != nil { // what was made before the lock was ours
		return err
	}
	state := k.writer.State()
	before, err := k.bucket.List(tablelog.RemovedDir)
	if err != nil {
		return err
	}
	if err := k.log.ArrangeAll(state, k.session); err != nil {
		return err
	}
	if k.bucket.Direct() {
		if err := k.sweepUnnamed(state); err != nil {
			return err
		}
	}
	for _, name := range before {
		if strings.HasPrefix(name, tablelog.PartitionName(state.Partition)+"-") {
			if err := k.bucket.RemoveAll(path.Join(tablelog.RemovedDir, name)); err != nil {
				return err
			}
		}
	}
	if err := sweepOperations(k.bucket, state.Partition, k.keep, k.say); err != nil {
		return err
	}
	return k.sweepEnded(state)
}

// mostGivenWay is how many operations of others may come between the staging of files and
// the operation that names them. Then it is certain of older files that no operation will
// ever name them, and they may be removed; a clock or a lock could not tell.
const mostGivenWay = 1000

// dropUploaded removes the staged files of what was uploaded.
func (k *Keeper) dropUploaded(uploads []bucket.Move) {
	for _, m := range uploads {
		_ = k.bucket.Remove(m.From) // else the next keeper sweeps it
	}
}

// sweepUnnamed removes data files that are not live and that no operation can name any
// more, where no folder shows which are: those that operations have removed, and those of
// attempts that were not committed.
func (k *Keeper) sweepUnnamed(state *tablelog.State) error {
	days, err := k.bucket.List(tablelog.DataDir)
	if err != nil {
		return err
	}
	for _, dir := range days {
		day, ok := strings.CutPrefix(dir, tablelog.DayPrefix)
		if !ok {
			continue
		}
		files, err := state.Files(day)
		if err != nil {
			return err
		}
		live := map[string]bool{}
		for i := range files {
			live[path.Base(files[i].Path)] = true
		}
		names, err := k.bucket.List(tablelog.DayDir(day))
		if err != nil {
			return err
		}
		for _, name := range names {
			if f, ok := tablelog.ParseFileName(name); !ok || f.Partition != state.Partition || live[name] || !ended(f, state) {
				continue
			}
			if err := k.bucket.Remove(path.Join(tablelog.DayDir(day), name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ended reports whether a file that is not live can never be. A commit's files have its own
// number; those of another operation one of at most so many before.
func ended(f tablelog.FileName, state *tablelog.State) bool {
	if f.Operation {
		return f.Number+mostGivenWay < state.Number
	}
	return f.Number <= state.Receipt.Number
}

// sweepOperations removes what was staged for operations that were never made. Only
// who has the keeper's lock may, after all that was made is arranged. What was kept under a name
// stays; without a name, all that was kept does, for the replay that goes on with it.
func sweepOperations(b bucket.Bucket, partition int, keep string, log *slog.Logger) error {
	return removeStaged(b, log, partition, func(name string) bool {
		return isOperation(name, partition) && !isKept(name, partition, 0, keep) &&
			(keep != "" || !isKeptOperation(name, partition))
	})
}

// removeStaged removes the staged files that are gone, and tells how many of them were kept for an
// operation.
func removeStaged(b bucket.Bucket, log *slog.Logger, partition int, gone func(name string) bool) error {
	names, err := b.List(tablelog.StagingDir)
	if err != nil {
		return err
	}
	notKept := 0
	for _, name := range names {
		if !gone(name) {
			continue
		}
		if err := b.Remove(path.Join(tablelog.StagingDir, name)); err != nil {
			return err
		}
		if isKeptOperation(name, partition) {
			notKept++
		}
	}
	sayNotKept(log, notKept)
	return nil
}

// isOperation reports whether a staged file is of an operation that is no commit.
func isOperation(staged string, partition int) bool {
	return strings.HasPrefix(staged, operationPrefix(partition))
}

// operationPrefix begins the names of what is staged for operations that are no commits.
func operationPrefix(partition int) string {
	return strings.TrimRight(tablelog.OperationName(partition, 0), "0")
}

// Close gives house-keeping up to others.
func (k *Keeper) Close() error { return k.lock.Close() }

// State is the table as the newest operation left it that this keeper knows of.
func (k *Keeper) State() *tablelog.State { return k.writer.State() }

// Replace makes one operation that removes files and adds others that stand for them,
// and then shows it in the folders of the days that it is about. Added files must be
// staged and durable. With whole, the operation stands for all rows of its days: it is
// refused if a commit added rows to one of them meanwhile.
func (k *Keeper) Replace(cause string, removed []string, added []tablelog.File, whole bool) (*tablelog.Operation,
	error) {
	kind := tablelog.KindReplace
	if len(added) == 0 {
		kind = tablelog.KindDelete
	}
	return k.make(&tablelog.Operation{Kind: kind, Cause: cause, Removed: removed, Added: added}, whole, false)
}

// make makes an operation and shows it.
func (k *Keeper) make(op *tablelog.Operation, whole, checkpoint bool) (*tablelog.Operation, error) {
	state := k.writer.State()
	op.Name, op.Partition, op.Partitions, op.Nonce = state.Name, state.Partition, state.Partitions, rand.Text()
	days := map[string]bool{}
	for _, name := range op.Removed {
		days[tablelog.DayOf(name)] = true
	}
	for i := range op.Added {
		days[op.Added[i].Day()] = true
	}
	if err := k.bucket.SyncDir(tablelog.StagingDir); err != nil {
		return nil, err
	}
	if k.bucket.Direct() {
		uploads := op.Unstage()
		defer k.dropUploaded(uploads)
		if err := k.bucket.Publish(uploads); err != nil {
			return nil, err
		}
	}
	made, err := k.writer.Commit(op, tablelog.Options{Checkpoint: checkpoint,
		Others: func(theirs *tablelog.Operation) error {
			if theirs.Number >= state.Number+mostGivenWay {
				return fmt.Errorf("%d operations of others came between: run this again", mostGivenWay)
			}
			for i := range theirs.Added {
				if whole && days[theirs.Added[i].Day()] {
					return fmt.Errorf("commit %d added rows to %s meanwhile: run this again", theirs.Number, theirs.Added[i].Day())
				}
			}
			return nil
		}})
	if err != nil {
		return nil, err
	}
	state = k.writer.State()
	k.runs++
	for day := range days {
		if err := k.log.Arrange(state, day, fmt.Sprintf("%s.%d", k.session, k.runs)); err != nil {
			return nil, fmt.Errorf("operation %d was made, and %s does not show it yet: run this again: %w", made.Number,
				tablelog.DayDir(day), err)
		}
	}
	return made, nil
}

// rollOperations completes, when an output is opened for writing, what keepers before have left,
// unless one is at work.
func (o *Output) rollOperations(state *tablelog.State) error {
	names, err := o.bucket.List(tablelog.StagingDir)
	if err != nil {
		return err
	}
	waiting := false
	for _, name := range names {
		waiting = waiting || isOperation(name, o.opts.Partition) // kept ones too: their operation may have been made
	}
	newest, err := o.log.Read(state.Number)
	if err != nil {
		return err
	}
	if !waiting && newest.Kind == tablelog.KindAppend || o.bucket.Direct() {
		return nil
	}
	lock, err := o.bucket.Lock(path.Join(tablelog.ManifestDir(o.opts.Partition), keeperLock))
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err != nil {
		return nil // a keeper is at work, and completes what it does
	}
	err = o.log.ArrangeAll(state, o.session)
	if err == nil {
		err = sweepOperations(o.bucket, o.opts.Partition, "", o.opts.Log)
	}
	return errors.Join(err, lock.Close())
}
