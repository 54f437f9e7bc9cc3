package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/joiner/engine"
)

// PublisherOptions says where labels go.
type PublisherOptions struct {
	Subject string // without wildcards
	Stream  string // empty: the stream that holds the subject, or a name derived from it
	Create  bool   // create the stream if there is none
	Log     *slog.Logger
}

// Publisher sends the label stream. It is used by one goroutine.
type Publisher struct {
	js   jetstream.JetStream
	opts PublisherOptions
	calm *calm
}

// How much is under way at once: enough to hide the round trip, little enough
// to be sent again without regret.
const (
	flightLabels = 1000
	flightBytes  = 4 << 20
)

// labelDuplicates is how long the broker recognizes a label it has already:
// labels sent again after an outage shorter than this are stored once.
const labelDuplicates = 2 * time.Minute

// NewPublisher finds the stream that holds the subject, or creates it. It waits
// for NATS as long as ctx lives. Its errors name the subject and the way out.
func NewPublisher(ctx context.Context, nc *nats.Conn, opts PublisherOptions) (*Publisher, error) {
	if err := checkSubject(opts.Subject); err != nil {
		return nil, fmt.Errorf("label stream: %w", err)
	}
	if strings.ContainsAny(opts.Subject, "*>") {
		return nil, fmt.Errorf("label stream: subject %q has wildcards: labels are published on one subject", opts.Subject)
	}
	const lost = 10 * time.Second // an acknowledgement that has not come by then never will
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*flightLabels), jetstream.WithPublishAsyncTimeout(lost))
	if err != nil {
		return nil, err
	}
	opts.Log = orSilent(opts.Log)
	p := &Publisher{js: js, opts: opts, calm: newCalm(opts.Log, newElapsed())}
	if err := p.provision(ctx); err != nil {
		js.CleanupPublisher()
		return nil, err
	}
	return p, nil
}

// provision makes sure that a stream holds the subject.
func (p *Publisher) provision(ctx context.Context) error {
	info, err := locate(ctx, p.js, p.opts.Subject, p.opts.Stream)
	switch {
	case err != nil:
		return fmt.Errorf("label stream: %w", err)
	case info != nil:
		return nil
	case !p.opts.Create:
		return fmt.Errorf("label stream: no stream holds subject %q: create one on the server, or set create: true", p.opts.Subject)
	}
	_, err = create(ctx, p.js, jetstream.StreamConfig{
		Name:       nameFor(Input{Subject: p.opts.Subject, Stream: p.opts.Stream}),
		Subjects:   []string{p.opts.Subject},
		Storage:    jetstream.FileStorage,
		Retention:  jetstream.LimitsPolicy,
		Duplicates: labelDuplicates,
	})
	if err != nil {
		return fmt.Errorf("label stream: %w", err)
	}
	return nil
}

// Publish returns when the broker has stored every label, in their order, and
// sends again what it has not for as long as ctx lives: it returns only ctx's
// error. A label sent again is stored once if the outage was shorter than the
// stream's duplicates window; its ID tells copies apart beyond that.
func (p *Publisher) Publish(ctx context.Context, labels []engine.Label) error {
	for len(labels) > 0 {
		n, bytes := 0, 0
		for n < len(labels) && n < flightLabels && (n == 0 || bytes+len(labels[n].Data) <= flightBytes) {
			bytes += len(labels[n].Data)
			n++
		}
		if err := p.deliver(ctx, labels[:n]); err != nil {
			return err
		}
		labels = labels[n:]
	}
	return ctx.Err()
}

// deliver sends labels until all are stored.
func (p *Publisher) deliver(ctx context.Context, labels []engine.Label) error {
	for attempt := 0; ; attempt++ {
		left, err := p.send(ctx, labels)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case len(left) == 0:
			if attempt > 0 {
				p.calm.rest()
			}
			return nil
		}
		p.calm.warn("labels are not stored, sending again for ever", "subject", p.opts.Subject, "labels", len(left), "cause", err)
		if p.opts.Create && errors.Is(err, jetstream.ErrNoStreamResponse) {
			// Somebody deleted the stream. Labels are derived from the log, so
			// a new stream is better than none.
			once, cancel := context.WithTimeout(ctx, time.Second)
			_ = p.provision(once)
			cancel()
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		labels = left
	}
}

// send sends each label once and returns those that were not acknowledged, in
// order, with the reason of the first. A label after a failed one is not sent
// ahead of it unless it was under way already.
func (p *Publisher) send(ctx context.Context, labels []engine.Label) (left []engine.Label, reason error) {
	futures := make([]jetstream.PubAckFuture, 0, len(labels))
	for i := range labels {
		msg := nats.NewMsg(p.opts.Subject)
		msg.Data = labels[i].Data
		future, err := p.js.PublishMsgAsync(msg, jetstream.WithMsgID(labels[i].ID))
		if err != nil {
			reason = err
			break
		}
		futures = append(futures, future)
	}
	unsent := labels[len(futures):]
	for i, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			left = append(left, labels[i])
			if reason == nil {
				reason = err
			}
		case <-ctx.Done():
			return labels, ctx.Err()
		}
	}
	return append(left, unsent...), reason
}

// Close stops waiting for acknowledgements. The connection stays open: it
// belongs to the caller.
func (p *Publisher) Close() error {
	p.js.CleanupPublisher()
	return nil
}
