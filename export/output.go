package export

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Output is a directory of labeled rows and its chain of commits, open for
// writing. Its methods may be called by several goroutines.
type Output struct {
	opts   Options
	bucket bucket.Bucket
	layout *rowfile.Layout
	lock   io.Closer
	// session keeps the staged files of two attempts apart.
	session  string
	features featureNotes

	mu      sync.Mutex
	stage   *Stage // the one open, or nil
	stages  int    // how many were opened
	cut     joiner.Cut
	receipt joiner.Receipt // Number 0 before the first commit
	broken  error          // why no commit can follow without opening again
	later   []string       // files of commits after the last, which have no manifest
}

// Last is the newest commit, with its receipt; ok is false before the first.
func (o *Output) Last() (cut joiner.Cut, receipt joiner.Receipt, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cut, o.receipt, o.receipt.Number > 0
}

// Cuts lists all commits there are at the call, oldest first.
func (o *Output) Cuts() iter.Seq2[joiner.Cut, error] {
	return func(yield func(joiner.Cut, error) bool) {
		for m, err := range o.manifests() {
			if err != nil {
				yield(joiner.Cut{}, err)
				return
			}
			if !yield(m.cut(), nil) {
				return
			}
		}
	}
}

// manifests reads all manifests, oldest first. It ends with the first error.
func (o *Output) manifests() iter.Seq2[*manifest, error] {
	_, last, _ := o.Last()
	return func(yield func(*manifest, error) bool) {
		for k := uint64(1); k <= last.Number; k++ {
			m, _, err := o.readManifest(k)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Stage begins commit k, which must be the one after the last. One stage is
// open at a time; it is used by one goroutine.
func (o *Output) Stage(k uint64) (*Stage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.broken != nil:
		return nil, fmt.Errorf("open the output again first: %w", o.broken)
	case o.stage != nil:
		return nil, fmt.Errorf("commit %d is still open: commit or abort it first", o.stage.number)
	case k != o.receipt.Number+1:
		return nil, fmt.Errorf("commit %d cannot follow commit %d", k, o.receipt.Number)
	}
	o.stages++
	o.stage = &Stage{out: o, number: k, attempt: o.stages, builders: map[int64]*rowfile.Builder{}}
	return o.stage, nil
}

// Close aborts what is staged and gives the output up to others.
func (o *Output) Close() error {
	o.mu.Lock()
	stage := o.stage
	lock := o.lock
	o.lock = nil
	o.broken = errors.New("the output is closed")
	o.mu.Unlock()
	if stage != nil {
		stage.Abort()
	}
	if lock == nil {
		return nil
	}
	return lock.Close()
}
