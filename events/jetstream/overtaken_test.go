package jetstream

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestAReaderThatIsOvertakenNoticesIt lets a reader stand still until messages that it has
// not received are gone, and another one has come after them. What is handed over then has
// no gap until the loss is refused, and the next start refuses it too.
func TestAReaderThatIsOvertakenNoticesIt(t *testing.T) {
	t.Parallel()
	const before, unread, noise = 5, 60, 30 // messages, in this order
	for name, c := range map[string]struct {
		config jetstream.StreamConfig
		lose   func(*testing.T, *nats.Conn, jetstream.Stream) error
	}{
		"by a limit": {jetstream.StreamConfig{MaxMsgs: 100}, func(t *testing.T, nc *nats.Conn, _ jetstream.Stream) error {
			publish(t, nc, "noise", 0, 100)
			return nil
		}},
		"by an age that is set": {jetstream.StreamConfig{}, func(t *testing.T, nc *nats.Conn, st jetstream.Stream) error {
			config := st.CachedInfo().Config
			config.MaxAge, config.Duplicates = 100*time.Millisecond, 100*time.Millisecond
			js, err := jetstream.New(nc)
			if err != nil {
				return err
			}
			if _, err := js.UpdateStream(deadline(t), config); err != nil {
				return err
			}
			for stream(t, nc, "log").CachedInfo().State.Msgs > 0 {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		}},
		"by a purge": {jetstream.StreamConfig{}, func(t *testing.T, _ *nats.Conn, st jetstream.Stream) error {
			return st.Purge(deadline(t), jetstream.WithPurgeSequence(before+unread+1))
		}},
		"by a purge of its subject": {jetstream.StreamConfig{}, func(t *testing.T, _ *nats.Conn, st jetstream.Stream) error {
			return st.Purge(deadline(t), jetstream.WithPurgeSubject("out.>"))
		}},
		"by a deletion": {jetstream.StreamConfig{}, func(t *testing.T, _ *nats.Conn, st jetstream.Stream) error {
			return st.DeleteMsg(deadline(t), before+unread)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			log := shared(t, nc, c.config)
			options := Options{ProveEvery: 20 * time.Millisecond, Messages: 1, Prefetch: 200}
			from := positionOf(log)
			s, err := Open(deadline(t), nc, log, 0, from, options)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			read(t, s, 3)
			proof(t, s) // it was answered
			publish(t, nc, "out.a", 3, 3+unread)
			publish(t, nc, "noise", 2, 2+noise)
			for full := false; !full; time.Sleep(time.Millisecond) { // and little may be on its way
				s.buffer.mu.Lock()
				full = len(s.buffer.queue) == maxPortions
				s.buffer.mu.Unlock()
			}
			if err := c.lose(t, nc, stream(t, nc, "log")); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, "out.a", 3+unread, 4+unread)
			time.Sleep(5 * options.ProveEvery)

			got, err := fault(t, s)
			e, ok := errors.AsType[*LogError](err)
			if !ok || e.Fault != FaultTrimmed && e.Fault != FaultHole {
				t.Fatalf("the source says %v", err)
			}
			from.Next = before + 1
			for i := range got {
				if from.Next = got[i].Seq + 1; got[i].Seq != uint64(before+1+i) {
					t.Fatalf("message %d is the %d. that was handed over", got[i].Seq, i+1)
				}
				from.Mark = got[i].Mark()
			}
			_, err = Open(deadline(t), nc, log, 0, from, options)
			if again, ok := errors.AsType[*LogError](err); !ok || again.Fault != e.Fault {
				t.Fatalf("it said %v; the next start says %v", e, err)
			}
		})
	}
}
