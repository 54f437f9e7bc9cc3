package jetstream

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// cluster is three servers in this process.
type cluster struct {
	t       testing.TB
	options []*server.Options
	servers []*server.Server
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t}
	routes := make([]*url.URL, 3)
	ports := make([]int, 2*len(routes))
	for i := range ports { // all at once, so that they differ
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	for i := range routes {
		routes[i] = &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[i])}
	}
	for i := range routes {
		c.options = append(c.options, &server.Options{
			ServerName: fmt.Sprint("server", i), Host: "127.0.0.1", Port: ports[len(routes)+i], NoLog: true, NoSigs: true,
			JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "cluster", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
	}
	c.servers = make([]*server.Server, len(routes))
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.Shutdown()
			s.WaitForShutdown()
		}
	})
	return c
}

// start starts a server; the first time all, since none is ready alone.
func (c *cluster) start(numbers ...int) {
	c.t.Helper()
	for _, i := range numbers {
		s, err := server.NewServer(c.options[i].Clone())
		if err != nil {
			c.t.Fatal(err)
		}
		c.servers[i] = s
		s.Start()
	}
	for _, i := range numbers {
		if !c.servers[i].ReadyForConnections(patience) {
			c.t.Fatal("a server does not become ready")
		}
	}
}

func (c *cluster) url() string {
	urls := make([]string, len(c.options))
	for i, o := range c.options {
		urls[i] = fmt.Sprintf("nats://127.0.0.1:%d", o.Port)
	}
	return strings.Join(urls, ",")
}

// stopLeader stops the server that leads a stream and returns its number.
func (c *cluster) stopLeader(ctx context.Context, js jetstream.JetStream, stream string) int {
	c.t.Helper()
	for ctx.Err() == nil {
		if s, err := js.Stream(ctx, stream); err == nil && s.CachedInfo().Cluster != nil {
			for i, o := range c.options {
				if o.ServerName == s.CachedInfo().Cluster.Leader {
					c.servers[i].Shutdown()
					c.servers[i].WaitForShutdown()
					return i
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.t.Fatal("the stream has no leader")
	return 0
}

// persistently does something until it works.
func persistently(ctx context.Context, do func(context.Context) error) error {
	for {
		once, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := do(once)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestLeadersChange stops the leader of a replicated stream three times while
// messages are published and read: each is read once, in order, and the log of
// the program stays calm.
func TestLeadersChange(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers elect leaders")
	}
	c := newCluster(t)
	c.start(0, 1, 2)
	ctx := deadline(t)
	nc := dial(t, ConnOptions{URL: c.url()})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	config := jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}, Replicas: 3, DenyDelete: true, DenyPurge: true}
	if err := persistently(ctx, func(ctx context.Context) error { _, err := js.CreateStream(ctx, config); return err }); err != nil {
		t.Fatal(err)
	}
	log := find(t, nc, requests("log.>"))
	var text lockedText
	s, err := Open(ctx, nc, log, 3, positionOf(log), Options{ProveEvery: 50 * time.Millisecond, Log: textLog(&text)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	const n = 1500
	published := make(chan error, 1)
	go func() {
		for i := range n {
			err := persistently(ctx, func(ctx context.Context) error {
				_, err := js.Publish(ctx, "log.a", payload("log.a", i), jetstream.WithMsgID(fmt.Sprint(i)))
				return err
			})
			if err != nil {
				published <- err
				return
			}
		}
		published <- nil
	}()
	var got []events.Message
	for stops := 0; len(got) < n; {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d messages: %v", len(got), err)
		}
		got = append(got, b.Messages...)
		if stops < 3 && len(got) > (stops+1)*n/4 {
			stops++
			c.start(c.stopLeader(ctx, js, "log"))
		}
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if want := string(payload("log.a", i)); string(got[i].Data) != want || got[i].Seq != uint64(i)+1 {
			t.Fatalf("message %d is %q (sequence %d), want %q", i, got[i].Data, got[i].Seq, want)
		}
	}
	if lines := strings.Count(text.String(), "level=WARN") + strings.Count(text.String(), "level=ERROR"); lines > 10 {
		t.Errorf("three changes of leaders are worth %d warnings:\n%s", lines, text.String())
	}
}
