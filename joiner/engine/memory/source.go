package memory

import (
	"context"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Log is an input log that is already whole: batches in the order in which a
// source hands them over. Message sequences must rise.
type Log []events.Batch

// Open returns a source that reads the log from a position and then ends.
func (l Log) Open(_ context.Context, from events.Position) (engine.Source, error) {
	return &source{rest: l, from: from.Next}, nil
}

type source struct {
	rest Log
	from uint64
}

// Close implements engine.Source.
func (s *source) Close() error { return nil }

// Next implements engine.Source.
func (s *source) Next(ctx context.Context) (events.Batch, error) {
	if err := ctx.Err(); err != nil {
		return events.Batch{}, err
	}
	if len(s.rest) == 0 {
		return events.Batch{}, io.EOF
	}
	for len(s.rest) > 0 {
		b := s.rest[0]
		s.rest = s.rest[1:]
		some := len(b.Messages) > 0
		for len(b.Messages) > 0 && b.Messages[0].Seq < s.from {
			b.Messages = b.Messages[1:]
		}
		if len(b.Messages) > 0 || !some { // one without messages says that the end was reached
			return b, nil
		}
	}
	return events.Batch{}, io.EOF
}
