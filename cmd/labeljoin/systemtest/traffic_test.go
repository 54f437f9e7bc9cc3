package systemtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// traffic publishes requests and outcomes in real time, with the troubles of
// real streams.
type traffic struct {
	t     *testing.T
	js    jetstream.JetStream
	rand  *rand.Rand
	queue []due // sorted by time

	planned int64               // events, copies in time to come included
	read    [events.Kinds]int64 // events published
	garbage int64               // of them, those that are none

	copies bool // requests have copies that differ, and come late too
	// send publishes a message for good; nil: it is published as fast as it goes, and
	// the broker must be there.
	send func(kind events.Kind, data string) error
}

// due is a message that will be published.
type due struct {
	at     time.Time
	kind   events.Kind
	events int64
	data   string
}

var trafficSubjects = [events.Kinds]string{"requests.web", "outcomes.web"}

// newTraffic makes the streams, too.
func newTraffic(t *testing.T, url string, seed uint64) *traffic {
	t.Helper()
	f := openTraffic(t, url, seed)
	for _, name := range []string{"requests", "outcomes"} {
		if _, err := f.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func openTraffic(t *testing.T, url string, seed uint64) *traffic {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1000))
	if err != nil {
		t.Fatal(err)
	}
	return &traffic{t: t, js: js, rand: crashRand(seed, 7)}
}

// steady is due as often as so many requests a second are.
func steady(rate int) func(*traffic) bool {
	begin, n := time.Now(), 0
	return func(*traffic) bool {
		if n >= int(time.Since(begin).Seconds()*float64(rate)) {
			return false
		}
		n++
		return true
	}
}

// run publishes requests whenever they are due until ctx ends, and then what is
// due after them.
func (f *traffic) run(ctx context.Context, due func(*traffic) bool) error {
	for n := 0; ; {
		for now := time.Now(); due(f); n++ {
			f.request(n, now)
		}
		if err := f.publish(time.Now()); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
	for len(f.queue) > 0 {
		if err := f.publish(time.Now()); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return f.settle()
}

// settle waits until the broker has everything.
func (f *traffic) settle() error {
	select {
	case <-f.js.PublishAsyncComplete():
		return nil
	case <-time.After(giveUpAfter):
		return fmt.Errorf("the broker has not stored everything")
	}
}

// now publishes a message.
func (f *traffic) now(kind events.Kind, data string) {
	f.t.Helper()
	if _, err := f.js.PublishAsync(trafficSubjects[kind], []byte(data), jetstream.WithStallWait(giveUpAfter)); err != nil {
		f.t.Fatal(err)
	}
	f.read[kind] += int64(strings.Count(data, "\n") + 1)
}

// publish sends what is due.
func (f *traffic) publish(now time.Time) error {
	for len(f.queue) > 0 && !f.queue[0].at.After(now) {
		d := f.queue[0]
		f.queue = f.queue[1:]
		if f.send != nil {
			if err := f.send(d.kind, d.data); err != nil {
				return err
			}
		} else if _, err := f.js.PublishAsync(trafficSubjects[d.kind], []byte(d.data), jetstream.WithStallWait(giveUpAfter)); err != nil {
			return err
		}
		f.read[d.kind] += d.events
	}
	return nil
}

func (f *traffic) at(at time.Time, kind events.Kind, data string) {
	d := due{at: at, kind: kind, events: int64(strings.Count(data, "\n") + 1), data: data}
	f.planned += d.events
	i, _ := slices.BinarySearchFunc(f.queue, d, func(a, b due) int { return cmp.Or(a.at.Compare(b.at), -1) })
	f.queue = slices.Insert(f.queue, i, d)
}

func (f *traffic) chance(percent int) bool { return f.rand.IntN(100) < percent }

// request plans a request and what comes of it. The window of the joiner that
// reads it is a second.
func (f *traffic) request(n int, now time.Time) {
	id := fmt.Sprintf("r%06d", n)
	items := f.rand.IntN(4)
	var list []string
	for i := range items {
		list = append(list, fmt.Sprintf(`{"item_id":"i%d","position":%d,"price":%d.5}`, i, i+1, f.rand.IntN(50)))
	}
	data := fmt.Sprintf(`{"request_id":%q,"ts":%d,"features":{"n":%d},"items":[%s]}`, id, now.UnixMilli(), n, strings.Join(list, ","))
	f.at(now, events.KindRequest, data)
	if f.chance(4) {
		f.at(now.Add(f.millis(2500)), events.KindRequest, data)
	}
	if f.copies && f.chance(10) {
		ts := now.Add(f.millis(400) - 200*time.Millisecond)
		other := fmt.Sprintf(`{"request_id":%q,"ts":%d,"user_id":"u%d","features":{"n":%d,"late":%d},"items":[%s]}`,
			id, ts.UnixMilli(), f.rand.IntN(9), -n, f.rand.IntN(9), strings.Join(list[:f.rand.IntN(len(list)+1)], ","))
		f.at(now.Add(f.millis(2500)), events.KindRequest, other)
	}
	for i := range max(1, items) {
		item := ""
		if items > 0 {
			item = fmt.Sprintf(`,"item_id":"i%d"`, i)
		}
		for j := range f.rand.IntN(3) * f.rand.IntN(2) {
			f.outcome(id, fmt.Sprintf("%s-%d-%d", id, i, j), item, now)
		}
	}
	if f.chance(3) {
		f.outcome("x"+id, "o", "", now)
	}
	if f.chance(2) {
		f.garbage++
		f.at(now, events.Kind(f.rand.IntN(events.Kinds)), fmt.Sprintf(`{"garbage":%d}`, n))
	}
}

func (f *traffic) millis(n int) time.Duration {
	return time.Duration(f.rand.IntN(n)) * time.Millisecond
}

// outcome plans an outcome, and now and then a copy of it.
func (f *traffic) outcome(request, id, item string, at time.Time) {
	ts := at.Add(f.millis(950))
	when := ts
	switch {
	case f.chance(4):
		when = ts.Add(1500 * time.Millisecond) // late: after the close
	case f.chance(4):
		ts = at.Add(time.Second + f.millis(500)) // outside the window
		when = ts
	}
	kind := []string{"click", "click", "purchase"}[f.rand.IntN(3)]
	data := fmt.Sprintf(`{"request_id":%q,"outcome_id":%q,"type":%q,"value":%d,"ts":%d%s}`, request, id, kind, f.rand.IntN(9), ts.UnixMilli(), item)
	if f.chance(5) {
		data += "\n" + data // a batch
	}
	f.at(when, events.KindOutcome, data)
	if f.chance(5) {
		f.at(when.Add(f.millis(1500)), events.KindOutcome, data)
	}
}

// dump writes the events of a subject and those below it into a JSON Lines file.
func (f *traffic) dump(subject, path string) {
	f.t.Helper()
	text, err := f.stored(subject + ".>")
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// stored is everything that the broker has of a subject, a line for each message. A
// cluster at load answers now and then that no server has the stream. What has been read
// stays read then, and reading goes on behind it.
func (f *traffic) stored(subject string) ([]byte, error) {
	r := storedReader{subject: subject, next: 1}
	err := insist(f.t.Context(), func(ctx context.Context) error { return r.find(ctx, f.js) })
	if err != nil {
		return nil, err
	}
	err = insist(f.t.Context(), r.read)
	return r.text.Bytes(), err
}

// storedReader reads what a stream has of a subject.
type storedReader struct {
	subject string
	stream  jetstream.Stream
	next    uint64 // the first sequence that may not have been read
	left    int    // messages to be read
	text    bytes.Buffer
}

// find finds the stream, and how many messages it has.
func (r *storedReader) find(ctx context.Context, js jetstream.JetStream) error {
	name, err := js.StreamNameBySubject(ctx, r.subject)
	if err != nil {
		return err
	}
	if r.stream, err = js.Stream(ctx, name); err != nil {
		return err
	}
	info, err := r.stream.Info(ctx, jetstream.WithSubjectFilter(r.subject))
	if err != nil {
		return err
	}
	r.left = 0
	for _, n := range info.State.Subjects {
		r.left += int(n)
	}
	return nil
}

// read reads on with a consumer of its own, until everything is read or ctx ends.
func (r *storedReader) read(ctx context.Context) error {
	consumer, err := r.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: r.subject, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	for read := uint64(0); r.left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := consumer.Fetch(min(r.left, 5000))
		if err != nil {
			return err
		}
		for m := range batch.Messages() {
			at, err := m.Metadata()
			if err != nil {
				return err
			}
			if read++; at.Sequence.Consumer != read {
				return fmt.Errorf("the consumer's message %d came in place of message %d", at.Sequence.Consumer, read)
			}
			r.text.Write(append(m.Data(), '\n'))
			r.left, r.next = r.left-1, at.Sequence.Stream+1
		}
		if err := batch.Error(); errors.Is(err, nats.ErrNoResponders) {
			time.Sleep(20 * time.Millisecond) // the way to a new consumer is not known everywhere at once
		} else if err != nil {
			return err
		}
	}
	return nil
}

// insist does something until it works, for as long as tests wait for anything.
func insist(ctx context.Context, do func(context.Context) error) error {
	for deadline := time.Now().Add(giveUpAfter); ; {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := do(once)
		cancel()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
