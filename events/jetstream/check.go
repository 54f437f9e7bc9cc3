package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// Finding is one thing that was checked: nothing is wrong if Err is nil. Way says
// what to do.
type Finding struct {
	What string
	Err  error
	Way  string
}

// checkTimeout is how long an answer is waited for. What is not permitted is not
// answered.
const checkTimeout = 3 * time.Second

// tryAsking tries what needs the permission to publish to a subject, and to hear the answer.
func tryAsking(ctx context.Context, nc *nats.Conn, what, subject string, f func(ctx context.Context) error) Finding {
	once, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := f(once)
	return Finding{What: what, Err: explain(err), Way: Way(nc, err, subject)}
}

// CheckCreate tries whether the stream of an input may be created: it asks for one of another name than it says, which
// the server refuses.
func CheckCreate(ctx context.Context, nc *nats.Conn, in Input) Finding {
	subject := jetstream.DefaultAPIPrefix + "STREAM.CREATE." + nameFor(in)
	return tryAsking(ctx, nc, fmt.Sprintf("stream %s: create it", nameFor(in)), subject, func(ctx context.Context) error {
		_, err := nc.RequestWithContext(ctx, subject, []byte("{}"))
		return err
	})
}

// CheckPublish tries whether labels may be published: it publishes an empty message for a stream that cannot be, which
// no stream stores.
func CheckPublish(ctx context.Context, nc *nats.Conn, subject string) Finding {
	what := fmt.Sprintf("publish.subject %s: labels may be published", subject)
	return tryAsking(ctx, nc, what, subject, func(ctx context.Context) error {
		msg := nats.NewMsg(subject)
		msg.Header.Set(jetstream.ExpectedStreamHeader, ".")
		_, err := nc.RequestMsgWithContext(ctx, msg)
		if errors.Is(err, nats.ErrNoResponders) { // no stream is there yet
			return nil
		}
		return err
	})
}

// CheckLog tries all that reading a log needs, and changes nothing. now is the
// machine's time, which the broker's is compared with.
func CheckLog(ctx context.Context, nc *nats.Conn, log *Log, now func() events.Time) []Finding {
	js, err := jetstream.New(nc)
	if err != nil {
		return []Finding{{What: "JetStream", Err: err}}
	}
	var found []Finding
	try := func(what, subject string, f func(ctx context.Context) error) bool {
		found = append(found, tryAsking(ctx, nc, fmt.Sprintf("stream %s: %s", log.Stream, what), subject, f))
		return found[len(found)-1].Err == nil
	}
	api := jetstream.DefaultAPIPrefix
	var stream jetstream.Stream
	if !try("look at it", api+"STREAM.INFO."+log.Stream, func(ctx context.Context) (err error) {
		stream, err = js.Stream(ctx, log.Stream)
		return err
	}) {
		return found
	}
	info := stream.CachedInfo()
	off := time.Duration(0)
	if !info.TimeStamp.IsZero() {
		off = events.At(info.TimeStamp).Sub(now())
	}
	clock := Finding{What: fmt.Sprintf("stream %s: the broker's clock", log.Stream)}
	if off.Abs() > tolerated {
		clock.Err = fmt.Errorf("it differs from this machine's by %v", off.Round(time.Second))
		clock.Way = "set both right, by NTP for one"
	}
	found = append(found, clock)
	try("get a message", api+"STREAM.MSG.GET."+log.Stream, func(ctx context.Context) error {
		_, err := getMessage(ctx, js, log.Stream, max(1, info.State.FirstSeq), "")
		return err
	})
	var consumer jetstream.Consumer
	config := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: 5 * time.Second,
		Replicas: 1, MemoryStorage: true}
	if log.Filtered {
		config.FilterSubjects = log.subjects()
	}
	if !try("make a consumer", api+"CONSUMER.CREATE."+log.Stream+".>", func(ctx context.Context) (err error) {
		consumer, err = js.CreateConsumer(ctx, log.Stream, config)
		return err
	}) {
		return found
	}
	name := consumer.CachedInfo().Name
	try("read", api+"CONSUMER.MSG.NEXT."+log.Stream+".>", func(ctx context.Context) error {
		_, err := nc.RequestWithContext(ctx, api+"CONSUMER.MSG.NEXT."+log.Stream+"."+name, []byte(`{"batch":1,"no_wait":true}`))
		return err // a message, or that there is none
	})
	try("delete the consumer", api+"CONSUMER.DELETE."+log.Stream+".>", func(ctx context.Context) error {
		return js.DeleteConsumer(ctx, log.Stream, name)
	})
	return found
}
