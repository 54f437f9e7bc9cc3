package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// PublisherOptions says where labels go.
type PublisherOptions struct {
	Subject string // without wildcards
	Stream  string // empty: the stream that holds the subject, or a name derived from it
	Create  bool   // create the stream if there is none
	Log     *slog.Logger
	Hold    func(events.Hold) // told when the stream takes no labels, and when it does again; nil: not called
}

// Publisher sends the label stream. Several goroutines may use it.
type Publisher struct {
	js         jetstream.JetStream
	opts       PublisherOptions
	log        *rateLimitedLog
	skipped    atomic.Int64 // labels that were left out
	ackTimeout time.Duration

	spool      *spool                // nil: Publish waits for the broker
	spoolCause atomic.Pointer[error] // why labels went to the spool last
	wake       chan struct{}
	stop       context.CancelFunc
	draining   sync.WaitGroup
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
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*flightLabels),
		jetstream.WithPublishAsyncTimeout(lost))
	if err != nil {
		return nil, err
	}
	opts.Log = orSilent(opts.Log)
	if opts.Hold == nil {
		opts.Hold = func(events.Hold) {}
	}
	const ackTimeout = 5 * time.Second // what a broker that elects a leader takes
	p := &Publisher{js: js, opts: opts, log: newRateLimitedLog(opts.Log, newElapsed()), ackTimeout: ackTimeout,
		wake: make(chan struct{}, 1), stop: func() {}}
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
		return fmt.Errorf("label stream: no stream holds subject %q: create one on the server, or set publish.create: true",
			p.opts.Subject)
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

// Publish returns when the broker has stored every label, in their order, or when
// those that it does not take are in the spool, if there is one: they are sent from
// there. Without a spool it sends again for as long as ctx lives. It returns only
// ctx's error. A label sent again is stored once if the outage was shorter than the
// stream's duplicates window; its ID tells copies apart beyond that. A label that is
// larger than the server or the stream takes is left out, and counted.
func (p *Publisher) Publish(ctx context.Context, labels []events.Label) error {
	if p.spool == nil {
		_, _ = p.deliverAll(ctx, labels)
		return ctx.Err()
	}
	if p.spool.len() == 0 {
		direct, cancel := context.WithTimeout(ctx, p.ackTimeout)
		left, err := p.deliverAll(direct, labels)
		cancel()
		if len(left) == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		labels = left
		p.spoolCause.Store(&err)
	}
	skipped, err := p.spool.add(labels)
	if err != nil {
		p.opts.Log.Error("labels cannot be kept for later: rows wait until the label stream takes them", "cause", err)
		_, _ = p.deliverAll(ctx, labels)
		return ctx.Err()
	}
	if skipped > 0 {
		p.skip(skipped, fmt.Errorf("%s has %d bytes, which is the most it may have", p.spool.path, p.spool.most))
	}
	p.sayWaiting()
	signal(p.wake)
	return ctx.Err()
}

// deliverAll sends labels a flight at a time until all are stored. It returns those
// that are not when ctx ends.
func (p *Publisher) deliverAll(ctx context.Context, labels []events.Label) (left []events.Label, err error) {
	for len(labels) > 0 {
		n, bytes := 0, 0
		for n < len(labels) && n < flightLabels && (n == 0 || bytes+len(labels[n].Data) <= flightBytes) {
			bytes += len(labels[n].Data)
			n++
		}
		left, err := p.deliver(ctx, labels[:n])
		if err != nil {
			return append(left, labels[n:]...), err
		}
		labels = labels[n:]
	}
	return nil, ctx.Err()
}

// deliver sends labels until all are stored, or ctx ends: then it returns those that
// are not, and why.
func (p *Publisher) deliver(ctx context.Context, labels []events.Label) (left []events.Label, err error) {
	for attempt := 0; ; attempt++ {
		var reason error
		labels, reason = p.send(ctx, labels)
		switch {
		case len(labels) == 0:
			if attempt > 0 {
				p.log.reset()
			}
			return nil, nil
		case ctx.Err() != nil:
			return labels, cmp.Or(reason, err, ctx.Err())
		}
		err = reason
		p.log.warn("labels are not stored, sending again for ever", "subject", p.opts.Subject, "labels", len(labels),
			"cause", err)
		if p.opts.Create && errors.Is(err, jetstream.ErrNoStreamResponse) {
			// The stream was deleted. Labels are derived from the log, so
			// a new stream is better than none.
			once, cancel := context.WithTimeout(ctx, time.Second)
			_ = p.provision(once)
			cancel()
		}
		if pause(ctx, attempt) != nil {
			return labels, err
		}
	}
}

// tooLarge reports whether the server or the stream will never take a message of
// this size. A stream that takes larger ones later has the next labels.
func tooLarge(err error) bool {
	const messageExceedsMaximum = 10054
	api, ok := errors.AsType[*jetstream.APIError](err)
	return errors.Is(err, nats.ErrMaxPayload) || ok && api.ErrorCode == messageExceedsMaximum
}

// send sends each label once and returns those that were not acknowledged, in
// order, with the reason of the first. A label after a failed one is not sent
// ahead of it unless it was under way already.
func (p *Publisher) send(ctx context.Context, labels []events.Label) (left []events.Label, reason error) {
	type flying struct {
		label  events.Label
		future jetstream.PubAckFuture
	}
	var flight []flying
	unsent := labels
	for len(unsent) > 0 {
		msg := nats.NewMsg(p.opts.Subject)
		msg.Data = unsent[0].Data
		future, err := p.js.PublishMsgAsync(msg, jetstream.WithMsgID(unsent[0].ID))
		if tooLarge(err) {
			p.skip(1, fmt.Errorf("it has %d bytes: %w", len(msg.Data), err))
		} else if err != nil {
			reason = err
			break
		} else {
			flight = append(flight, flying{unsent[0], future})
		}
		unsent = unsent[1:]
	}
	stored := 0
	for i, f := range flight {
		select {
		case <-f.future.Ok():
			stored++
		case err := <-f.future.Err():
			if tooLarge(err) {
				p.skip(1, fmt.Errorf("it has %d bytes: %w", len(f.label.Data), err))
				continue
			}
			left = append(left, f.label)
			if reason == nil {
				reason = explain(err)
			}
		case <-ctx.Done():
			for _, f := range flight[i:] {
				left = append(left, f.label)
			}
			return append(left, unsent...), ctx.Err()
		}
	}
	if stored > 0 && (p.spool == nil || p.spool.len() == 0) {
		p.opts.Hold(events.Hold{})
	}
	return append(left, unsent...), reason
}

// skip counts labels that are never sent.
func (p *Publisher) skip(n int, cause error) {
	total := p.skipped.Add(int64(n))
	p.log.warn("a label cannot be sent and is left out of the label stream; its row is written", "subject",
		p.opts.Subject, "left out so far", total, "cause", cause)
	p.opts.Hold(events.Hold{Reason: HoldLabelStream, Detail: fmt.Sprintf(
		"the label stream on %s does not take a label: %v; %d were left out. Rows go on; the rows have what was left out", p.opts.Subject, cause, total)})
}

// Close stops sending and waiting for acknowledgements. What is in the spool stays
// there. The connection stays open: it belongs to the caller.
func (p *Publisher) Close() error {
	p.stop()
	p.draining.Wait()
	p.js.CleanupPublisher()
	if p.spool == nil {
		return nil
	}
	return p.spool.close()
}
