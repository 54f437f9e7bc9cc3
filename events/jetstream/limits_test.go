package jetstream

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// TestLimitsOfAccounts reaches each limit that an account or a server may have, where the joiner makes a stream or
// a consumer, or publishes. What is said names the limit and a way out.
func TestLimitsOfAccounts(t *testing.T) {
	t.Parallel()
	unlimited := server.JetStreamAccountLimits{MaxMemory: -1, MaxStore: -1, MaxStreams: -1, MaxConsumers: -1,
		MaxAckPending: -1, MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1}
	create := func(ctx context.Context, js jetstream.JetStream) error {
		_, err := create(ctx, js, inputConfig("more", []string{"more.>"}))
		return err
	}
	appendOne := func(ctx context.Context, js jetstream.JetStream) error {
		a, err := NewAppender(js.Conn(), AppenderOptions{})
		if err != nil {
			return err
		}
		defer a.Close()
		_, err = a.Append(ctx, []events.Outgoing{{Subject: "log.a", Data: make([]byte, 600)}})
		if _, ok := errors.AsType[*events.StoreError](err); !ok {
			t.Errorf("appending says %v", err)
		}
		return err
	}
	for _, c := range []struct {
		name  string
		limit func(*server.JetStreamAccountLimits)
		try   func(context.Context, jetstream.JetStream) error
		says  string
	}{
		{"streams", func(l *server.JetStreamAccountLimits) { l.MaxStreams = 1 }, create, "limit max_streams is reached: raise it"},
		{"bytes required", func(l *server.JetStreamAccountLimits) { l.MaxBytesRequired = true }, create,
			"create the stream yourself (nats stream add --max-bytes"},
		{"bytes kept", func(l *server.JetStreamAccountLimits) { l.MaxStore = 500 }, appendOne, "limit max_file or max_mem is reached"},
		{"consumers", func(l *server.JetStreamAccountLimits) { l.MaxConsumers = 1 }, func(ctx context.Context, js jetstream.JetStream) error {
			_, err := HeaderValues(ctx, js.Conn(), "log", 0, "a")
			return err
		}, "limit max_consumers of the account or of the stream is reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := serveWith(t, func(*server.Options) {})
			nc := dial(t, ConnOptions{URL: s.ClientURL()})
			loose(t, nc, jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}})
			if _, err := stream(t, nc, "log").CreateConsumer(deadline(t), jetstream.ConsumerConfig{Durable: "theirs"}); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, "log.a", 0, 100)
			limits := unlimited
			c.limit(&limits)
			if err := s.GlobalAccount().UpdateJetStreamLimits(map[string]server.JetStreamAccountLimits{"": limits}); err != nil {
				t.Fatal(err)
			}
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.try(deadline(t), js); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
