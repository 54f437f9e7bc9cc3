package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/labeljoin/labeljoin/events"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverEnv); dir != "" {
		os.Exit(beServer(dir))
	}
	goleak.VerifyTestMain(m,
		// The server starts these once for the process and never ends them.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.init.0.func1"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		// nats.go 1.55: a publisher that is cleaned up before the goroutine of its first message has run leaves that
		// goroutine waiting for a channel that is nil.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
	)
}

// patience is how long a test waits for what must happen. It is only ever used
// up by a failing test.
const patience = time.Minute

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve starts a server on dir; port as in ServerOptions.
func serve(t testing.TB, dir string, port int) *Server {
	t.Helper()
	s, err := StartServer(ServerOptions{StoreDir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// inProcess starts a server that only this process can reach and connects to it.
func inProcess(t testing.TB) *nats.Conn {
	t.Helper()
	return dial(t, ConnOptions{InProcess: serve(t, t.TempDir(), -1)})
}

func dial(t testing.TB, opts ConnOptions) *nats.Conn {
	t.Helper()
	opts.ReconnectWait = 10 * time.Millisecond
	nc, err := Connect(opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// port is the port a server listens on.
func port(t testing.TB, s *Server) int {
	t.Helper()
	_, p, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func requests(subject string) Input {
	return Input{Kind: events.KindRequest, Subject: subject, Create: true}
}

func outcomes(subject string) Input {
	return Input{Kind: events.KindOutcome, Subject: subject, Create: true}
}

// find finds the one log of some inputs.
func find(t testing.TB, nc *nats.Conn, inputs ...Input) Log {
	t.Helper()
	logs, err := Find(deadline(t), nc, inputs)
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) != 1 {
		t.Fatalf("found %d logs, want 1: %+v", len(logs), logs)
	}
	return logs[0]
}

// open opens a source that asks for proofs often.
func open(t testing.TB, nc *nats.Conn, log Log, next uint64) *Source {
	t.Helper()
	s, err := openAt(t, nc, log, next)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openAt(t testing.TB, nc *nats.Conn, log Log, next uint64) (*Source, error) {
	t.Helper()
	from := events.Position{Input: log.Stream, Created: log.Created, Next: next}
	s, err := Open(deadline(t), nc, log, 3, from, Options{ProveEvery: 20 * time.Millisecond})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// publish stores messages, "<subject> <i>" for i in [from, to). It must not be
// called while the connection may break: see publishAt.
func publish(t testing.TB, nc *nats.Conn, subject string, from, to int) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if _, err := js.PublishAsync(subject, payload(subject, i)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(patience):
		t.Fatal("the server did not store the messages")
	}
}

// publishAt publishes on a connection of its own.
func publishAt(t testing.TB, s *Server, subject string, from, to int) {
	t.Helper()
	nc := dial(t, ConnOptions{URL: s.URL()})
	defer nc.Close()
	publish(t, nc, subject, from, to)
}

func payload(subject string, i int) []byte { return fmt.Appendf(nil, "%s %d", subject, i) }

// read reads n messages and no more.
func read(t testing.TB, s *Source, n int) []events.Message {
	t.Helper()
	var messages []events.Message
	ctx := deadline(t)
	for len(messages) < n {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(messages), n, err)
		}
		messages = append(messages, b.Messages...)
	}
	if len(messages) > n {
		t.Fatalf("read %d messages, want %d", len(messages), n)
	}
	return messages
}

// fault reads until an error comes and returns it with what came before.
func fault(t testing.TB, s *Source) ([]events.Message, error) {
	t.Helper()
	var messages []events.Message
	ctx := deadline(t)
	for {
		b, err := s.Next(ctx)
		if err != nil {
			return messages, err
		}
		messages = append(messages, b.Messages...)
	}
}

// proof reads until a proof comes and returns it; messages are an error.
func proof(t testing.TB, s *Source) events.Time {
	t.Helper()
	b, err := s.Next(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Messages) > 0 || b.ReadThrough == events.MinTime {
		t.Fatalf("got %d messages and proof %s, want just a proof", len(b.Messages), b.ReadThrough)
	}
	return b.ReadThrough
}

// stream is the API of a log's stream, for doing things to it.
func stream(t testing.TB, nc *nats.Conn, name string) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.Stream(deadline(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// loose creates a stream that, unlike ours, can be tampered with.
func loose(t testing.TB, nc *nats.Conn, config jetstream.StreamConfig) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := js.CreateStream(deadline(t), config)
		if err == nil {
			return
		}
		// The server deletes files in the background and may be in its own way.
		const storeNotCreated = 10049
		if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != storeNotCreated {
			t.Fatal(err)
		}
	}
}

func drop(t testing.TB, nc *nats.Conn, name string) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(deadline(t), name); err != nil {
		t.Fatal(err)
	}
}

func positionOf(log Log) events.Position {
	return events.Position{Input: log.Stream, Created: log.Created, Next: 1}
}

func textLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lockedText is a text that goroutines may write to.
type lockedText struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
