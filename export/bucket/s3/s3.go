// Package s3 is a bucket in an object store that speaks the S3 protocol. Nothing can be
// renamed there: files wait on this machine until they are committed, and have their final
// names before the manifest names them. OBJECTSTORE.md says what is asked of a store.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// Options is what New needs to know.
type Options struct {
	Client *minio.Client // that tries each request once
	Bucket string        // of the store
	Prefix string        // of all objects, without slashes around it; may be empty
	// Local has the files that wait to be uploaded, and the locks of this machine.
	Local bucket.Bucket
	// Scratch is the directory in which an object that is read and too large for memory
	// has a file without a name; empty: the system's.
	Scratch string

	// RetryFor is how long a request that the store does not answer is tried again; 0 is
	// for as long as Stop is open.
	RetryFor time.Duration
	// Stop ends all waiting when it is closed: each request is made once then, and has a
	// few seconds. nil: never.
	Stop <-chan struct{}
	// Waits is told why requests wait, and told nil when they go on; nil: it is not told.
	Waits func(cause error)
	// Pause is how long after its first failure a request is tried again. Each further
	// pause is twice as long, up to thirty times the first. 0 means half a second.
	Pause time.Duration
}

// Bucket is a bucket.Bucket in an object store.
type Bucket struct {
	Options
	core minio.Core

	mu       sync.Mutex
	waiting  map[int]error // requests that wait, by a number of their own
	requests int           // that ever waited
	sent     map[string]bool
	fit      bool // the store was probed
}

// New returns the bucket. Nothing is asked of the store yet.
func New(o Options) *Bucket {
	if o.Pause == 0 {
		o.Pause = time.Second / 2
	}
	o.Prefix = strings.Trim(o.Prefix, "/")
	return &Bucket{Options: o, core: minio.Core{Client: o.Client}, waiting: map[int]error{}, sent: map[string]bool{}}
}

// String is the address, like s3://bucket/prefix.
func (b *Bucket) String() string {
	if b.Prefix == "" {
		return "s3://" + b.Bucket
	}
	return "s3://" + b.Bucket + "/" + b.Prefix
}

// ParseAddress takes an address like s3://bucket/prefix apart. It is false for a path of
// this machine.
func ParseAddress(address string) (name, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(address, "s3://")
	if !ok {
		return "", "", false
	}
	name, prefix, _ = strings.Cut(rest, "/")
	return name, strings.Trim(prefix, "/"), true
}

// Present is nil: a store has no directories that may be missing. Whether the bucket is
// there, the first request tells.
func (b *Bucket) Present() error { return nil }

// Direct is true: nothing can be renamed.
func (b *Bucket) Direct() bool { return true }

// key is the name of an object in the store.
func (b *Bucket) key(name string) string { return path.Join(b.Prefix, name) }

// local reports whether a name is of a file that waits on this machine.
func local(name string) bool {
	return name == bucket.StagingDir || strings.HasPrefix(name, bucket.StagingDir+"/")
}

// errNotLocal says that an object is to be written bit by bit outside of the staging folder.
var errNotLocal = errors.New("objects are written bit by bit below " + bucket.StagingDir + " only")

// Stage begins a file on this machine.
func (b *Bucket) Stage(name string) (bucket.Writer, error) {
	if !local(name) {
		return nil, fmt.Errorf("%s: %w", name, errNotLocal)
	}
	return b.Local.Stage(name)
}

// SyncDir makes the names of staged files durable. Objects are durable when the store has
// answered.
func (b *Bucket) SyncDir(dir string) error {
	if !local(dir) {
		return nil
	}
	return b.Local.SyncDir(dir)
}

// Remove removes an object, or a staged file.
func (b *Bucket) Remove(name string) error {
	if local(name) {
		return b.Local.Remove(name)
	}
	return b.call("remove "+name, 0, func(ctx context.Context) error {
		return b.Client.RemoveObject(ctx, b.Bucket, b.key(name), minio.RemoveObjectOptions{})
	})
}

// RemoveAll removes all objects whose names begin with that of the directory.
func (b *Bucket) RemoveAll(dir string) error {
	if local(dir) {
		return b.Local.RemoveAll(dir)
	}
	var names []string
	err := b.list(dir, true, func(name string) { names = append(names, name) })
	for _, name := range names {
		if err == nil {
			err = b.Remove(path.Join(dir, name))
		}
	}
	return err
}

// Arrange does nothing: readers see what manifests name, and who keeps house removes what
// none names any more.
func (b *Bucket) Arrange(string, string, map[string]string, map[string]bool) error { return nil }

// List lists the names in a directory.
func (b *Bucket) List(dir string) ([]string, error) {
	if local(dir) {
		return b.Local.List(dir)
	}
	var names []string
	err := b.list(dir, false, func(name string) { names = append(names, name) })
	return names, err
}

// list visits the names below a directory, those in it or all.
func (b *Bucket) list(dir string, below bool, visit func(name string)) error {
	prefix := b.key(dir) + "/"
	if prefix == "./" || prefix == "/" {
		prefix = ""
	}
	var found []string
	err := b.call("list "+dir, 0, func(ctx context.Context) error {
		found = found[:0]
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range b.Client.ListObjectsIter(ctx, b.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: below}) {
			if o.Err != nil {
				return o.Err
			}
			if name := strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix), "/"); name != "" {
				found = append(found, name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range found {
		visit(name)
	}
	return nil
}

// Lock keeps other processes of this machine out. A process of another machine is kept out
// by the manifests: of two, one cannot commit. The object of that name says who has it.
func (b *Bucket) Lock(name string) (io.Closer, error) {
	lock, err := b.Local.Lock(name)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err == nil {
		text := fmt.Sprintf("opened by process %d on %s\n", os.Getpid(), host)
		err = b.put(name, strings.NewReader(text), int64(len(text)))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}
