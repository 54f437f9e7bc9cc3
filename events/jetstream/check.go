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

// CheckLog tries all that reading a log needs, and changes nothing. now is the
// machine's time, which the broker's is compared with.
func CheckLog(ctx context.Context, nc *nats.Conn, log *Log, now func() events.Time) []Finding {
	js, err := jetstream.New(nc)
	if err != nil {
		return []Finding{{What: "JetStream", Err: err}}
	}
	var found []Finding
	try := func(what, subject string, f func(ctx context.Context) error) bool {
		once, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		err := f(once)
		found = append(found, Finding{What: fmt.Sprintf("stream %s: %s", log.Stream, what), Err: explain(err),
			Way: Way(nc, err, subject)})
		return err == nil
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
		batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(checkTimeout/2))
		if err != nil {
			return err
		}
		came := 0
		for range batch.Messages() {
			came++
		}
		if err := batch.Error(); err != nil || came == 0 && info.State.Msgs > 0 && !log.Filtered {
			return errors.Join(err, ctx.Err(), context.DeadlineExceeded)
		}
		return nil
	})
	try("delete the consumer", api+"CONSUMER.DELETE."+log.Stream+".>", func(ctx context.Context) error {
		return js.DeleteConsumer(ctx, log.Stream, name)
	})
	return found
}
