package jetstream

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// TestLargestEvent appends the largest event that a server takes, also to one that takes
// less than the headers of a message usually may have.
func TestLargestEvent(t *testing.T) {
	t.Parallel()
	for payload, want := range map[int32]int{1000: 500, 8 << 10: 4 << 10, 64 << 10: 56 << 10, 1 << 20: 1<<20 - 8<<10} {
		t.Run(fmt.Sprint(payload), func(t *testing.T) {
			t.Parallel()
			s, _ := serveWith(t, func(o *server.Options) { o.MaxPayload = payload })
			nc := dial(t, ConnOptions{URL: s.ClientURL()})
			loose(t, nc, jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}})
			a, err := NewAppender(nc, AppenderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if got := a.MaxBytes(); got != want {
				t.Fatalf("an event may have %d bytes, want %d", got, want)
			}
			list := []events.Outgoing{{Subject: "log.a", Stream: "log", ID: "one", Data: make([]byte, a.MaxBytes()), Events: 1}}
			if _, err := a.Append(deadline(t), list); err != nil {
				t.Error(err)
			}
		})
	}
}
