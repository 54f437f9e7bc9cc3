package jetstream

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

var (
	cutsFlag    = flag.Int("cuts", 1, "how many times TestLinksThatAreCutProveNothing cuts the link of each copy; a cut takes about half a minute")
	cutSeedFlag = flag.Uint64("cutseed", 0, "how and for how long to cut; 0 draws one")
)

// TestLinksThatAreCutProveNothing reads a copy whose origin is a server of its own, to which the link
// is cut, or stands still and then brings all at once, or whose origin is stopped. What producers
// store at the origin meanwhile is never proven over; when the link is back, all of it is read and
// silence is proven again. For more of it:
//
//	go test ./events/jetstream -run TestLinksThatAreCut -cuts 50 -timeout 2h -v
func TestLinksThatAreCutProveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a link must be steady for a quarter of a minute")
	}
	t.Parallel()
	seed := *cutSeedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-cutseed %d", seed)
	edge := &jetstream.StreamSource{Name: "edge", External: &jetstream.ExternalStream{APIPrefix: "$JS.edge.API"}}
	for i, c := range []struct {
		name string
		copy jetstream.StreamConfig
	}{
		{"mirror", jetstream.StreamConfig{Mirror: edge}},
		{"sources", jetstream.StreamConfig{Sources: []*jetstream.StreamSource{edge, {Name: "near"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newCutWorld(t, c.copy, rand.New(rand.NewPCG(seed, uint64(i))))
			ctx, quiet := context.WithCancel(t.Context())
			published := make(chan struct{})
			go func() {
				defer close(published)
				w.publish(ctx)
			}()
			w.current()
			for range *cutsFlag {
				w.cut()
				w.current()
			}
			quiet()
			<-published
			w.current()
			if len(w.stored) == 0 {
				t.Error("the origin has stored nothing")
			}
			t.Logf("%d outcomes, %v", len(w.stored), w.did)
		})
	}
}

// cutWorld is an origin, a copy of it on another server, the wire between them, and a joiner
// that reads the copy.
type cutWorld struct {
	t       *testing.T
	rand    *rand.Rand
	options *server.Options // of the origin's server
	edge    *server.Server
	wire    *wire
	source  *Source
	knows   *witness
	read    map[string]bool
	did     map[string]int

	mu     sync.Mutex
	stored map[string]events.Time // at the origin, and by when at the latest
}

func newCutWorld(t *testing.T, config jetstream.StreamConfig, r *rand.Rand) *cutWorld {
	t.Helper()
	w := &cutWorld{t: t, rand: r, read: map[string]bool{}, did: map[string]int{}, stored: map[string]events.Time{}}
	hub, _ := serveWith(t, func(o *server.Options) {
		o.JetStreamDomain, o.ServerName = "hub", "hub"
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
	})
	state, err := hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wire = newWire(t, fmt.Sprintf("127.0.0.1:%d", state.LeafNode.Port))
	w.options = (&ServerOptions{StoreDir: t.TempDir()}).translate()
	w.options.JetStreamDomain, w.options.ServerName = "edge", "edge"
	w.options.LeafNode.ReconnectInterval = 100 * time.Millisecond
	w.options.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: w.wire.address()}}}}
	w.startEdge()
	t.Cleanup(w.stopEdge)
	nc := dial(t, ConnOptions{URL: hub.ClientURL()})
	edge := dial(t, ConnOptions{URL: w.edge.ClientURL()})
	loose(t, edge, jetstream.StreamConfig{Name: "edge", Subjects: []string{"out.>"}})
	loose(t, nc, jetstream.StreamConfig{Name: "near", Subjects: []string{"near"}})
	config.Name = "copy"
	loose(t, nc, config)
	w.knows = &witness{known: events.At(time.Now()), heard: true}
	o := w.knows.options()
	o.ProveEvery = 200 * time.Millisecond
	log := find(t, nc, Input{Kind: events.KindOutcome, Subject: "out.>", Stream: "copy"})
	w.source = openWith(t, nc, log, events.Position{}, o)
	return w
}

func (w *cutWorld) startEdge() {
	s, err := server.NewServer(w.options.Clone())
	if err != nil {
		w.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		w.t.Fatal("the origin's server does not start")
	}
	w.edge, w.options.Port = s, s.Addr().(*net.TCPAddr).Port // the same one again
}

func (w *cutWorld) stopEdge() {
	w.edge.Shutdown()
	w.edge.WaitForShutdown()
}

// publish stores outcomes at the origin until it is told to end.
func (w *cutWorld) publish(ctx context.Context) {
	nc, err := nats.Connect(w.edge.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		w.t.Error(err)
		return
	}
	defer nc.Close()
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(100 * time.Millisecond)
		asking, cancel := context.WithTimeout(context.Background(), time.Second)
		text := payload("out.a", n)
		if msg, err := nc.RequestWithContext(asking, "out.a", text); err == nil && len(msg.Data) > 0 {
			w.mu.Lock()
			w.stored[string(text)] = events.At(time.Now())
			w.mu.Unlock()
		}
		cancel()
	}
}

// cut does one thing to the link, and undoes it after a while. The joiner reads meanwhile.
func (w *cutWorld) cut() {
	things := []struct {
		name     string
		do, undo func()
	}{
		{"cut", w.wire.cut, w.wire.mend},
		{"standing still", w.wire.hold, w.wire.mend},
		{"origin stopped", w.stopEdge, w.startEdge},
	}
	thing := things[w.rand.IntN(len(things))]
	w.did[thing.name]++
	thing.do()
	w.follow(time.Duration(w.rand.IntN(15000)) * time.Millisecond)
	thing.undo()
}

// follow reads for a while.
func (w *cutWorld) follow(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.next()
	}
}

// current reads until all is read that was stored before, and silence is proven beyond it.
func (w *cutWorld) current() {
	from := events.At(time.Now())
	for end := time.Now().Add(5 * patience); ; {
		if t := w.next(); t > from {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("nothing is proven after %s: %+v; %v", from, w.knows.hold, w.did)
		}
	}
}

// next reads once, and checks that what is proven was read.
func (w *cutWorld) next() events.Time {
	ctx, cancel := context.WithTimeout(w.t.Context(), 200*time.Millisecond)
	defer cancel()
	b, err := w.source.Next(ctx)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			w.t.Fatal(err)
		}
		return events.MinTime
	}
	for i := range b.Messages {
		w.read[string(b.Messages[i].Data)] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for text, at := range w.stored {
		if at < b.ReadThrough && !w.read[text] {
			w.t.Fatalf("%s is proven, and %q of %s was not read; %v", b.ReadThrough, text, at, w.did)
		}
	}
	return b.ReadThrough
}

// wire is a connection between two servers that can be cut, and can stand still.
type wire struct {
	t      *testing.T
	listen net.Listener
	to     string
	ends   sync.WaitGroup

	mu   sync.Mutex
	cond *sync.Cond
	held bool
	late time.Time // until when what was held up comes piece by piece
	off  bool
	open map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, listen: l, to: to, open: map[net.Conn]bool{}}
	w.cond = sync.NewCond(&w.mu)
	w.ends.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.cut()
		w.ends.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listen.Addr().String() }

func (w *wire) accept() {
	for {
		from, err := w.listen.Accept()
		if err != nil {
			return // the test is over
		}
		to, err := net.Dial("tcp", w.to)
		if err != nil {
			from.Close()
			continue
		}
		w.mu.Lock()
		if w.off {
			from.Close()
			to.Close()
		} else {
			w.open[from], w.open[to] = true, true
			w.ends.Go(func() { w.pump(from, to) })
			w.ends.Go(func() { w.pump(to, from) })
		}
		w.mu.Unlock()
	}
}

// pump carries what comes, once the wire does not stand still. What was held up comes slowly then:
// old messages and heartbeats one after the other.
func (w *wire) pump(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 512)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		for w.held && w.open[from] {
			w.cond.Wait()
		}
		there, late := w.open[from], time.Now().Before(w.late)
		w.mu.Unlock()
		if late {
			time.Sleep(20 * time.Millisecond)
		}
		if !there {
			return
		}
		if _, bad := to.Write(buf[:n]); bad != nil || err != nil {
			return
		}
	}
}

// cut closes what is open, and lets nothing in.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = true
	for c := range w.open {
		c.Close()
	}
	clear(w.open)
	w.cond.Broadcast()
}

// hold carries nothing further, and loses nothing.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = true
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held {
		w.late = time.Now().Add(5 * time.Second)
	}
	w.off, w.held = false, false
	w.cond.Broadcast()
}
