package engine

import (
	"context"
	"iter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Source reads one input log from a position on, in the log's order. It is
// used by one goroutine.
type Source interface {
	// Next blocks until there is something to say. io.EOF says that the log
	// has ended and nothing will ever follow; a live log never ends. Any other
	// error is final.
	Next(ctx context.Context) (events.Batch, error)
	// Close ends reading. It is called once, after the last Next.
	Close() error
}

// Output is where commits go: files that readers see if, and only if, their
// commit's manifest was created.
type Output interface {
	Commits
	// Written lists the rows of requests with ts >= since, in the order of the commits:
	// every one, or those that a state rebuilt from the log cannot know of, because
	// they have a revision above base, which is joiner.Rules.Base, or were written early.
	Written(since events.Time, base uint32, every bool) iter.Seq2[joiner.Written, error]
	// Declared lists the gaps that were declared, in the order of their numbers.
	Declared() ([]events.Gap, error)
	// Stage begins commit k. One stage is open at a time; it is used by one
	// goroutine, which may be another than the caller's.
	Stage(k uint64) (Stage, error)
}

// Stage is a commit being written. Nothing of it is visible until Commit.
type Stage interface {
	// Row adds a row. The request is only read during the call.
	Row(req *events.Request, row *joiner.Row) error
	// DeadLetter adds to the commit's dead letter file.
	DeadLetter(d *events.DeadLetter) error
	// Tallies reports the rows added and the feature values that did not fit
	// their declared type, so that the cut's ledger can hold them.
	Tallies() (rows, unfit int64)
	// Commit makes the files durable, reads them back, creates the manifest
	// and publishes. After an error the manifest may or may not exist: opening
	// the output again tells, and completes what was left.
	Commit(ctx context.Context, cut *joiner.Cut) (joiner.Receipt, error)
	// Abort removes what was staged. It is a no-op after Commit.
	Abort()
}

// Publisher sends the label stream. Two goroutines may use it.
type Publisher interface {
	// Publish returns when every label is stored by the broker, and retries for
	// as long as ctx lives: it returns only ctx's error.
	Publish(ctx context.Context, labels []events.Label) error
}
