package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// start starts a reader after the last message received, and tries for ever.
// It returns ctx's error, or a *LogError.
func (s *Source) start(ctx context.Context) error {
	missing := 0
	for attempt := 0; ; attempt++ {
		err := s.whileConnected(ctx, s.startOnce)
		s.silent.count(s.nc, ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded))
		if err == nil {
			if s.emptyRestarts <= 1 {
				s.opts.Trouble(events.Hold{})
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.nc.IsClosed() {
			s.fault = fmt.Errorf("read stream %q: %w", s.in.Stream, nats.ErrConnectionClosed)
			return s.fault
		}
		if fault, ok := errors.AsType[*LogError](err); ok {
			// A cluster that is starting may not know its streams yet, so that
			// one answer is not enough to declare a stream gone.
			const certain = 4
			if missing++; fault.Fault != FaultMissing || missing >= certain {
				s.fault = err
				return err
			}
		} else {
			s.log.warn("the log cannot be read, trying for ever", "stream", s.in.Stream, "cause", err)
			if s.nc.IsConnected() && attempt > 0 {
				s.opts.Trouble(unreadable(s.nc, s.in.Stream, err))
			}
		}
		if err := s.await(ctx, attempt); err != nil {
			return err
		}
	}
}

// whileConnected gives requests a few seconds, and up when the connection is
// lost, for then they will never be answered.
func (s *Source) whileConnected(ctx context.Context, do func(context.Context) error) error {
	const requestTimeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for len(s.lost) > 0 {
		<-s.lost // an earlier loss
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := do(ctx)
	cancel()
	<-watched
	return err
}

// await pauses before attempt n+1, but not when the connection comes back.
func (s *Source) await(ctx context.Context, n int) error {
	timer := time.NewTimer(backoff(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.status:
	case <-timer.C:
	}
	return nil
}

// startOnce proves that the log is the one read so far and starts a reader.
//
// The stream is looked at before the consumer is created and after. Before,
// because a consumer that starts past the end of a rewound stream is created
// without complaint. After, because a consumer dies with its stream: if the
// stream has the right identity now, the consumer belongs to it and not to one
// that was replaced in between.
func (s *Source) startOnce(ctx context.Context) error {
	passed, atStart := s.passed()
	known := s.buffer.known()
	info, err := s.inspect(ctx, passed+1, atStart, known)
	if err != nil {
		return err
	}
	if err := s.overtaken(info); err != nil {
		return err
	}
	other, err := elsewhere(ctx, s.js, &s.in) // once: every proof asks again
	if err != nil {
		return err
	}
	if other != "" {
		return s.changed(other)
	}
	switch first := info.State.FirstSeq; {
	case first <= passed+1:
	case atStart:
		// The log lost its beginning before it was read. What is gone
		// counts as passed, so that an empty log can be proven empty.
		s.buffer.skip(first - 1)
		s.handed = max(s.handed, first-1)
		s.opts.Log.Info("the log begins late, older messages are gone", "stream", s.in.Stream, "first", first)
	default: // declared, or compare had found it
		s.passOver(passed+1, first)
	}
	if err := s.sameLog(ctx, known); err != nil {
		return err
	}
	if err := s.vanished(ctx, info, passed); err != nil {
		return err
	}
	if s.started != (start{}) {
		if err := s.recover(ctx, info); err != nil {
			return err
		}
		known = s.buffer.known()
	}
	passed, atStart = s.passed()
	r, err := startReader(ctx, s.js, s, passed+1, info.Config.ConsumerLimits.InactiveThreshold)
	if err != nil {
		return s.orMissing(err)
	}
	s.reader, s.started = r, start{after: passed, at: s.opts.Elapsed()}
	s.sure, s.confirmed = passed, s.started.at
	_, err = s.inspect(ctx, passed+1, atStart, known)
	if err == nil {
		err = s.sameLog(ctx, known)
	}
	if err != nil {
		s.deleteConsumer()
		s.buffer.own(nil)
		s.buffer.truncate(passed, known)
		return err
	}
	s.log.reset()
	return nil
}

// passed is the sequence up to which nothing of ours is still to come, and
// whether that is only so because nothing was read yet. No reader runs when it is
// called.
func (s *Source) passed() (seq uint64, atStart bool) {
	received, atStart := s.buffer.own(nil)
	return max(received, s.prover.clear), atStart
}

// inspect asks the stream's leader what it is and compares it with what was read,
// of which known is the newest message.
func (s *Source) inspect(ctx context.Context, next uint64, atStart bool, known events.Mark) (*jetstream.StreamInfo, error) {
	stream, err := s.js.Stream(ctx, s.in.Stream)
	if err != nil {
		return nil, s.orMissing(err)
	}
	info := stream.CachedInfo()
	if s.created == 0 {
		s.created = events.At(info.Created)
	}
	if err := s.identify(ctx, info, next, atStart, known); err != nil {
		return nil, err
	}
	if err := s.watchConfig(&info.Config); err != nil {
		return nil, err
	}
	return info, nil
}

// changed is the fault of a stream, or of those beside it, that was changed so that
// events are not read.
func (s *Source) changed(detail string) *LogError {
	return &LogError{Stream: s.in.Stream, Fault: FaultChanged, Detail: detail}
}

// identify finds out whether a stream is the one that was read. One that was
// created at another time is, if it has the newest message that was read in its
// place: it was restored from a backup then, or the server has changed its time.
func (s *Source) identify(ctx context.Context, info *jetstream.StreamInfo, next uint64, atStart bool, known events.Mark) error {
	if have := events.At(info.Created); have != s.created && known.Seq > 0 {
		is, there, err := hasMark(ctx, s.js, s.in.Stream, known)
		if err != nil {
			return err
		}
		if is && there {
			s.opts.Log.Info("the stream was created at another time than the one read before, and is the same: it has the newest message that was read",
				"stream", s.in.Stream, "message", known.Seq, "created", have.String(), "before", s.created.String())
			s.created = have
		}
	}
	if fault := s.compare(info, next, atStart); fault != nil {
		return fault
	}
	if info.State.LastSeq < known.Seq { // what was read is read again from further back
		return s.compare(info, known.Seq+1, false)
	}
	return nil
}

// compare checks that a stream is the one that was read and still holds what
// follows. The stream of a reader that has not read anything yet may begin
// anywhere. An error that is no *LogError says that the answer decides nothing.
func (s *Source) compare(info *jetstream.StreamInfo, next uint64, atStart bool) error {
	fault := &LogError{
		Stream: s.in.Stream, Next: next,
		First: info.State.FirstSeq, Last: info.State.LastSeq,
		Want: s.created, Have: events.At(info.Created),
	}
	switch {
	case fault.Want != fault.Have:
		fault.Fault = FaultRecreated
	case fault.Last+1 < next:
		fault.Fault = FaultRewound
	case fault.First > next && !atStart && !lost(s.opts.Lost).cover(next, fault.First):
		fault.Fault = FaultTrimmed
	default:
		s.laggard = laggard{}
		return nil
	}
	if err := errors.Join(s.laggard.lags(info, fault.Fault == FaultRewound, s.opts.Elapsed()), cutOff(info)); err != nil {
		return err
	}
	return fault
}

// sameLog checks that the stream still has the newest message that was read.
// Created and the sequences tell a stream from another one; they do not tell it
// from itself restored from an older copy, or from one that lost its newest
// messages with the power, once it has grown again.
func (s *Source) sameLog(ctx context.Context, known events.Mark) error {
	forked, err := isForked(ctx, s.js, s.in.Stream, known)
	if err != nil || !forked {
		return err
	}
	return s.forked(known)
}

func (s *Source) forked(known events.Mark) *LogError {
	return &LogError{Stream: s.in.Stream, Fault: FaultForked, Next: known.Seq + 1, Want: s.created, Have: s.created}
}

// isForked reports whether a stream has another message in the place of one
// that was read. One that expired behind the reader, or was deleted, is not
// there to be compared: then dense sequences are what is left to go by.
func isForked(ctx context.Context, js jetstream.JetStream, stream string, known events.Mark) (bool, error) {
	if known.Seq == 0 {
		return false, nil
	}
	is, there, err := hasMark(ctx, js, stream, known)
	return there && !is, err
}

// hasMark reports whether a stream has the message of a mark, and whether it has
// any in its place.
func hasMark(ctx context.Context, js jetstream.JetStream, stream string, known events.Mark) (is, there bool, err error) {
	got, err := getMessage(ctx, js, stream, known.Seq, "")
	if err != nil || got == nil {
		return false, false, err
	}
	m := events.Message{Seq: got.Seq, Stored: events.At(got.Time), Data: got.Data}
	return m.Mark() == known, true, nil
}

// watchConfig notices what a person changes of the stream while it is read: what
// can lose messages unread is warned of, once, and what takes events away from
// the joiner is a fault, for their absence would look like users who do nothing.
func (s *Source) watchConfig(config *jetstream.StreamConfig) error {
	detail := shrunk(s.in.Intakes, config, s.in.Inputs)
	for i := range s.in.Inputs {
		if why := misses(config, s.in.Inputs[i].Subject); why != "" {
			detail = why
		}
	}
	if config.Retention != jetstream.LimitsPolicy {
		detail = fmt.Sprintf("its retention is %s, which deletes messages that others have acknowledged", config.Retention)
	}
	if detail != "" {
		return s.changed(detail)
	}
	s.in.Intakes = intakes(config)
	for _, text := range warnings(config) {
		if !slices.Contains(s.in.Warnings, text) {
			s.in.Warnings = append(slices.Clip(s.in.Warnings), text)
			s.opts.Log.Warn("the stream's configuration was changed: it can lose messages before they are read", "stream", s.in.Stream, "because", text)
		}
	}
	if age := config.MaxAge; age != s.in.MaxAge {
		s.in.MaxAge = age
		if age > 0 && age < s.opts.Keep {
			s.opts.Log.Warn("the stream's max_age was changed: it drops messages that may not have been read, and that a rebuild of the state would need",
				"stream", s.in.Stream, "max_age", age.String(), "needed", s.opts.Keep.String())
		}
	}
	return nil
}

func (s *Source) orMissing(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &LogError{Stream: s.in.Stream, Fault: FaultMissing, Want: s.created}
	}
	return err
}

// recover fetches the message that the reader before would have delivered next.
// Mostly the next reader would bring it as well. But some messages cannot be
// received through the client: it takes one without data whose header says
// "Status" for a word of the server, and one larger than the prefetch is never
// sent. And fetching settles whether the stream still holds it.
func (s *Source) recover(ctx context.Context, info *jetstream.StreamInfo) error {
	passed, atStart := s.passed()
	if info.State.LastSeq <= passed {
		return nil
	}
	got, err := following(ctx, s.js, &s.in, passed)
	switch {
	case err != nil:
		return err
	case got != nil:
		m, ours := s.in.message(s.input, got.Subject, got.header(), got.Seq, events.At(got.Time), got.Data)
		if !ours {
			if isMarker(got.header(), got.Data) {
				s.opts.Marker()
			}
			s.buffer.insert(got.Seq, nil)
			return nil
		}
		if ahead := s.ahead(); len(got.Data) > ahead {
			s.log.warn("a message is larger than what is read ahead: such messages are read one by one, one in some seconds; publish smaller ones",
				"stream", s.in.Stream, "message", got.Seq, "bytes", len(got.Data), "read_ahead", ahead)
		}
		s.buffer.insert(got.Seq, &m)
		return nil
	case s.in.Filtered, atStart:
		return nil
	}
	return s.overHole(ctx, passed+1, info.State.LastSeq+1)
}

// overHole passes over messages of an unfiltered stream that are not there, if
// they were declared lost. Those missing begin at next, and end before end if no
// message follows them.
func (s *Source) overHole(ctx context.Context, next, end uint64) error {
	got, err := getMessage(ctx, s.js, s.in.Stream, next, allSubjects)
	if err != nil {
		return err
	}
	if got != nil {
		end = got.Seq
	}
	if !lost(s.opts.Lost).cover(next, end) {
		return s.hole(ctx, next)
	}
	s.passOver(next, end)
	return nil
}

// passOver counts messages that are declared lost as read.
func (s *Source) passOver(from, next uint64) {
	s.buffer.insert(next-1, nil)
	s.opts.Log.Warn("messages that were declared lost are passed over", "stream", s.in.Stream, "from", from, "next", next)
}

// hole says that a message of an unfiltered stream is not there, unless it
// went the ordinary way, together with all before it.
func (s *Source) hole(ctx context.Context, next uint64) error {
	info, err := s.inspect(ctx, next, false, s.buffer.known())
	if err != nil {
		return err
	}
	return s.logError(FaultHole, next, info)
}

func (s *Source) logError(fault Fault, next uint64, info *jetstream.StreamInfo) *LogError {
	return &LogError{
		Stream: s.in.Stream, Fault: fault, Next: next,
		First: info.State.FirstSeq, Last: info.State.LastSeq, Want: s.created, Have: events.At(info.Created),
	}
}

// allSubjects matches all subjects.
const allSubjects = ">"

// stored is a message as the broker's API returns it.
type stored struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
	Hdrs    []byte    `json:"hdrs"` // as they go over the wire
}

// header is the message's header; nil if it has none that can be read.
func (m *stored) header() nats.Header {
	if len(m.Hdrs) == 0 {
		return nil
	}
	header, err := nats.DecodeHeadersMsg(m.Hdrs)
	if err != nil {
		return nil // the reader would pass none over either
	}
	return header
}

// following fetches the first message of ours after a sequence; in an
// unfiltered stream, the one right after it. It returns nil if there is none.
func following(ctx context.Context, js jetstream.JetStream, log *Log, seq uint64) (*stored, error) {
	if !log.Filtered {
		return getMessage(ctx, js, log.Stream, seq+1, "")
	}
	var first *stored
	for _, subject := range log.subjects() {
		m, err := getMessage(ctx, js, log.Stream, seq+1, subject)
		if err != nil {
			return nil, err
		}
		if m != nil && (first == nil || m.Seq < first.Seq) {
			first = m
		}
	}
	return first, nil
}

// getMessage asks the stream's leader for a message: the one at seq, or if a
// subject is given the first one from seq on that matches it. It returns nil if
// there is none. The client's own call is not used because it asks whichever
// replica answers first where the stream allows that, and a replica may be
// behind.
func getMessage(ctx context.Context, js jetstream.JetStream, stream string, seq uint64, subject string) (*stored, error) {
	request, err := json.Marshal(struct {
		Seq     uint64 `json:"seq"`
		NextFor string `json:"next_by_subj,omitempty"`
	}{seq, subject})
	if err != nil {
		return nil, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return nil, fmt.Errorf("get message %d of stream %q: %w", seq, stream, err)
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message *stored             `json:"message"`
	}
	if err := json.Unmarshal(msg.Data, &response); err != nil {
		return nil, fmt.Errorf("get message %d of stream %q: the answer cannot be read: %w", seq, stream, err)
	}
	switch {
	case response.Error != nil && response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil
	case response.Error != nil:
		return nil, fmt.Errorf("get message %d of stream %q: %w", seq, stream, response.Error)
	case response.Message == nil:
		return nil, fmt.Errorf("get message %d of stream %q: the answer holds none", seq, stream)
	}
	return response.Message, nil
}
