package export

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// lockName is the file in a partition's manifest directory that its owner
// holds a lock on.
const lockName = "LOCK"

// Open opens the output for writing, and makes it if it is missing. It checks
// the chain of manifests, completes the last commit if its process died before
// it could, and removes what was staged for commits that never happened.
//
// Files of commits that have no manifest are set aside by the first commit: see
// FORMAT.md, Recovery.
//
// Errors: *LockedError, *FolderError, *ChainError, *MissingFileError, *ColumnClashError,
// *LabelClashError, and the file system's.
func Open(opts Options) (*Output, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := rowfile.NewLayout(opts.layout(nil)); err != nil {
		return nil, err
	}
	if !utf8.ValidString(opts.Name) {
		return nil, fmt.Errorf("name %q is not UTF-8", opts.Name)
	}
	o := &Output{opts: opts, bucket: opts.Bucket, dir: opts.Bucket.String(), session: rand.Text(),
		log: tablelog.Open(opts.Bucket, opts.Partition)}
	if err := o.bucket.SyncDir("."); err != nil {
		return nil, fmt.Errorf("open output %s: %w", o.dir, err)
	}
	if o.lock, err = o.bucket.Lock(path.Join(tablelog.ManifestDir(opts.Partition), lockName)); err != nil {
		return nil, notLocked(o.dir, opts.Partition, err)
	}
	if err := o.recover(); err != nil {
		_ = o.lock.Close() // the error that matters is the first
		return nil, inFolders(o.dir, err)
	}
	return o, nil
}

// recover finds where the output stands.
func (o *Output) recover() error {
	// Files are listed before manifests are: one that is there now has its
	// manifest by then, unless that is not here at all.
	there, err := o.numbered()
	if err != nil {
		return err
	}
	if o.writer, err = o.log.Writer(o.session, o.opts.CheckpointEvery); err != nil {
		return err
	}
	state := o.writer.State()
	if err := o.belongs(state); err != nil {
		return err
	}
	// The process that linked the last manifest may have died before its sync
	// of the directory. The manifest may not be relied on before that is done.
	if err := o.bucket.SyncDir(tablelog.ManifestDir(o.opts.Partition)); err != nil {
		return err
	}
	if state.Number > 0 {
		if err := o.rollForward(state); err != nil {
			return err
		}
	}
	o.findLater(there, state)
	if err := o.sweep(); err != nil {
		return err
	}
	return o.findSchema(state)
}

// findSchema reads the columns of the table.
func (o *Output) findSchema(state *tablelog.State) (err error) {
	if state.Number > 0 && len(state.Schema()) == 0 {
		if o.before, err = o.schemaOfFiles(state); err != nil {
			return fmt.Errorf("the columns of the files so far: %w", err)
		}
	}
	schema, _ := o.schema()
	known, err := knownColumns(schema)
	if err != nil {
		return err
	}
	if o.layout, err = rowfile.NewLayout(o.opts.layout(known)); err != nil {
		return err
	}
	o.features.begin(known, o.layout.NewTable(known).Columns(), o.opts.Log)
	return nil
}

// belongs checks that the log is this output's.
func (o *Output) belongs(state *tablelog.State) error {
	refuse := func(reason string) error {
		return &ChainError{Dir: o.dir, Path: tablelog.ManifestPath(o.opts.Partition, state.Number), Reason: reason}
	}
	switch {
	case state.Number == 0:
		return nil
	case state.Name != o.opts.Name:
		return refuse(fmt.Sprintf("it belongs to the joiner %q, not to %q: if name was changed in the configuration, write it back, "+
			"or give this joiner an output.dir and a state.dir of its own. If it was not", state.Name, o.opts.Name))
	case state.Partition != o.opts.Partition || state.Partitions != o.opts.Partitions:
		return refuse(fmt.Sprintf("it is of partition %d of %d, not %d of %d", state.Partition, state.Partitions,
			o.opts.Partition, o.opts.Partitions))
	}
	return nil
}

// publish moves the files of a committed manifest to where readers look.
func (o *Output) publish(op *tablelog.Operation) error {
	var moves []bucket.Move
	for _, a := range op.Artifacts() {
		moves = append(moves, bucket.Move{From: a.Staging, To: a.Path})
	}
	return o.bucket.Publish(moves)
}

// rollForward publishes the files of the newest commit again, once it is sure that they
// are there, and completes what was made of the table besides.
func (o *Output) rollForward(state *tablelog.State) error {
	if state.Last == nil {
		return o.rollOperations(state)
	}
	for n := state.Number; n >= state.Begins; n-- {
		op, err := o.log.Read(n)
		if err != nil {
			return err
		}
		if op.Kind == tablelog.KindAppend { // it began only when the one before was published
			if err := o.rollCommit(op, state); err != nil {
				return err
			}
			break
		}
	}
	return o.rollOperations(state)
}

// rollCommit publishes the files of the newest commit that are still in the table.
func (o *Output) rollCommit(op *tablelog.Operation, state *tablelog.State) error {
	live := map[string]bool{}
	for i := range op.Added {
		files, err := state.Files(op.Added[i].Day())
		if err != nil {
			return err
		}
		for j := range files {
			live[files[j].Path] = true
		}
	}
	var moves []bucket.Move
	for _, a := range op.Artifacts() {
		if !live[a.Path] && strings.HasPrefix(a.Path, tablelog.DataDir+"/") {
			continue // a later operation has removed it
		}
		there, err := o.findArtifact(op, &a, state)
		if err != nil {
			return err
		}
		if there && a.Staging != "" {
			moves = append(moves, bucket.Move{From: a.Staging, To: a.Path})
		}
	}
	return o.bucket.Publish(moves)
}

// findArtifact looks for a file of the newest operation where it is published and where
// it was staged. It is false if the file was deleted on purpose.
func (o *Output) findArtifact(op *tablelog.Operation, a *tablelog.Artifact, state *tablelog.State) (bool, error) {
	missing := func(reason string) error {
		return &MissingFileError{Dir: o.dir, Path: a.Path, Number: op.Number, Reason: reason}
	}
	r, err := o.bucket.Open(a.Path)
	if err == nil {
		size := r.Size()
		_ = r.Close()
		if size != a.Bytes {
			return false, missing(fmt.Sprintf("it has %d bytes, %d were committed", size, a.Bytes))
		}
		return true, nil
	}
	if errors.Is(err, bucket.ErrNotFile) {
		return false, missing(err.Error())
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if a.Staging != "" {
		err = o.checkBytes(a.Staging, a.Bytes, a.SHA256)
	}
	if errors.Is(err, fs.ErrNotExist) {
		deleted, err := o.deleted(op, a, state)
		if err == nil && !deleted {
			err = missing("it was neither published nor left in " + tablelog.StagingDir)
		}
		return false, err
	}
	if err != nil {
		return false, missing(err.Error())
	}
	o.opts.Log.Info("publishing a file that its commit had left behind", "file", a.Path, "operation", op.Number)
	return true, nil
}

// sweep removes what commits that never happened have left behind.
func (o *Output) sweep() error {
	last, _, _ := o.Last()
	notKept := 0
	for dir, prefix := range map[string]string{
		tablelog.StagingDir:                    tablelog.PartitionName(o.opts.Partition) + "-",
		tablelog.ManifestDir(o.opts.Partition): bucket.TempPrefix,
	} {
		names, err := o.bucket.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.HasPrefix(name, prefix) || isOperation(name, o.opts.Partition) ||
				isKept(name, o.opts.Partition, last.Number+1, o.opts.Keep) {
				continue
			}
			if err := o.bucket.Remove(path.Join(dir, name)); err != nil {
				return err
			}
			if strings.HasPrefix(name, keptPrefix(o.opts.Partition, false, "")) {
				notKept++
			}
		}
	}
	sayNotKept(o.opts.Log, notKept)
	return nil
}
