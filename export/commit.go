package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

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
	m, data, err := s.manifest(cut)
	if err != nil {
		return joiner.Receipt{}, err
	}
	// The names of the staged files must outlive the machine before a manifest
	// may name them.
	if err := s.out.bucket.Settle(stagingDir); err != nil {
		return joiner.Receipt{}, err
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
	return s.create(m, data)
}

// manifest finishes the dead letters and makes the commit's manifest.
func (s *Stage) manifest(cut *joiner.Cut) (*manifest, []byte, error) {
	o := s.out
	_, last, _ := o.Last()
	m := &manifest{
		Format: manifestFormat, Name: o.opts.Name, Partition: o.opts.Partition, Partitions: o.opts.Partitions,
		Previous: last.Hash, Files: s.files,
	}
	m.setCut(cut)
	if w := s.deadLetters; w != nil {
		if err := w.finish(); err != nil {
			return nil, nil, err
		}
		m.DeadLetters = &deadLetters{
			Path: deadLetterPath(o.opts.Partition, s.number), Staging: s.stagingPath("deadletter" + deadLetterSuffix),
			Lines: s.lines, Bytes: w.bytes, SHA256: w.sha256(),
		}
		if err := o.checkBytes(m.DeadLetters.Staging, w.bytes, m.DeadLetters.SHA256); err != nil {
			return nil, nil, &CorruptFileError{Path: m.DeadLetters.Staging, Err: err}
		}
	}
	if err := m.check(); err != nil {
		return nil, nil, fmt.Errorf("the manifest would not be read back: %w", err)
	}
	data, err := m.encode()
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("the manifest would have %d bytes, and one of more than %d is not read back: make commits smaller with output.roll.rows", len(data), maxManifest)
	}
	return m, data, err
}

// create is the point of the commit: from the moment the manifest exists, the
// rows are committed.
func (s *Stage) create(m *manifest, data []byte) (joiner.Receipt, error) {
	o := s.out
	s.tried = true
	err := o.bucket.CreateIfAbsent(manifestPath(m.Partition, m.Number), data)
	if err != nil {
		if m, data, err = s.settle(m, err); err != nil {
			return joiner.Receipt{}, o.breakDown(err)
		}
	}
	if err := o.publish(m); err != nil {
		return joiner.Receipt{}, o.breakDown(err)
	}
	o.adopt(m, hashOf(data))
	s.done = true
	o.release(s)
	_, receipt, _ := o.Last()
	return receipt, nil
}

// settle finds out what became of a manifest whose creation gave an error: it
// may have been created all the same, now or by an attempt before, which our
// nonce in it tells; or somebody else's is there.
func (s *Stage) settle(mine *manifest, cause error) (*manifest, []byte, error) {
	o := s.out
	theirs, data, err := o.readManifest(s.number)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, cause
	case err != nil:
		return nil, nil, errors.Join(cause, err)
	case theirs.Nonce != mine.Nonce:
		s.tried = false // ours does not exist, and what we staged is nobody's
		return nil, nil, &FencedError{Partition: mine.Partition, Number: s.number, Mine: mine.Nonce, Theirs: theirs.Nonce}
	case theirs.Previous != mine.Previous:
		return nil, nil, o.chainError(s.number, "it has our nonce and follows another manifest")
	}
	if err := o.bucket.Settle(manifestDir(mine.Partition)); err != nil {
		return nil, nil, err
	}
	// The manifest that counts may name the files of another attempt at the
	// same cut; those have the same rows.
	named := map[string]bool{}
	for _, a := range theirs.artifacts() {
		named[a.staging] = true
	}
	for _, a := range mine.artifacts() {
		if !named[a.staging] {
			_ = o.bucket.Remove(a.staging) // else it is swept on the next start
		}
	}
	return theirs, data, nil
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
