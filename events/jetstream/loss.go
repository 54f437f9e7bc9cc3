package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Loss is what a log has lost of what a reader wanted to read next.
type Loss struct {
	Fault   *LogError
	Created events.Time // when the stream was created that is there now
	Next    uint64      // where reading can go on
	From    events.Time // when the newest message was stored that was read; MinTime if that is not known
	To      events.Time // when the message at Next was stored, or the broker's time if there is none
}

// FindLoss compares a log with a position in it. It returns nil if reading can
// go on there.
func FindLoss(ctx context.Context, nc *nats.Conn, log Log, from joiner.Position) (*Loss, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return nil, fmt.Errorf("look at stream %q: %w", log.Stream, explain(err))
	}
	s := &Source{js: js, in: log, created: from.Created}
	info := stream.CachedInfo()
	fault, ok := errors.AsType[*LogError](s.compare(info, from.Next, from.Next <= 1))
	if !ok {
		if err := s.sameLog(ctx, from.Mark); err == nil {
			return nil, nil
		} else if fault, ok = errors.AsType[*LogError](err); !ok {
			return nil, err
		}
	}
	loss := &Loss{Fault: fault, Created: events.At(info.Created), Next: max(1, info.State.FirstSeq), From: events.MinTime, To: events.At(info.TimeStamp)}
	if from.Mark.Seq > 0 {
		loss.From = from.Mark.Stored
	}
	if fault.Fault == Rewound {
		// What is there was read; what was read and is gone stays in the rows.
		loss.Next = max(loss.Next, info.State.LastSeq+1)
	}
	first, err := following(ctx, js, &Log{Stream: log.Stream, Inputs: log.Inputs, Filtered: true}, loss.Next-1)
	if err == nil && first != nil {
		loss.To = events.At(first.Time)
	}
	return loss, err
}
