package export

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// lockName is the file in a partition's manifest directory that its owner
// holds a lock on.
const lockName = "LOCK"

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 256 << 20

// Open opens the output for writing, and makes it if it is missing. It checks
// the chain of manifests, completes the last commit if its process died before
// it could, and removes what was staged for commits that never happened.
//
// Files of commits that have no manifest are set aside by the first commit: see
// FORMAT.md, Recovery.
//
// Errors: *LockedError, *ChainError, *MissingFileError, *ColumnClashError,
// *LabelClashError, and the file system's.
func Open(opts Options) (*Output, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	layout, err := rowfile.NewLayout(rowfile.Config{
		Labels: opts.Labels, Weight: opts.Weight, Features: opts.Features, Rename: opts.Rename,
	})
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(opts.Name) {
		return nil, fmt.Errorf("name %q is not UTF-8", opts.Name)
	}
	dir, err := bucket.NewDir(opts.FS, opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("open output %s: %w", opts.Dir, err)
	}
	o := &Output{opts: opts, bucket: dir, layout: layout, session: rand.Text()}
	if o.lock, err = dir.Lock(path.Join(manifestDir(opts.Partition), lockName)); err != nil {
		return nil, &LockedError{Dir: opts.Dir, Partition: opts.Partition, Err: err}
	}
	if err := o.recover(); err != nil {
		_ = o.lock.Close() // the error that matters is the first
		return nil, err
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
	last, hash, err := o.readChain()
	if err != nil {
		return err
	}
	// The process that linked the last manifest may have died before its sync
	// of the directory. Nobody may rely on the manifest before that is done.
	if err := o.bucket.Settle(manifestDir(o.opts.Partition)); err != nil {
		return err
	}
	number := uint64(0)
	if last != nil {
		number = last.Number
		if err := o.rollForward(last); err != nil {
			return err
		}
		o.adopt(last, hash)
	}
	o.findLater(there, number)
	return o.sweep()
}

// readChain reads all manifests and checks that each continues the one before.
// The last is nil if there is none.
func (o *Output) readChain() (last *manifest, hash string, err error) {
	names, err := o.bucket.List(manifestDir(o.opts.Partition))
	if err != nil {
		return nil, "", err
	}
	var numbers []uint64
	for _, name := range names {
		if k, ok := manifestNumber(name); ok {
			numbers = append(numbers, k)
		}
	}
	slices.Sort(numbers)
	for i, k := range numbers {
		if want := uint64(i) + 1; k != want {
			return nil, "", o.chainError(want, fmt.Sprintf("it is missing, while manifest %d is there", k))
		}
		m, data, err := o.readManifest(k)
		if err != nil {
			return nil, "", err
		}
		if m.Previous != hash {
			return nil, "", o.chainError(k, fmt.Sprintf("it follows a manifest with hash %q, but the one before it has %q", m.Previous, hash))
		}
		last, hash = m, hashOf(data)
	}
	return last, hash, nil
}

func (o *Output) chainError(k uint64, reason string) error {
	return &ChainError{Dir: o.opts.Dir, Path: manifestPath(o.opts.Partition, k), Reason: reason}
}

// readManifest reads manifest k and checks that it is this output's. A missing
// one gives fs.ErrNotExist.
func (o *Output) readManifest(k uint64) (*manifest, []byte, error) {
	data, err := o.readAll(manifestPath(o.opts.Partition, k))
	if errors.Is(err, bucket.ErrNotFile) {
		return nil, nil, o.chainError(k, err.Error())
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, nil, o.chainError(k, err.Error())
	}
	switch {
	case m.Number != k:
		return nil, nil, o.chainError(k, fmt.Sprintf("it is of commit %d", m.Number))
	case m.Name != o.opts.Name:
		return nil, nil, o.chainError(k, fmt.Sprintf("it belongs to the joiner %q, not to %q", m.Name, o.opts.Name))
	case m.Partition != o.opts.Partition || m.Partitions != o.opts.Partitions:
		return nil, nil, o.chainError(k, fmt.Sprintf("it is of partition %d of %d, not %d of %d", m.Partition, m.Partitions, o.opts.Partition, o.opts.Partitions))
	}
	return m, data, nil
}

func (o *Output) readAll(name string) ([]byte, error) { return readObject(o.bucket, name) }

// readObject reads a manifest, or something as small.
func readObject(b bucket.Bucket, name string) ([]byte, error) {
	r, err := b.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > maxManifest {
		return nil, fmt.Errorf("%s has %d bytes, more than any manifest", name, r.Size())
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// artifact is a file of a commit, of whatever kind.
type artifact struct {
	path, staging string
	bytes         int64
	sha256        string
}

func (m *manifest) artifacts() []artifact {
	var out []artifact
	for i := range m.Files {
		f := &m.Files[i]
		out = append(out, artifact{path: f.Path, staging: f.Staging, bytes: f.Bytes, sha256: f.SHA256})
	}
	if d := m.DeadLetters; d != nil {
		out = append(out, artifact{path: d.Path, staging: d.Staging, bytes: d.Bytes, sha256: d.SHA256})
	}
	return out
}

// publish moves the files of a committed manifest to where readers look.
func (o *Output) publish(m *manifest) error {
	var moves []bucket.Move
	for _, a := range m.artifacts() {
		moves = append(moves, bucket.Move{From: a.staging, To: a.path})
	}
	return o.bucket.Publish(moves)
}

// rollForward publishes the last commit again, once it is sure that its files
// are there.
func (o *Output) rollForward(m *manifest) error {
	var moves []bucket.Move
	for _, a := range m.artifacts() {
		missing := func(reason string) error {
			return &MissingFileError{Dir: o.opts.Dir, Path: a.path, Number: m.Number, Reason: reason}
		}
		r, err := o.bucket.Open(a.path)
		if err == nil {
			size := r.Size()
			_ = r.Close()
			if size != a.bytes {
				return missing(fmt.Sprintf("it has %d bytes, %d were committed", size, a.bytes))
			}
			moves = append(moves, bucket.Move{From: a.staging, To: a.path})
			continue
		}
		if errors.Is(err, bucket.ErrNotFile) {
			return missing(err.Error())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err = o.checkBytes(a.staging, a.bytes, a.sha256)
		if errors.Is(err, fs.ErrNotExist) {
			deleted, err := o.deleted(m, &a)
			if err != nil {
				return err
			}
			if !deleted {
				return missing("it was neither published nor left in " + stagingDir)
			}
			continue
		}
		if err != nil {
			return missing(err.Error())
		}
		o.opts.Log.Info("publishing a file that its commit had left behind", "file", a.path, "commit", m.Number)
		moves = append(moves, bucket.Move{From: a.staging, To: a.path})
	}
	return o.bucket.Publish(moves)
}

// sweep removes what commits that never happened have left behind.
func (o *Output) sweep() error {
	for dir, prefix := range map[string]string{
		stagingDir:                    partitionName(o.opts.Partition) + "-",
		manifestDir(o.opts.Partition): bucket.TempPrefix,
	} {
		names, err := o.bucket.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if err := o.bucket.Remove(path.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// adopt makes a committed manifest the last one.
func (o *Output) adopt(m *manifest, hash string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cut = m.cut()
	o.receipt.Number, o.receipt.Hash = m.Number, hash
}
