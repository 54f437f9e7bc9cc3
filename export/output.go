package export

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Output is a directory of labeled rows and its chain of commits, open for
// writing. Its methods may be called by several goroutines.
type Output struct {
	opts   Options
	bucket bucket.Bucket
	dir    string // the name of the bucket, for errors
	layout *rowfile.Layout
	lock   io.Closer
	// session keeps the staged files of two attempts apart.
	session  string
	features featureNotes

	log    *tablelog.Log
	writer *tablelog.Writer
	// before are the columns of the table in an output whose manifests have no schema.
	before []tablelog.SchemaColumn

	mu     sync.Mutex
	stage  *Stage // the one open, or nil
	stages int    // how many were opened
	// decided are columns' types that a stage before, of the same rows, has found out.
	decided *rowfile.Decisions
	broken  error    // why no commit can follow without opening again
	later   []string // files of commits after the last, which have no manifest
}

// Last is the newest commit, with its receipt; ok is false before the first.
func (o *Output) Last() (cut joiner.Cut, receipt joiner.Receipt, ok bool) {
	_, last, receipt := o.writer.Head()
	if last == nil {
		return cut, receipt, false
	}
	return *last, receipt, true
}

// Cuts lists the commits there are at the call whose manifests are kept, oldest first.
func (o *Output) Cuts() iter.Seq2[joiner.Cut, error] {
	_, last, _ := o.Last()
	return func(yield func(joiner.Cut, error) bool) {
		for op, err := range o.log.Operations() {
			if err != nil {
				yield(joiner.Cut{}, err)
				return
			}
			if op.Commit == nil {
				continue
			}
			if op.Commit.Number > last.Number || !yield(*op.Commit, nil) {
				return
			}
		}
	}
}

// Table is the log of the operations on this output, and the writer that makes them.
func (o *Output) Table() (*tablelog.Log, *tablelog.Writer) { return o.log, o.writer }

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
	}
	if _, last, _ := o.Last(); k != last.Number+1 {
		return nil, fmt.Errorf("commit %d cannot follow commit %d", k, last.Number)
	}
	schema, _ := o.schema()
	known, err := knownColumns(schema)
	if err != nil {
		return nil, err
	}
	o.stages++
	o.stage = &Stage{out: o, number: k, attempt: o.stages, builders: map[int64]*rowfile.Builder{},
		table: o.layout.NewTable(known)}
	o.stage.table.Decide(o.decided)
	o.decided = nil
	if o.opts.Statistics != nil {
		o.stage.sink = o.opts.Statistics()
	}
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
