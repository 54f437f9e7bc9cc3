// Package bucket is the place where committed files live: a local directory, and
// anything that can create an object only if it is absent.
package bucket

import (
	"errors"
	"fmt"
	"io"
)

// StagingDir is the directory of files that wait to be published.
const StagingDir = "_staging"

// ErrExist says that an object was there already.
var ErrExist = errors.New("object exists already")

// ErrNotFile says that something else than a file has an object's name: a
// directory, a pipe, a device. Reading it could wait for ever.
var ErrNotFile = errors.New("not a regular file")

// ErrLocked says that a lock is held already, by another process or by this one.
var ErrLocked = errors.New("the lock is held")

// ErrGone says that the place itself is gone.
var ErrGone = errors.New("the directory is gone")

// Bucket stores objects under slash-separated names. An object appears as a
// whole or not at all. It is used by several goroutines.
type Bucket interface {
	// Stringer names the place for people: a directory, or an address.
	fmt.Stringer
	// Present returns an error that is fs.ErrNotExist if the place is not there, so that
	// reading from it would find nothing.
	Present() error
	// Direct reports whether objects have their final names before a manifest names
	// them, because nothing can be renamed here. Then Publish comes before the manifest,
	// each name has a token, and readers see what manifests name. Else objects are
	// staged until the manifest is there, and who lists a directory sees what was
	// committed.
	Direct() bool
	// Stage begins an object that becomes complete with Writer.Finish.
	Stage(name string) (Writer, error)
	// SyncDir makes the names of all finished objects in the directory durable.
	SyncDir(dir string) error
	// CreateIfAbsent creates a small object durably, or returns an error that
	// is ErrExist. After any other error it may exist or not. An object that is there
	// with the very same content may count as created, so content that has to be one
	// process's own has something random in it.
	CreateIfAbsent(name string, data []byte) error
	// Replace creates or replaces a small object as a whole, durably.
	Replace(name string, data []byte) error
	// Publish moves objects to their final names, durably. A move already done
	// is left as it is, so that publishing can be repeated. An object that has
	// both names keeps both. Where the place is Direct, a staged object keeps its
	// staged name besides, until it is removed.
	Publish(moves []Move) error
	// Arrange makes a directory hold other objects, in one step for who lists it.
	// Want says which names are to be there and where each object is now, drop which
	// leave; other names stay. What left is kept under aside.
	Arrange(dir, aside string, want map[string]string, drop map[string]bool) error
	// RemoveAll removes a directory with what is in it, which need not exist.
	RemoveAll(dir string) error
	// Open opens an object for reading; a missing one gives an error that is
	// fs.ErrNotExist, and what is no file one that is ErrNotFile.
	Open(name string) (Reader, error)
	// List lists the names in a directory, in no order; a missing directory is
	// empty.
	List(dir string) ([]string, error)
	// Remove removes an object that need not exist.
	Remove(name string) error
	// Lock makes this process the only one to hold the name, until the closer
	// is closed or the process ends. The error is ErrLocked if the name is held, and another one if
	// that could not be found out.
	Lock(name string) (io.Closer, error)
}

// Writer writes one object.
type Writer interface {
	io.Writer
	// Finish makes the object's content durable.
	Finish() error
	// Discard gives the object up. It is a no-op after Finish.
	Discard()
}

// Reader reads one object.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Move is one step of Publish.
type Move struct {
	From, To string
}
