package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

func TestBothKindsOfOneStreamAreOneLogInOrder(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	for name, in := range map[string][]Input{
		"dense":    {requests("d.req.>"), outcomes("d.out.>")},
		"filtered": {requests("f.req.>"), outcomes("f.out.>")},
	} {
		t.Run(name, func(t *testing.T) {
			subjects := []string{in[0].Subject, in[1].Subject}
			if name == "filtered" {
				subjects = append(subjects, "f.other")
			}
			loose(t, nc, jetstream.StreamConfig{Name: name, Subjects: subjects})
			log := find(t, nc, in...)
			if log.Filtered != (name == "filtered") {
				t.Fatalf("Filtered is %v", log.Filtered)
			}
			s := open(t, nc, log, 0)
			type want struct {
				kind events.Kind
				data string
				seq  uint64
			}
			var wants []want
			for i := range 300 {
				subject := fmt.Sprintf("%c.req.a.%d", name[0], i)
				kind := events.KindRequest
				switch i % 3 {
				case 1:
					subject, kind = fmt.Sprintf("%c.out.%d.b", name[0], i), events.KindOutcome
				case 2:
					if name == "filtered" {
						publish(t, nc, "f.other", i, i+1)
						continue
					}
				}
				publish(t, nc, subject, i, i+1)
				wants = append(wants, want{kind, string(payload(subject, i)), uint64(i + 1)})
			}
			before := events.Time(0)
			for i, m := range read(t, s, len(wants)) {
				if got := (want{m.Kind, string(m.Data), m.Seq}); got != wants[i] || m.Input != 3 {
					t.Fatalf("message %d is %+v of input %d, want %+v of 3", i, got, m.Input, wants[i])
				}
				if m.Stored < before || m.Stored <= 0 {
					t.Fatalf("message %d was stored at %s, the one before at %s", i, m.Stored, before)
				}
				before = m.Stored
			}
		})
	}
}

// Whatever the position, the sizes of batches and the number of times reading
// is interrupted, every message from the position on comes once, in order.
func TestReadingResumesAnywhere(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	const total = 300
	log := find(t, nc, requests("resume.>"))
	publish(t, nc, "resume.x", 0, total)
	rapid.Check(t, func(rt *rapid.T) {
		next := rapid.Uint64Range(0, total).Draw(rt, "next")
		opts := Options{
			Messages: rapid.IntRange(1, 100).Draw(rt, "messages"),
			Bytes:    rapid.IntRange(1, 4000).Draw(rt, "bytes"),
			Prefetch: rapid.IntRange(3000, 100_000).Draw(rt, "prefetch"),
		}
		stops := rapid.SliceOfN(rapid.IntRange(1, total), 0, 1).Draw(rt, "stops")
		want := max(next, 1)
		for _, stop := range append(stops, total) {
			from := events.Position{Input: log.Stream, Created: log.Created, Next: want}
			s, err := Open(deadline(t), nc, log, 0, from, opts)
			if err != nil {
				rt.Fatal(err)
			}
			for want <= uint64(stop) {
				b, err := s.Next(deadline(t))
				if err != nil {
					rt.Fatal(err)
				}
				if len(b.Messages) > opts.Messages {
					rt.Fatalf("a batch holds %d messages", len(b.Messages))
				}
				for _, m := range b.Messages {
					if m.Seq != want || string(m.Data) != string(payload("resume.x", int(want-1))) {
						rt.Fatalf("got message %d (%s), want %d", m.Seq, m.Data, want)
					}
					want++
				}
			}
			s.Close()
		}
	})
}

// A server that goes away and comes back, several times, while messages are
// published and read, costs nothing.
func TestServerRestartsWhileReading(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, dir, 0)
	at := port(t, server)
	nc := dial(t, ConnOptions{URL: server.URL()})
	logs := []Log{find(t, nc, requests("dense.>"))}
	loose(t, nc, jetstream.StreamConfig{Name: "mixed", Subjects: []string{"mixed.>", "noise"}})
	logs = append(logs, find(t, nc, outcomes("mixed.>")))
	var sources []*Source
	for _, log := range logs {
		sources = append(sources, open(t, nc, log, 0))
	}
	const each = 400
	for round := range 3 {
		publishAt(t, server, "dense.x", round*each, (round+1)*each)
		publishAt(t, server, "noise", 0, 10)
		publishAt(t, server, "mixed.x", round*each, (round+1)*each)
		for i, subject := range []string{"dense.x", "mixed.x"} {
			// Half is read before the restart, half is under way.
			count := 0
			check := func(messages []events.Message) {
				for _, m := range messages {
					if want := string(payload(subject, round*each+count)); string(m.Data) != want {
						t.Fatalf("got %q, want %q", m.Data, want)
					}
					count++
				}
			}
			for count < each/2 {
				b, err := sources[i].Next(deadline(t))
				if err != nil {
					t.Fatal(err)
				}
				check(b.Messages)
			}
			if i == 0 {
				if err := server.Close(); err != nil {
					t.Fatal(err)
				}
				server = serve(t, dir, at)
			}
			check(read(t, sources[i], each-count))
		}
	}
	for _, s := range sources {
		proof(t, s)
	}
}

func TestNextReturnsTheContextsErrorAtOnce(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	s := open(t, nc, find(t, nc, requests("quiet")), 0)
	s.opts.ProveEvery, s.prover.every = time.Hour, time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Next(ctx); err != nil {
				done <- err
				return
			}
		}
	}()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Next did not return")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(context.Background()); err == nil {
		t.Fatal("a closed source still reads")
	}
}

func TestNextEndsWhenTheConnectionIsClosed(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	s := open(t, nc, find(t, nc, requests("quiet")), 0)
	nc.Close()
	if _, err := fault(t, s); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Fatalf("got %v", err)
	}
}

// The client library takes these messages for words of the server and drops
// them, and a producer can send them.
func TestMessagesThatTheClientSwallows(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("odd"))
	s := open(t, nc, log, 0)
	for i, status := range []string{"100", "404", "408", "409", "400", "503", "weird"} {
		msg := nats.NewMsg("odd")
		msg.Header.Set("Status", status)
		msg.Header.Set("Description", "Consumer Deleted")
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishMsg(deadline(t), msg); err != nil {
			t.Fatal(err)
		}
		publish(t, nc, "odd", i, i+1)
		got := read(t, s, 2)
		if len(got[0].Data) != 0 || string(got[1].Data) != string(payload("odd", i)) {
			t.Fatalf("status %s: got %q and %q", status, got[0].Data, got[1].Data)
		}
	}
}

// A message larger than the prefetch is never sent by the broker.
func TestMessageLargerThanThePrefetch(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("large"))
	if err := nc.Publish("large", make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, "large", 1, 3)
	var text lockedText
	s, err := Open(deadline(t), nc, log, 0, events.Position{}, Options{Prefetch: 1000, ProveEvery: 20 * time.Millisecond, Log: textLog(&text)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := read(t, s, 3); len(got[0].Data) != 5000 || got[2].Seq != 3 {
		t.Fatalf("got %d bytes first, message %d last", len(got[0].Data), got[2].Seq)
	}
	if !strings.Contains(text.String(), "larger than what is read ahead") {
		t.Fatalf("it is slow, and the log does not say so:\n%s", text.String())
	}
}

// Large messages, as the broker takes them, are read like others: the reader is not
// started again for any, and they are held one at a time.
func TestLargeMessagesAreReadAhead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("80 MB of messages take a minute under the race detector")
	}
	const large, total = 20 << 20, 4
	broker := guarded(t, func(o *server.Options) {
		o.MaxPayload, o.MaxPending, o.JetStream, o.StoreDir = 24<<20, 256<<20, true, t.TempDir()
	})
	nc := dial(t, ConnOptions{URL: broker.ClientURL()})
	log := find(t, nc, requests("large"))
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for range total {
		if _, err := js.Publish(deadline(t), "large", make([]byte, large)); err != nil {
			t.Fatal(err)
		}
	}
	var text lockedText
	s, err := Open(deadline(t), nc, log, 0, events.Position{}, Options{Log: textLog(&text)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for count := 0; count < total; {
		b, err := s.Next(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		count += len(b.Messages)
		s.buffer.mu.Lock()
		held := s.buffer.queued
		s.buffer.mu.Unlock()
		if held > large {
			t.Fatalf("%d bytes are held, more than one message", held)
		}
	}
	if strings.Contains(text.String(), "reading the log restarts") {
		t.Fatalf("large messages were fetched one by one:\n%s", text.String())
	}
}

// What is read ahead is bounded, however long it is not asked for.
func TestReadingAheadIsBounded(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("ahead"))
	const total = 2_000
	publish(t, nc, "ahead", 0, total)
	s, err := Open(deadline(t), nc, log, 0, events.Position{}, Options{Messages: 10, Prefetch: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	full := func() bool {
		s.buffer.mu.Lock()
		defer s.buffer.mu.Unlock()
		return len(s.buffer.queue) == maxPortions
	}
	for end := time.Now().Add(patience); !full(); {
		if time.Now().After(end) {
			t.Fatal("the buffer never filled")
		}
		time.Sleep(time.Millisecond)
	}
	if got, _ := s.buffer.progress(); got > maxPortions*10 {
		t.Fatalf("%d messages are held, want at most %d", got, maxPortions*10)
	}
	read(t, s, total)
}
