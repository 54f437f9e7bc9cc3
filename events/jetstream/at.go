package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// SeqAt is the sequence of the first message of a stream that was stored at a time or later, or
// that of the message that comes next if there is none.
func SeqAt(ctx context.Context, nc *nats.Conn, log *Log, t events.Time) (uint64, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return 0, fmt.Errorf("look at stream %q: %w", log.Stream, explain(err))
	}
	f := &lossFinder{js: js, log: log, stream: stream, info: stream.CachedInfo()}
	return f.firstAfter(ctx, t-1)
}

// FirstFrom is when the first message of a stream was stored that has a sequence or a later one; the
// broker's time if there is none. The message is nil if it is none of an input.
func FirstFrom(ctx context.Context, nc *nats.Conn, log *Log, seq uint64) (*events.Message, events.Time, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, 0, err
	}
	got, err := getMessage(ctx, js, log.Stream, seq, allSubjects)
	if err != nil {
		return nil, 0, err
	}
	if got != nil {
		return log.ours(got), events.At(got.Time), nil
	}
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return nil, 0, fmt.Errorf("look at stream %q: %w", log.Stream, explain(err))
	}
	return nil, events.At(stream.CachedInfo().TimeStamp), nil
}
