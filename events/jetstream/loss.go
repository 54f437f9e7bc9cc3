package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// Want is what a start wants of a log.
type Want struct {
	From   events.Position // where reading begins, with the mark of the newest message that was read
	First  bool            // nothing of any log was read before
	Reread bool            // messages up to the mark are read again, since the state is lost that was made of them
	Lost   []Span          // declared already
	// Every says that messages which are gone count even where a stream drops single ones in the ordinary course of
	// things: they may have been read once.
	Every bool
}

// Loss is something that a log has lost of what a start wants to read.
type Loss struct {
	Fault *LogError
	Gap   events.LogGap // which messages, and where reading goes on
	// From and To are when the neighbours of what is lost were stored: From is MinTime
	// if that is not known, To the broker's time if nothing follows.
	From, To events.Time
	// Before are messages of the inputs shortly before a hole, the oldest first, and After is the
	// first that follows a loss; nil: none does. Their events tell of which time the lost ones
	// were. The broker's clock does not, where it is wrong or old events were published late.
	Before []events.Message
	After  *events.Message
}

// mostBefore is how far before a hole messages are looked at.
const mostBefore = 100

// mostHoles is how many stretches of missing messages are told apart. More of them
// become wider ones: each is a line in every manifest.
const mostHoles = 20

// FindLosses compares a log with what a start wants of it. It finds what a start
// would refuse, and all of it at once.
func FindLosses(ctx context.Context, nc *nats.Conn, log Log, want Want) ([]Loss, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return nil, fmt.Errorf("look at stream %q: %w", log.Stream, explain(err))
	}
	info := stream.CachedInfo()
	f := &lossFinder{
		js: js, log: &log, stream: stream, info: info, want: &want,
		source: &Source{js: js, in: log, created: want.From.Created, opts: Options{Lost: want.Lost}.withDefaults()},
	}
	if f.source.created == 0 {
		f.source.created = log.Created
	}
	return f.find(ctx)
}

// lossFinder looks for what is lost of one log.
type lossFinder struct {
	js     jetstream.JetStream
	log    *Log
	stream jetstream.Stream
	info   *jetstream.StreamInfo
	want   *Want
	source *Source // which knows the rules; it reads nothing
}

func (f *lossFinder) find(ctx context.Context) ([]Loss, error) {
	p := &f.want.From
	atStart := p.Next == 0
	err := f.source.identify(ctx, f.info, p.Next, atStart, p.Mark)
	if err == nil {
		err = f.source.sameLog(ctx, p.Mark)
	}
	if err == nil {
		return f.holes(ctx, max(p.Next, 1))
	}
	fault, ok := errors.AsType[*LogError](err)
	if !ok {
		return nil, err
	}
	first, err := f.leap(ctx, fault)
	if err != nil {
		return nil, err
	}
	more, err := f.holes(ctx, first.Gap.Next)
	return append([]Loss{first}, more...), err
}

// leap is a loss after which reading goes on elsewhere: at the beginning of what
// there is, or where new messages will come.
func (f *lossFinder) leap(ctx context.Context, fault *LogError) (Loss, error) {
	p, state := &f.want.From, &f.info.State
	loss := Loss{Fault: fault, From: events.MinTime, To: events.At(f.info.TimeStamp), Gap: events.LogGap{
		Input: f.log.Stream, Created: events.At(f.info.Created), From: p.Next, Next: max(1, state.FirstSeq),
		Anew: f.want.Reread && fault.Fault != FaultTrimmed,
	}}
	if p.Mark.Seq > 0 && !f.want.Reread {
		loss.From = p.Mark.Stored
	}
	if fault.Fault == FaultRewound && !f.want.Reread {
		// What is there was read; what was read and is gone stays in the rows.
		loss.Gap.Next = max(loss.Gap.Next, state.LastSeq+1)
	}
	at := loss.Gap.Next
	if fault.Fault == FaultRecreated || fault.Fault == FaultForked {
		var err error
		if at, err = f.firstAfter(ctx, loss.From); err != nil {
			return loss, err
		}
	}
	return loss, f.until(ctx, &loss, at)
}

// until sets when the first message of ours was stored that is at or after a
// sequence.
func (f *lossFinder) until(ctx context.Context, loss *Loss, seq uint64) error {
	next, err := following(ctx, f.js, &Log{Stream: f.log.Stream, Inputs: f.log.Inputs, Filtered: true}, seq-1)
	if err == nil && next != nil {
		loss.To, loss.After = events.At(next.Time), f.log.ours(next)
	}
	return err
}

// ours is a stored message as the log has it; nil: it is of no input.
func (l *Log) ours(got *stored) *events.Message {
	m, ok := l.message(0, got.Subject, got.header(), got.Seq, events.At(got.Time), got.Data)
	if !ok {
		return nil
	}
	return &m
}

// before reads the messages of ours that come shortly before a sequence.
func (f *lossFinder) before(ctx context.Context, seq uint64) (list []events.Message, err error) {
	from := max(1, f.info.State.FirstSeq)
	if seq > mostBefore {
		from = max(from, seq-mostBefore)
	}
	for ; from < seq; from++ {
		got, err := getMessage(ctx, f.js, f.log.Stream, from, "")
		if err != nil {
			return nil, err
		}
		if got == nil {
			continue
		}
		if m := f.log.ours(got); m != nil {
			list = append(list, *m)
		}
	}
	if len(list) == 0 && f.log.Filtered {
		return f.newestBefore(ctx, seq)
	}
	return list, nil
}

// newestBefore is the newest message of ours before a sequence, however many of others lie between.
func (f *lossFinder) newestBefore(ctx context.Context, seq uint64) ([]events.Message, error) {
	first := max(1, f.info.State.FirstSeq)
	for range mostBefore { // some are markers
		if seq <= first {
			break
		}
		var failed error
		n := sort.Search(int(seq-first), func(i int) bool { // none of ours is between it and seq
			got, err := following(ctx, f.js, f.log, first+uint64(i)-1)
			failed = errors.Join(failed, err)
			return got == nil || got.Seq >= seq
		})
		if n == 0 || failed != nil {
			return nil, failed
		}
		seq = first + uint64(n) - 1
		got, err := getMessage(ctx, f.js, f.log.Stream, seq, "")
		if err != nil || got == nil {
			return nil, err
		}
		if m := f.log.ours(got); m != nil {
			return []events.Message{*m}, nil
		}
	}
	return nil, nil
}

// firstAfter is the sequence of the first message that was stored after a time, or
// that of the message that comes next if there is none.
func (f *lossFinder) firstAfter(ctx context.Context, t events.Time) (uint64, error) {
	first, last := max(1, f.info.State.FirstSeq), f.info.State.LastSeq
	if t == events.MinTime || last < first {
		return first, nil
	}
	var failed error
	n := sort.Search(int(last-first+1), func(i int) bool {
		got, err := getMessage(ctx, f.js, f.log.Stream, first+uint64(i), allSubjects)
		failed = errors.Join(failed, err)
		return got == nil || events.At(got.Time) > t
	})
	return first + uint64(n), failed
}

// holes are the messages from a sequence on that are missing in the middle of the
// stream.
func (f *lossFinder) holes(ctx context.Context, next uint64) ([]Loss, error) {
	spans, err := f.missing(ctx, next)
	if err != nil {
		return nil, err
	}
	var losses []Loss
	for _, s := range coarse(spans, mostHoles) {
		loss := Loss{
			Fault: f.source.logError(FaultHole, s.From, f.info),
			Gap:   events.LogGap{Input: f.log.Stream, Created: events.At(f.info.Created), From: s.From, Next: s.Next},
			From:  events.MinTime, To: events.At(f.info.TimeStamp),
		}
		loss.Fault.Shared, loss.Fault.Gone = f.log.Filtered, int(s.Next-s.From)
		previous, err := getMessage(ctx, f.js, f.log.Stream, max(1, s.From-1), "")
		switch mark := f.want.From.Mark; {
		case err != nil:
			return nil, err
		case previous != nil:
			loss.From = events.At(previous.Time)
		case mark.Seq > 0 && mark.Seq < s.From:
			loss.From = mark.Stored
		}
		if loss.Before, err = f.before(ctx, s.From); err != nil {
			return nil, err
		}
		if err := f.until(ctx, &loss, s.Next); err != nil {
			return nil, err
		}
		losses = append(losses, loss)
	}
	return losses, nil
}

// missing lists the messages from a sequence on that the stream does not hold, and
// that were not declared. What was deleted the server says; what is damaged it only
// finds by reading, which is done if nothing else is known to be missing.
func (f *lossFinder) missing(ctx context.Context, next uint64) ([]Span, error) {
	const most = 1 << 20 // of which the server makes a list
	state := &f.info.State
	switch {
	case f.log.Filtered && (!f.want.Every && (f.want.First || expires(&f.info.Config)) ||
		!checksDeleted(f.log, &f.info.Config)):
		return nil, nil // see vanished
	case state.NumDeleted > most:
		return []Span{{From: max(next, state.FirstSeq), Next: state.LastSeq + 1}}, nil
	}
	var gone []uint64
	if state.NumDeleted > 0 {
		info, err := f.stream.Info(ctx, jetstream.WithDeletedDetails(true))
		if err != nil {
			return nil, fmt.Errorf("ask stream %q what was deleted: %w", f.log.Stream, explain(err))
		}
		gone = info.State.Deleted
	}
	spans := f.withoutDeclared(gone, next)
	if len(spans) > 0 || f.log.Filtered {
		return spans, nil
	}
	gone, err := f.unreadable(ctx, max(next, state.FirstSeq), state.LastSeq)
	return f.withoutDeclared(gone, next), err
}

func (f *lossFinder) withoutDeclared(gone []uint64, next uint64) []Span {
	return spansOf(slices.DeleteFunc(slices.Sorted(slices.Values(gone)), func(seq uint64) bool {
		return seq < next || lost(f.want.Lost).cover(seq, seq+1)
	}))
}

// unreadable reads the stream from a sequence through another, without the
// messages' data, and lists those that do not come.
func (f *lossFinder) unreadable(ctx context.Context, next, last uint64) (gone []uint64, err error) {
	if next > last {
		return nil, nil
	}
	consumer, err := f.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next, AckPolicy: jetstream.AckNonePolicy,
		HeadersOnly: true, InactiveThreshold: 30 * time.Second, Replicas: 1, MemoryStorage: true,
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %q: %w", f.log.Stream, explain(err))
	}
	defer func() { // the server would forget it by itself, but later
		err = errors.Join(err, f.stream.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name))
	}()
	for next <= last {
		const atOnce, silence = 500, 2 * time.Second
		batch, err := consumer.Fetch(int(min(atOnce, last-next+1)), jetstream.FetchMaxWait(silence))
		if err != nil {
			return nil, err
		}
		came := false
		for m := range batch.Messages() {
			at, ok := parseReply(m.Reply())
			for came = true; ok && next <= min(at.stream, last); next++ {
				if next < at.stream {
					gone = append(gone, next)
				}
			}
		}
		if err := errors.Join(batch.Error(), ctx.Err()); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return nil, err
		}
		if !came { // nothing more comes: the rest cannot be read
			for ; next <= last; next++ {
				gone = append(gone, next)
			}
		}
	}
	return gone, nil
}
