package tablelog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// MaxManifest bounds what is read of a manifest, in bytes.
const MaxManifest = 256 << 20

// Log reads the operations on a table of rows, one partition's. It takes no lock, so
// it may be used beside the process that writes. It may be used by several goroutines.
type Log struct {
	bucket    bucket.Bucket
	dir       string
	partition int
	recent    recent
}

// Open returns the log of a partition in a bucket. Nothing is read yet: an output that
// is not there has no operations.
func Open(b bucket.Bucket, partition int) *Log {
	return &Log{bucket: b, dir: b.String(), partition: partition}
}

// Numbers lists the operations whose manifests are there, in order.
func (l *Log) Numbers() ([]uint64, error) {
	names, err := l.bucket.List(ManifestDir(l.partition))
	if err != nil {
		return nil, fmt.Errorf("list the commits: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := ManifestNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Read reads the manifest of operation n. A missing one gives fs.ErrNotExist, one that
// is no manifest of that number a *ChainError. It does not look at the operation
// before.
func (l *Log) Read(n uint64) (*Operation, error) {
	op, err := l.readAny(n)
	if err != nil {
		return nil, err
	}
	if op.Number != n {
		return nil, l.chainError(n, fmt.Sprintf("it is of commit %d", op.Number))
	}
	return op, nil
}

// readAny reads the manifest that has the name of operation n.
func (l *Log) readAny(n uint64) (*Operation, error) {
	data, err := ReadObject(l.bucket, ManifestPath(l.partition, n))
	if errors.Is(err, bucket.ErrNotFile) {
		return nil, l.chainError(n, err.Error())
	}
	if err != nil {
		return nil, err
	}
	op, err := l.recent.decode(data)
	if err != nil {
		return nil, l.chainError(n, err.Error())
	}
	return op, nil
}

// ReadAny reads the manifest that has the name of operation n, whatever number it says.
func (l *Log) ReadAny(n uint64) (*Operation, error) { return l.readAny(n) }

// Operations lists the operations there are, oldest first, each once its parent is
// known to be the one before it. It ends with the first error: a *ChainError if one
// does not continue the other. The first is number 1, or where the log begins since
// older manifests were ended.
func (l *Log) Operations() iter.Seq2[*Operation, error] {
	return func(yield func(*Operation, error) bool) {
		numbers, err := l.Numbers()
		if err != nil {
			yield(nil, err)
			return
		}
		begins := uint64(1)
		if len(numbers) > 0 && numbers[0] != 1 {
			state, err := l.State()
			if err != nil {
				yield(nil, err)
				return
			}
			begins = state.Begins
		}
		var last *Operation
		for _, n := range numbers {
			if n < begins {
				continue // it was ended, and not removed yet
			}
			op, err := l.follow(last, begins, n)
			if !yield(op, err) || err != nil {
				return
			}
			last = op
		}
	}
}

// follow reads operation n, which must come after last, or be the one that the log
// begins with.
func (l *Log) follow(last *Operation, begins, n uint64) (*Operation, error) {
	want := begins
	if last != nil {
		want = last.Number + 1
	}
	if n != want {
		return nil, l.chainError(want, fmt.Sprintf("it is missing, while manifest %d is there", n))
	}
	op, err := l.Read(n)
	if err != nil {
		return nil, err
	}
	if last == nil && begins > 1 {
		return op, nil // what it continues was ended
	}
	hash := ""
	if last != nil {
		hash = last.Hash
	}
	if op.Parent != hash {
		return nil, l.chainError(n, fmt.Sprintf("it follows a manifest with hash %q, but the one before it has %q",
			op.Parent, hash))
	}
	return op, nil
}

func (l *Log) chainError(n uint64, reason string) error {
	return &ChainError{Dir: l.dir, Path: ManifestPath(l.partition, n), Reason: reason}
}

// OpenFile opens a file of the table for reading, wherever it is: where it is
// published, where it waits for that, or where it was put when a later operation
// removed it. The caller checks its bytes. A file that is nowhere gives
// fs.ErrNotExist: it was deleted, or is lost.
func (l *Log) OpenFile(f Artifact) (bucket.Reader, error) {
	r, err := l.bucket.Open(f.Path)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if f.Staging != "" {
		if r, stagedErr := l.bucket.Open(f.Staging); stagedErr == nil {
			return r, nil
		}
		if r, err := l.bucket.Open(f.Path); !errors.Is(err, fs.ErrNotExist) { // it may have been published in between
			return r, err
		}
	}
	return l.openRemoved(f.Path, err)
}

// openRemoved opens a file among those that operations have removed and that are kept
// for readers who still need them.
func (l *Log) openRemoved(name string, missing error) (bucket.Reader, error) {
	dirs, err := l.bucket.List(RemovedDir)
	if err != nil {
		return nil, err
	}
	below, _ := strings.CutPrefix(name, DataDir+"/")
	slices.Sort(dirs)
	for _, dir := range slices.Backward(dirs) {
		r, err := l.bucket.Open(RemovedDir + "/" + dir + "/" + below)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return nil, missing
}

// ReadObject reads a manifest, or something as small.
func ReadObject(b bucket.Bucket, name string) ([]byte, error) {
	r, err := b.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > MaxManifest {
		return nil, fmt.Errorf("%s has %d bytes, more than any manifest", name, r.Size())
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// ChainError says that the manifests do not continue one another: one is
// missing, was changed, or belongs to something else.
type ChainError struct {
	Dir    string
	Path   string // of the manifest, below Dir
	Reason string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("output %s: manifest %s: %s; the output was changed from outside: restore it whole from a backup, or start over with an empty output.dir and state.dir", e.Dir, e.Path, e.Reason)
}

// Refusal reports that a person has to decide.
func (e *ChainError) Refusal() bool { return true }
