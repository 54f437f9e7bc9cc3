package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reader is one consumer of a log. It delivers messages in order until the
// first irregularity, after which it delivers nothing: then the source proves
// that the log is still the same and starts another reader.
//
// The client library has a consumer that restarts itself (OrderedConsumer). It
// is not used because it restarts without that proof: on a stream that was
// rewound it silently waits for a sequence that other messages have taken.
type reader struct {
	log     *Log
	input   uint8
	buffer  *buffer
	lost    lost
	marker  func()     // told of delete markers
	trouble chan error // why it stopped delivering; capacity one
	stopped chan struct{}
	halted  atomic.Bool // trouble was reported: nothing more is delivered

	name    string // the consumer's
	consume jetstream.ConsumeContext

	// Used by the delivering goroutine only.
	consumerSeq uint64
	streamSeq   uint64
}

// Irregularities. Whether messages are really missing is found out by asking
// for the message that was expected.
var (
	errOutOfOrder  = errors.New("messages were lost on the way")
	errUnreadable  = errors.New("a message came without its sequence")
	errStalled     = errors.New("the stream has more messages, but none come")
	errReconnected = errors.New("the connection was replaced")
)

// startReader creates a consumer that begins at sequence next and lets it
// deliver into the buffer.
//
// It asks for no more than the server and the stream allow: idle, unless 0, bounds
// how long a consumer may be without a pull; how many messages may be asked for at
// once the server says in the consumer's configuration.
func startReader(ctx context.Context, js jetstream.JetStream, s *Source, next uint64, idle time.Duration) (*reader, error) {
	const (
		forgotten = 30 * time.Second // the server drops a consumer that is not pulled from
		expiry    = 5 * time.Second
		heartbeat = time.Second // silence of twice this is trouble
	)
	config := jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(next, 1),
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: forgotten,
		Replicas:          1,
		MemoryStorage:     true,
	}
	if idle > 0 {
		config.InactiveThreshold = min(forgotten, idle)
	}
	if s.in.Filtered {
		config.FilterSubjects = s.in.subjects()
	}
	consumer, err := js.CreateConsumer(ctx, s.in.Stream, config)
	if err != nil {
		return nil, fmt.Errorf("create a consumer of stream %q: %w", s.in.Stream, explain(err))
	}
	r := &reader{
		log: &s.in, input: s.input, buffer: s.buffer, lost: s.opts.Lost, marker: s.opts.Marker,
		trouble: make(chan error, 1), stopped: make(chan struct{}),
		name: consumer.CachedInfo().Name, streamSeq: max(next, 1) - 1,
	}
	r.buffer.own(r)
	var amount jetstream.PullConsumeOpt = jetstream.PullMaxBytes(s.ahead())
	if most := consumer.CachedInfo().Config.MaxRequestBatch; most > 0 {
		amount = jetstream.PullMaxMessagesWithBytesLimit(most, s.ahead())
	}
	r.consume, err = consumer.Consume(r.deliver,
		amount, jetstream.PullExpiry(expiry), jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { r.halt(err) }))
	if err != nil {
		r.buffer.own(nil)
		return nil, fmt.Errorf("read stream %q: %w", s.in.Stream, err)
	}
	return r, nil
}

// ahead is how many bytes the broker may send ahead: at least one message of the
// largest size that it takes, for it sends none that is larger than this. It stays
// below what the client holds of a subscription before it drops messages.
func (s *Source) ahead() int {
	const (
		usual    = 16 << 20
		overhead = 64 << 10 // of a subject and of headers
		most     = nats.DefaultSubPendingBytesLimit - 4<<20
	)
	if s.opts.Prefetch > 0 {
		return s.opts.Prefetch
	}
	return int(max(usual, min(s.nc.MaxPayload()+overhead, most)))
}

// deliver is called for every message, by one goroutine.
func (r *reader) deliver(msg jetstream.Msg) {
	if r.halted.Load() {
		return
	}
	at, ok := parseReply(msg.Reply())
	switch {
	case !ok:
		r.halt(errUnreadable)
		return
	case at.consumer != r.consumerSeq+1, at.stream <= r.streamSeq:
		r.halt(errOutOfOrder)
		return
	case !r.log.Filtered && at.stream != r.streamSeq+1 && !r.lost.cover(r.streamSeq+1, at.stream) && !r.buffer.nothingCame():
		r.halt(errOutOfOrder)
		return
	}
	r.consumerSeq, r.streamSeq = at.consumer, at.stream
	// The client has copied the data already.
	m, ours := r.log.message(r.input, msg.Subject(), msg.Headers(), at.stream, at.stored, msg.Data())
	if !ours {
		// It is a marker, or the stream was given more subjects while it is read.
		if isMarker(msg.Headers(), msg.Data()) {
			r.marker()
		}
		r.buffer.add(r, at.stream, nil)
		return
	}
	r.buffer.add(r, at.stream, &m)
}

// halt stops delivering and says why. The first reason counts.
func (r *reader) halt(reason error) {
	if r.halted.CompareAndSwap(false, true) {
		r.trouble <- reason
	}
}

// stop ends delivery: when it returns, the reader adds nothing more.
func (r *reader) stop() {
	r.halted.Store(true)
	r.buffer.own(nil)
	close(r.stopped)
	r.consume.Stop()
}
