package jetstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/labeljoin/labeljoin/events"
)

// Appender stores messages of events in streams. Several goroutines may use it.
type Appender struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	room *semaphore.Weighted // bytes that may be under way
	opts AppenderOptions
}

// AppenderOptions bounds what is under way. The zero value is the default.
type AppenderOptions struct {
	Bytes      int64         // of messages that are not acknowledged yet; 0: 32 MiB
	Queue      time.Duration // how long a message waits for room among them; 0: 1 s
	AckTimeout time.Duration // how long an acknowledgement may take; 0: 5 s
}

// NewAppender makes an appender over a connection, which belongs to the caller.
func NewAppender(nc *nats.Conn, opts AppenderOptions) (*Appender, error) {
	if opts.Bytes <= 0 {
		opts.Bytes = 32 << 20
	}
	if opts.Queue <= 0 {
		opts.Queue = time.Second
	}
	if opts.AckTimeout <= 0 {
		opts.AckTimeout = 5 * time.Second // what a broker that elects a leader takes
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1<<20), // room bounds it
		jetstream.WithPublishAsyncTimeout(2*opts.AckTimeout))
	if err != nil {
		return nil, err
	}
	return &Appender{nc: nc, js: js, room: semaphore.NewWeighted(opts.Bytes), opts: opts}, nil
}

// Close gives up waiting for acknowledgements.
func (a *Appender) Close() { a.js.CleanupPublisher() }

// headerRoom is what the headers of a message may take of the largest one, but at most half of it.
const headerRoom = 8 << 10

// MaxBytes is the most that the data of a message may have, with room for headers; 0 while
// the server has never been reached.
func (a *Appender) MaxBytes() int {
	most := a.nc.MaxPayload()
	return int(most - min(headerRoom, most/2))
}

// Append returns when the broker has stored all messages: then copies says how many of
// their events it had already. The error is a *events.StoreError; some of the messages may
// have been stored all the same. The data must not change until Append returns without an error.
func (a *Appender) Append(ctx context.Context, list []events.Outgoing) (copies int, err error) {
	if !a.nc.IsConnected() {
		return 0, a.away(nil)
	}
	bytes := int64(0)
	for i := range list {
		bytes += int64(len(list[i].Data))
	}
	bytes = min(bytes, a.opts.Bytes)
	queued, cancel := context.WithTimeout(ctx, a.opts.Queue)
	err = a.room.Acquire(queued, bytes)
	cancel()
	if err != nil {
		return 0, &events.StoreError{Fault: events.FaultSlow,
			Reason: "the broker does not keep up: too many events wait for it"}
	}
	defer a.room.Release(bytes)
	futures, err := a.publish(list)
	if err != nil {
		return 0, err
	}
	ctx, cancel = context.WithTimeout(ctx, a.opts.AckTimeout)
	defer cancel()
	for i, f := range futures {
		select {
		case ack := <-f.Ok():
			if ack.Duplicate {
				copies += list[i].Events
			}
		case err := <-f.Err():
			return 0, a.fault(&list[i], err)
		case <-ctx.Done():
			return 0, a.fault(&list[i], context.DeadlineExceeded)
		}
	}
	return copies, nil
}

// publish hands messages to the connection.
func (a *Appender) publish(list []events.Outgoing) ([]jetstream.PubAckFuture, error) {
	futures := make([]jetstream.PubAckFuture, len(list))
	for i := range list {
		m := &list[i]
		msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(maps.Clone(m.Header)), Data: m.Data}
		var options []jetstream.PublishOpt
		if m.ID != "" {
			options = append(options, jetstream.WithMsgID(m.ID))
		}
		if m.Stream != "" {
			options = append(options, jetstream.WithExpectStream(m.Stream))
		}
		future, err := a.js.PublishMsgAsync(msg, options...)
		if err != nil {
			return nil, a.fault(m, err)
		}
		futures[i] = future
	}
	return futures, nil
}

// errWrongStream is the code of JetStream's error for a message that another stream than
// the expected one would store (nats-server, server/errors.json: JSStreamNotMatchErr).
const errWrongStream = 10060

// fault makes of an error what its receiver can act on.
func (a *Appender) fault(m *events.Outgoing, err error) error {
	var api *jetstream.APIError
	known := errors.As(err, &api)
	switch {
	case tooLarge(err):
		return &events.StoreError{Fault: events.FaultTooLarge,
			Reason: fmt.Sprintf("a message of %d bytes is larger than the broker takes", len(m.Data))}
	case known && api.ErrorCode == errWrongStream:
		return &events.StoreError{Fault: events.FaultRefused, Reason: fmt.Sprintf(
			"subject %s is held by another stream than %s, which is read: choose another subject (http.ingest.subjects)",
			m.Subject, m.Stream)}
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return &events.StoreError{Fault: events.FaultRefused, Reason: fmt.Sprintf(
			"no stream holds subject %s, or JetStream is off: add the subject to the stream, or choose another", m.Subject)}
	case known:
		reason := fmt.Sprintf("the stream of subject %s takes no messages: %s", m.Subject, api.Description)
		if limit := limitReached(err); limit != "" {
			reason += ": " + limit
		}
		return &events.StoreError{Fault: events.FaultRefused, Reason: reason}
	case !a.nc.IsConnected():
		return a.away(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, jetstream.ErrTooManyStalledMsgs):
		return &events.StoreError{Fault: events.FaultSlow,
			Reason: fmt.Sprintf("the broker has not stored the events within %v", a.opts.AckTimeout)}
	}
	return a.away(err)
}

// away is the error of a broker that cannot be reached.
func (a *Appender) away(err error) error {
	reason := "the broker is away"
	if err == nil {
		err = a.nc.LastError()
	}
	if err != nil {
		reason += ": " + err.Error()
	}
	return &events.StoreError{Fault: events.FaultAway, Reason: reason}
}

// StreamFor is the stream of the logs that holds messages of an input with a subject. ok
// is false where it gets its messages from another stream: what is published to the
// subject does not come there, or not under that subject.
func StreamFor(logs []Log, input, subject string) (stream string, ok bool) {
	for i := range logs {
		l := &logs[i]
		if !l.Borrows && slices.ContainsFunc(l.Inputs, func(in Input) bool {
			return in.Name == input && covers(in.Subject, subject)
		}) {
			return l.Stream, true
		}
	}
	return "", false
}
