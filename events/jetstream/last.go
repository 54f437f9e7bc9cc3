package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// LastSeq asks once for the sequence of a stream's newest message.
func LastSeq(ctx context.Context, nc *nats.Conn, stream string) (uint64, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.LastSeq, nil
}

// Has reports whether a stream has the message of a mark in its place. If it has, it is
// the stream that was read, whatever time it says it was created at: it may have been
// restored from a backup.
func Has(ctx context.Context, nc *nats.Conn, stream string, mark events.Mark) (bool, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return false, err
	}
	is, there, err := hasMark(ctx, js, stream, mark)
	return is && there, err
}
