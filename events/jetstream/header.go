package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// HeaderValues lists the values that a header has in the messages of a stream behind a
// sequence. It reads no data.
func HeaderValues(ctx context.Context, nc *nats.Conn, stream string, after uint64, header string) (map[string]bool,
	error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	consumer, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, AckPolicy: jetstream.AckNonePolicy,
		HeadersOnly: true, Replicas: 1, MemoryStorage: true, InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("read the headers of stream %q: %w", stream, explain(err))
	}
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, 1000)), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, fmt.Errorf("read the headers of stream %q: %w", stream, err)
		}
		came := uint64(0)
		for m := range batch.Messages() {
			for _, value := range m.Headers().Values(header) {
				found[value] = true
			}
			came++
		}
		if err := batch.Error(); err != nil {
			return nil, fmt.Errorf("read the headers of stream %q: %w", stream, err)
		}
		if came == 0 {
			return nil, fmt.Errorf("read the headers of stream %q: %d messages do not come: try again", stream, left)
		}
		left -= min(left, came)
	}
	return found, js.DeleteConsumer(ctx, stream, consumer.CachedInfo().Name)
}
