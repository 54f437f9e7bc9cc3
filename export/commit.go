package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Commit makes the staged files durable, reads them back, creates the manifest
// and publishes. After an error the manifest may or may not exist: opening the
// output again tells, and completes what was left. If another process's
// manifest is there the error is a *FencedError, if the output is gone a *GoneError.
func (s *Stage) Commit(ctx context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	if err := s.usable(); err != nil {
		return joiner.Receipt{}, err
	}
	receipt, err := s.commit(ctx, cut)
	if err != nil {
		return joiner.Receipt{}, s.fail(err)
	}
	return receipt, nil
}

func (s *Stage) commit(ctx context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	switch {
	case cut.Number != s.number || cut.Progress.Commit != s.number:
		return joiner.Receipt{}, fmt.Errorf("the cut is of commit %d, its progress of %d", cut.Number, cut.Progress.Commit)
	case cut.Nonce == "":
		return joiner.Receipt{}, errors.New("the cut has no nonce")
	}
	for _, d := range slices.Sorted(maps.Keys(s.builders)) {
		if err := ctx.Err(); err != nil {
			return joiner.Receipt{}, err
		}
		if err := s.finishFile(d); err != nil {
			return joiner.Receipt{}, err
		}
	}
	if err := s.settleAll(); err != nil {
		return joiner.Receipt{}, err
	}
	s.decide()
	op, err := s.operation(cut)
	if err != nil {
		return joiner.Receipt{}, err
	}
	// The names of the staged files must outlive the machine before a manifest
	// may name them.
	if err := s.out.bucket.SyncDir(tablelog.StagingDir); err != nil {
		return joiner.Receipt{}, err
	}
	if s.out.bucket.Direct() {
		if err := s.upload(op); err != nil {
			return joiner.Receipt{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return joiner.Receipt{}, err
	}
	if err := s.out.present(); err != nil {
		return joiner.Receipt{}, err
	}
	if err := s.out.setAside(); err != nil {
		return joiner.Receipt{}, err
	}
	return s.create(op)
}

// operation finishes the dead letters and the statistics, and makes the commit's
// operation on the table.
func (s *Stage) operation(cut *joiner.Cut) (*tablelog.Operation, error) {
	o := s.out
	op := &tablelog.Operation{
		Name: o.opts.Name, Partition: o.opts.Partition, Partitions: o.opts.Partitions,
		Kind: tablelog.KindAppend, Nonce: cut.Nonce, Commit: cut, Added: slices.Clone(s.files),
	}
	known, fresh := o.schema()
	op.Schema = schemaChange(known, fresh, s.table.Columns())
	for i := range op.Added {
		f := &op.Added[i]
		f.FirstCommit, f.LastCommit, f.RulesHash = cut.Number, cut.Number, cut.RulesHash
	}
	if s.sink != nil {
		var err error
		if op.Statistics, err = s.sink.Statistics(cut); err != nil {
			return nil, fmt.Errorf("the statistics of the commit: %w", err)
		}
	}
	if w := s.deadLetters; w != nil {
		if err := w.finish(); err != nil {
			return nil, err
		}
		d := &tablelog.DeadLetters{
			Path: s.finalPath(tablelog.DeadLetterPath(o.opts.Partition, s.number)),
			Staging: s.stagingPath("deadletter" +
				tablelog.DeadLetterSuffix),
			Lines: s.lines, Bytes: w.bytes, SHA256: w.sha256(),
		}
		if err := o.checkBytes(d.Staging, w.bytes, d.SHA256); err != nil {
			return nil, &CorruptFileError{Path: d.Staging, Err: err}
		}
		op.DeadLetters = d
	}
	return op, nil
}

// create is the point of the commit: from the moment the manifest exists, the
// rows are committed.
func (s *Stage) create(op *tablelog.Operation) (joiner.Receipt, error) {
	o := s.out
	s.tried = true
	made, err := o.writer.Commit(op, tablelog.Options{})
	if err != nil {
		s.tried = !tablelog.NotMade(err) // else what we staged is in no manifest
		return joiner.Receipt{}, o.breakDown(err)
	}
	if o.bucket.Direct() {
		s.removeUploaded()
	} else {
		if made != op {
			o.dropStaged(op, made)
		}
		if err := o.publish(made); err != nil {
			return joiner.Receipt{}, o.breakDown(err)
		}
	}
	s.done = true
	s.removeKept()
	o.features.took(s.table, o.opts.Log)
	o.release(s)
	_, receipt, _ := o.Last()
	return receipt, nil
}

// upload gives the files of a commit their final names before its manifest names them.
// Files of an attempt that does not commit stay there, in no table, until who keeps house
// removes them.
func (s *Stage) upload(op *tablelog.Operation) error {
	s.uploads = op.Unstage()
	return s.out.bucket.Publish(s.uploads)
}

// removeUploaded removes the staged files of what was uploaded. What cannot be removed is
// swept on the next start.
func (s *Stage) removeUploaded() {
	for _, m := range s.uploads {
		_ = s.out.bucket.Remove(m.From)
	}
}

// dropStaged removes what was staged for an attempt when the manifest of another
// attempt at the same cut counts; the files that one names have the same rows.
func (o *Output) dropStaged(mine, made *tablelog.Operation) {
	named := map[string]bool{}
	for _, a := range made.Artifacts() {
		named[a.Staging] = true
	}
	for _, a := range mine.Artifacts() {
		if !named[a.Staging] {
			_ = o.bucket.Remove(a.Staging) // else it is swept on the next start
		}
	}
}

// breakDown remembers that only opening again can tell how things stand.
func (o *Output) breakDown(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = err
	return err
}

// release ends the open stage.
func (o *Output) release(s *Stage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stage == s {
		o.stage = nil
	}
}
