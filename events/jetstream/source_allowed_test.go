package jetstream

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// serveWith starts a server whose options a test changes.
func serveWith(t *testing.T, change func(*server.Options)) (*server.Server, *server.Options) {
	t.Helper()
	options := (&ServerOptions{StoreDir: t.TempDir()}).translate()
	change(options)
	s, err := server.NewServer(options.Clone())
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s, options
}

// joinerAndFeed connects two users of a server. allow gives the first, who may do everything, permissions.
func joinerAndFeed(t *testing.T) (joiner, feed *nats.Conn, allow func(*server.Permissions)) {
	t.Helper()
	users := func(p *server.Permissions) []*server.User {
		return []*server.User{{Username: "joiner", Password: "pw", Permissions: p}, {Username: "feed", Password: "pw"}}
	}
	s, options := serveWith(t, func(o *server.Options) { o.Users = users(nil) })
	allow = func(p *server.Permissions) {
		t.Helper()
		changed := options.Clone()
		changed.Users = users(p)
		if err := s.ReloadOptions(changed); err != nil {
			t.Fatal(err)
		}
	}
	connect := func(user string) *nats.Conn {
		return dial(t, ConnOptions{URL: s.ClientURL(), User: user, Password: "pw"})
	}
	return connect("joiner"), connect("feed"), allow
}

// TestAsksForWhatIsAllowed reads from servers and streams that allow less than the
// joiner would ask for.
func TestAsksForWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		server func(*server.Options)
		stream func(*jetstream.StreamConfig)
	}{
		{"few messages at once", func(o *server.Options) { o.JetStreamLimits.MaxRequestBatch = 7 }, func(*jetstream.StreamConfig) {}},
		{"a consumer that is forgotten soon", func(*server.Options) {}, func(s *jetstream.StreamConfig) {
			s.ConsumerLimits.InactiveThreshold = 5 * time.Second
		}},
		{"few unacknowledged", func(*server.Options) {}, func(s *jetstream.StreamConfig) { s.ConsumerLimits.MaxAckPending = 1 }},
		{"a single consumer", func(*server.Options) {}, func(s *jetstream.StreamConfig) { s.MaxConsumers = 1 }},
		{"no memory", func(o *server.Options) { o.JetStreamMaxMemory = 1 }, func(*jetstream.StreamConfig) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := serveWith(t, c.server)
			nc := dial(t, ConnOptions{URL: s.ClientURL()})
			config := jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}}
			c.stream(&config)
			loose(t, nc, config)
			source := open(t, nc, find(t, nc, requests("log.>")), 1)
			publish(t, nc, "log.a", 0, 100)
			read(t, source, 100)
			proof(t, source)
		})
	}
}

// TestStreamThatCannotBeReadIsSaid: another's consumer has the only place. The
// reason is told, and that it is over.
func TestStreamThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}, MaxConsumers: 1})
	st := stream(t, nc, "log")
	if _, err := st.CreateConsumer(deadline(t), jetstream.ConsumerConfig{Durable: "theirs"}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var holds []events.Hold
	told := make(chan struct{}, 100)
	opened := make(chan *Source, 1)
	log := find(t, nc, requests("log.>"))
	go func() { // ended by the consumer's end, or the deadline's
		s, _ := Open(deadline(t), nc, log, 0, positionOf(log), Options{Trouble: func(h events.Hold) {
			mu.Lock()
			holds = append(holds, h)
			mu.Unlock()
			told <- struct{}{}
		}})
		opened <- s
	}()
	<-told
	if err := st.DeleteConsumer(deadline(t), "theirs"); err != nil {
		t.Fatal(err)
	}
	s := <-opened
	if s == nil {
		t.Fatal("it was not opened")
	}
	defer s.Close()
	mu.Lock()
	defer mu.Unlock()
	if first := holds[0]; first.Reason != HoldUnreadable || !strings.Contains(first.Detail, "maximum consumers") {
		t.Errorf("it said %+v", first)
	}
	if holds[len(holds)-1].On() {
		t.Errorf("it does not say that it is over: %+v", holds)
	}
}

// TestAQuietStreamCanBeReadAgain: its reader is broken off several times in a row, and
// that is taken back once it stands, though no message comes.
func TestAQuietStreamCanBeReadAgain(t *testing.T) {
	t.Parallel()
	ctx, nc := deadline(t), inProcess(t)
	log := find(t, nc, requests("log.>"))
	var mu sync.Mutex
	var hold events.Hold
	var elapsed time.Duration
	s := openWith(t, nc, log, positionOf(log), Options{
		ProveEvery: 10 * time.Millisecond,
		Elapsed:    func() time.Duration { mu.Lock(); defer mu.Unlock(); elapsed += time.Millisecond; return elapsed },
		Trouble:    func(h events.Hold) { mu.Lock(); defer mu.Unlock(); hold = h },
	})
	held := func() bool { mu.Lock(); defer mu.Unlock(); return hold.On() }
	for !held() {
		if err := stream(t, nc, "log").DeleteConsumer(ctx, s.reader.name); err != nil {
			t.Fatal(err)
		}
		for gone := s.reader; s.reader == gone; {
			if _, err := s.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	mu.Lock()
	elapsed += time.Minute
	mu.Unlock()
	for held() {
		if _, err := s.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPermissionIsTakenAndGivenBack takes the joiner's user the right to hear
// answers, and gives it back. Reading goes on by itself.
func TestPermissionIsTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	none := &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{"nothing"}}}
	for _, c := range []struct {
		name  string
		taken *server.Permissions
	}{
		{"answers", none},
		{"asking", &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.>"}}}},
		{"looking at messages", &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.MSG.GET.>"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nc, feed, allow := joinerAndFeed(t)
			log := find(t, nc, requests("log.>"))
			source := open(t, nc, log, 1)
			publish(t, feed, "log.a", 0, 10)
			read(t, source, 10)
			allow(c.taken)
			refused := time.After(3 * time.Second) // long enough for requests to be refused
			for waiting := true; waiting; {
				ctx, cancel := context.WithTimeout(deadline(t), 100*time.Millisecond)
				b, err := source.Next(ctx)
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) || len(b.Messages) > 0 {
					t.Fatalf("%d messages, %v", len(b.Messages), err)
				}
				select {
				case <-refused:
					waiting = false
				default:
				}
			}
			allow(nil)
			publish(t, feed, "log.a", 10, 20)
			read(t, source, 10)
			proof(t, source)
		})
	}
}

// TestPublishingIsTakenAndGivenBack takes the joiner's user the right to publish labels, or to hear that they are
// stored. Labels wait meanwhile, which is said with the cause, and are sent once and in their order when it is given back.
func TestPublishingIsTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		taken *server.Permissions
	}{
		{"publishing", &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"labels.feed"}}}},
		{"answers", &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{"nothing"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nc, feed, allow := joinerAndFeed(t)
			loose(t, feed, jetstream.StreamConfig{Name: "labels", Subjects: []string{"labels.feed"}})
			held := &heldLabels{}
			p, err := NewPublisher(deadline(t), nc, PublisherOptions{Subject: "labels.feed", Hold: held.set})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.ackTimeout = 50 * time.Millisecond
			if err := p.Spool(filepath.Join(t.TempDir(), "spool")); err != nil {
				t.Fatal(err)
			}
			send := func(from, to int) {
				t.Helper()
				if err := p.Publish(deadline(t), someLabels(from, to)); err != nil {
					t.Fatal(err)
				}
			}
			send(0, 3)
			allow(c.taken)
			send(3, 6)
			time.Sleep(3 * time.Second) // long enough for labels to be refused
			send(6, 9)
			if hold := held.is(t, true); hold.Reason != HoldLabelStream || !strings.Contains(hold.Detail, "Permissions Violation") {
				t.Errorf("the hold is %+v", hold)
			}
			allow(nil)
			held.is(t, false)
			send(9, 12)
			info, err := stream(t, feed, "labels").Info(deadline(t))
			if err != nil || p.Waiting() != 0 || p.Skipped() != 0 || info.State.Msgs != 12 {
				t.Errorf("%d wait, %d are left out, %d are stored: %v", p.Waiting(), p.Skipped(), info.State.Msgs, err)
			}
			for i, want := range someLabels(0, 12) {
				m, err := stream(t, feed, "labels").GetMsg(deadline(t), uint64(i+1))
				if err != nil || m.Header.Get("Nats-Msg-Id") != want.ID {
					t.Fatalf("message %d is not %s: %v", i+1, want.ID, err)
				}
			}
		})
	}
}

// TestUnansweredQuestionsAreSaid takes the joiner's user the right to ask what a proof
// needs, while reading goes on. A quiet stream's rows wait then: the reason is told, and
// that it is over.
func TestUnansweredQuestionsAreSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("the reason is told after many seconds; go test without -short runs it, as CI does")
	}
	t.Parallel()
	for _, denied := range []string{"$JS.API.STREAM.MSG.GET.>", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.NAMES"} {
		t.Run(denied, func(t *testing.T) {
			t.Parallel()
			nc, feed, allow := joinerAndFeed(t)
			log := find(t, nc, requests("log.>"))
			w := witness{known: events.At(time.Now()), heard: true}
			source, err := Open(deadline(t), nc, log, 0, positionOf(log), w.options())
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			publish(t, feed, "log.a", 0, 10)
			read(t, source, 10)
			w.until(t, source, "")
			allow(&server.Permissions{Publish: &server.SubjectPermission{Deny: []string{denied}}})
			if hold := w.until(t, source, holdUnanswered); !strings.Contains(hold.Detail, "Permissions Violation") {
				t.Errorf("it does not say what was refused: %q", hold.Detail)
			}
			allow(nil)
			w.until(t, source, "")
		})
	}
}

// until reads on, also beyond the end of the log, until the newest hold that was told has
// a reason; none is that silence proves something again.
func (w *witness) until(t *testing.T, s *Source, reason string) events.Hold {
	t.Helper()
	for end := deadline(t); end.Err() == nil; {
		ctx, cancel := context.WithTimeout(end, 100*time.Millisecond)
		_, err := s.Next(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		w.mu.Lock()
		hold, told := w.hold, w.told
		w.mu.Unlock()
		if told > 0 && hold.Reason == reason {
			return hold
		}
	}
	t.Fatalf("the hold %q was never told", reason)
	return events.Hold{}
}
