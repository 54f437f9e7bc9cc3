package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// farthestBack bounds how many messages of other subjects Newest passes over.
const farthestBack = 1_000_000

// Newest reads the newest messages of a log, n at most, the oldest of them first. It
// leaves nothing behind on the server. It is for people to look at: a stream that is
// written to meanwhile may have newer ones when it returns.
func Newest(ctx context.Context, nc *nats.Conn, log *Log, n int) ([]events.Message, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	for back := uint64(max(n, 1)); ; back *= 32 {
		from := log.First
		if log.Last >= back && log.Last-back+1 > log.First {
			from = log.Last - back + 1
		}
		list, err := newestFrom(ctx, js, log, max(from, 1))
		if err != nil || len(list) >= n || from == log.First || back > farthestBack {
			return list[max(0, len(list)-n):], err
		}
	}
}

// newestFrom reads the messages from a sequence to the newest.
func newestFrom(ctx context.Context, js jetstream.JetStream, log *Log, from uint64) (list []events.Message, err error) {
	if log.Last < from {
		return nil, nil
	}
	consumer, err := js.OrderedConsumer(ctx, log.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: log.subjects(), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %q: %w", log.Stream, explain(err))
	}
	pending := consumer.CachedInfo().NumPending
	for uint64(len(list)) < pending {
		batch, err := consumer.FetchNoWait(int(min(pending-uint64(len(list)), 500)))
		if err != nil {
			return list, err
		}
		got := 0
		for msg := range batch.Messages() {
			got++
			at, err := msg.Metadata()
			if err != nil {
				return list, err
			}
			if m, ok := log.message(0, msg.Subject(), msg.Headers(), at.Sequence.Stream, events.At(at.Timestamp),
				msg.Data()); ok {
				list = append(list, m)
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return list, err
		}
		if got == 0 {
			break // they were deleted meanwhile
		}
	}
	return slices.Clip(list), ctx.Err()
}
