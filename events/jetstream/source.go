package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// Options tunes a Source. The zero value is the default.
type Options struct {
	Log        *slog.Logger         // nil: silent
	ProveEvery time.Duration        // how often the broker is asked where the log ends; 0: 1 s
	Messages   int                  // most messages of a batch; 0: 1000
	Bytes      int                  // most bytes of a batch of more than one message; 0: 1 MiB
	Prefetch   int                  // bytes the broker may send ahead; 0: 16 MiB, and at least one message
	Lost       []Span               // of which a person has declared that messages may be missing
	Trouble    func(events.Hold)    // told when the stream cannot be read though NATS is there, and when it can again; nil: not called
	Elapsed    func() time.Duration // a clock that never jumps; nil: the machine's monotonic one
	// Synchronised is the machine's time, no later than the true one, if it is known
	// to be right; nil: by what the kernel says.
	Synchronised func() (events.Time, bool)

	// Known is the newest time on which two clocks agreed, by what the joiner has
	// read and proven, also before it was started; MinTime before the first. nil: the
	// broker's first answer is believed, and a log that was never read has lost nothing.
	Known func() events.Time
	// Heard reports whether an event of an input was ever read. nil: do not ask.
	Heard func(*Input) bool
	// Hold is told with every answer of the broker why silence proves nothing, or
	// that it does. nil: no one asks.
	Hold func(events.Hold)
	// Marker is told of every delete marker that is passed over, by several goroutines; nil: not called.
	Marker func()
	// Keep is how long the stream must keep messages; a shorter max_age is warned of.
	Keep time.Duration
}

// firstEver reports whether nothing of any log was read or proven yet. What is gone of
// them by now is declared as a gap then.
func (o *Options) firstEver() bool { return o.Known != nil && o.Known() == events.MinTime }

func (o Options) withDefaults() Options {
	o.Log = orSilent(o.Log)
	if o.ProveEvery <= 0 {
		o.ProveEvery = time.Second
	}
	if o.Messages <= 0 {
		o.Messages = 1000
	}
	if o.Bytes <= 0 {
		o.Bytes = 1 << 20
	}
	if o.Trouble == nil {
		o.Trouble = func(events.Hold) {}
	}
	if o.Elapsed == nil {
		o.Elapsed = newElapsed()
	}
	if o.Synchronised == nil {
		o.Synchronised = synchronised
	}
	if o.Marker == nil {
		o.Marker = func() {}
	}
	if o.Hold == nil {
		o.Hold = func(events.Hold) {}
	}
	return o
}

// Source reads one log from a position on. It is used by one goroutine. It
// holds at most about 8 batches' bytes and what is sent ahead in memory, and one
// message more if that is larger.
type Source struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	in      Log
	input   uint8
	opts    Options
	log     *rateLimitedLog
	created events.Time // of the stream that is read

	buffer        *buffer
	reader        *reader // nil: to be started
	prover        *prover
	status        chan nats.Status // the connection came back
	lost          chan nats.Status // the connection was lost
	started       start            // how the newest reader began
	reason        error            // why the newest reader was stopped
	silent        silences         // requests that were not answered
	emptyRestarts int              // readers in a row that brought nothing and soon stopped
	handed        uint64           // stream sequence through which everything was handed over
	sure          uint64           // of a filtered log: nothing of ours was unread up to here when the broker last said where it begins
	confirmed     time.Duration    // when it said so
	answered      bool             // it said so while it was read
	fault         error            // final
	stopped       bool
	laggard       laggard
}

// Open starts reading a log after what position from says was consumed.
// Position.Next is the sequence of the first message wanted; 0 means the beginning
// of the log, wherever that is. 1 does not: a log that was empty when it was first
// looked at has lost what it does not hold of it. It waits for NATS as long as ctx
// lives. A *LogError says that the stream is not the one the position belongs
// to, or no longer holds what follows.
func Open(ctx context.Context, nc *nats.Conn, log Log, input uint8, from events.Position, opts Options) (*Source, error) {
	if from.Input != "" && from.Input != log.Stream {
		return nil, fmt.Errorf("the position to resume from belongs to stream %q, but the input is now in stream %q: "+
			"configure the same stream, or start anew with empty state and output directories", from.Input, log.Stream)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	s := &Source{
		nc: nc, js: js, in: log, input: input, opts: opts,
		log:     newRateLimitedLog(opts.Log, opts.Elapsed),
		created: from.Created,
		buffer:  newBuffer(limits{messages: opts.Messages, bytes: opts.Bytes}),
		prover:  newProver(opts),
		status:  nc.StatusChanged(nats.CONNECTED),
		lost:    nc.StatusChanged(nats.RECONNECTING),
	}
	if s.created == 0 {
		s.created = log.Created
	}
	s.handed = max(from.Next, 1) - 1
	s.buffer.received, s.buffer.atStart = s.handed, from.Next == 0 || from.Mark.Seq == 0 && opts.firstEver()
	s.buffer.mark = from.Mark
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Next returns messages that have arrived, without waiting for more, or else
// blocks until some do. A batch with no messages says that the end was reached, and
// proves that everything the broker stored before its ReadThrough time has been handed
// over, unless that is MinTime. Next waits for
// NATS for ever; it returns ctx's error, or a *LogError when the log itself is
// damaged, which every later call returns too.
func (s *Source) Next(ctx context.Context) (events.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return events.Batch{}, err
		}
		s.poll()
		if t, ok := s.prover.proven(s.handed); ok && s.nc.IsConnected() {
			return events.Batch{ReadThrough: t, Through: s.through(), Created: s.created}, nil
		}
		if c, ok := s.take(); ok {
			s.handed = c.through
			if len(c.messages) == 0 {
				continue
			}
			return events.Batch{Messages: c.messages, ReadThrough: events.MinTime, Created: s.created}, nil
		}
		if s.fault != nil {
			return events.Batch{}, s.fault
		}
		if s.reader == nil {
			if err := s.restart(ctx); err != nil {
				return events.Batch{}, err
			}
			continue
		}
		if err := s.wait(ctx); err != nil {
			return events.Batch{}, err
		}
	}
}

// take hands over what was received, unless it is not known whether anything before it was lost.
func (s *Source) take() (portion, bool) {
	if s.isBarred() {
		return portion{}, false
	}
	return s.buffer.take()
}

// through is the sequence through which nothing is to be read any more, at the end
// of the log. While it is not known that nothing of ours has vanished it goes no
// further than what was handed over, so that the next start finds that out too.
func (s *Source) through() uint64 {
	if s.prover.evidence.unsure != "" {
		return s.handed
	}
	return max(s.handed, s.prover.clear)
}

// poll takes up what other goroutines have to say, without waiting.
func (s *Source) poll() {
	if s.reader == nil || s.fault != nil {
		return
	}
	select {
	case reason := <-s.reader.trouble:
		s.stopReader(reason)
		return
	case <-s.status:
		s.stopReader(errReconnected)
		return
	case a := <-s.prover.answers:
		s.onAnswer(a)
	default:
	}
	if s.reader != nil && s.prover.due() {
		s.inquire()
	}
}

// wait blocks until there may be something to do.
func (s *Source) wait(ctx context.Context) error {
	timer := time.NewTimer(s.prover.untilDue())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.buffer.filled:
	case <-timer.C:
	case reason := <-s.reader.trouble:
		s.stopReader(reason)
	case <-s.status:
		s.stopReader(errReconnected)
	case a := <-s.prover.answers:
		s.onAnswer(a)
	}
	return nil
}

// stopReader stops the reader. What it has buffered is still handed over.
func (s *Source) stopReader(reason error) {
	if !errors.Is(reason, errReconnected) {
		s.opts.Log.Debug("reading the log restarts", "stream", s.in.Stream, "cause", reason)
	}
	if s.isOfUse() {
		s.emptyRestarts = 0
	} else {
		s.emptyRestarts++
	}
	s.reason = reason
	s.prover.forget()
	s.deleteConsumer()
}

// isOfUse reports whether the reader has read anything, or stood for a while.
func (s *Source) isOfUse() bool {
	const soon = 10 * time.Second
	received, _ := s.buffer.progress()
	return received > s.started.after || s.opts.Elapsed()-s.started.at > soon
}

// recovered takes back that reading is broken off again and again, once it no longer is:
// in a quiet stream no message comes that would show it.
func (s *Source) recovered() {
	if s.emptyRestarts > 1 && s.isOfUse() {
		s.emptyRestarts = 0
		s.opts.Trouble(events.Hold{})
	}
}

// start is where and when a reader began.
type start struct {
	after uint64        // the sequence after which it reads
	at    time.Duration // elapsed
}

// restart starts another reader, not at once if the last ones were of no use.
func (s *Source) restart(ctx context.Context) error {
	if s.emptyRestarts > 1 {
		if s.nc.IsConnected() {
			s.log.warn("reading a stream is broken off again and again, trying for ever", "stream", s.in.Stream, "cause", s.reason)
			s.opts.Trouble(unreadable(s.nc, s.in.Stream, s.reason))
		}
		if err := s.await(ctx, s.emptyRestarts-2); err != nil {
			return err
		}
	}
	return s.start(ctx)
}

// deleteConsumer stops the reader and tells the server, which would find out by
// itself but later.
func (s *Source) deleteConsumer() {
	if s.reader == nil {
		return
	}
	s.reader.stop()
	if s.nc.IsConnected() {
		const deleteTimeout = 500 * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
		_ = s.js.DeleteConsumer(ctx, s.in.Stream, s.reader.name)
		cancel()
	}
	s.reader = nil
}

// Close stops reading. The connection stays open: it belongs to the caller.
func (s *Source) Close() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	s.deleteConsumer()
	s.prover.close()
	s.nc.RemoveStatusListener(s.status)
	s.nc.RemoveStatusListener(s.lost)
	if s.fault == nil {
		s.fault = errors.New("the source is closed")
	}
	return nil
}
