// Package ingest takes events by HTTP and has a log store them: it says 202 when the log
// has stored them, and never before. What belongs here is HTTP; what an event is, package
// events says. HTTP.md is the page for producers.
package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// Log is what stores events. Several goroutines use it.
type Log interface {
	// Append returns when all messages are stored: then copies says how many of their
	// events were there already. The error is a *events.StoreError. The data must not
	// change until Append returns without an error.
	Append(ctx context.Context, list []events.Outgoing) (copies int, err error)
	// MaxBytes is the most that the data of a message may have; 0: not known yet.
	MaxBytes() int
}

// Input is one input as producers see it.
type Input struct {
	Name    string
	Kind    events.Kind       // of its events, unless a Codec says it
	Subject string            // that its events are published to
	Format  string            // of its records, as the configuration calls it; empty: labeljoin's own
	Codec   events.Codec      // nil: the events are in labeljoin's own format
	Own     jsonevent.Decoder // of labeljoin's own format
}

// Options is how events are taken. Bounds that are 0 have the defaults of the configuration.
type Options struct {
	Listen     string // host:port
	TokensFile string // empty: no token is asked for
	LeastToken int    // bytes of the shortest token
	CertFile   string // empty: no TLS
	KeyFile    string
	ClientCA   string   // empty: producers need no certificate
	Origins    []string // of web pages that may send; "*": all
	Inputs     []Input

	MaxBody  int64
	MaxConns int
	Timeout  time.Duration // for a request to come

	MaxFuture time.Duration    // an event stamped later than this after Now is refused; 0: no bound
	MaxAge    time.Duration    // and one stamped earlier than this before it; 0: no bound
	Now       func() time.Time // the machine's clock
	// Full says why there is no room for events; empty: there is. nil: there always is.
	Full func() string
	Log  *slog.Logger
}

func (o *Options) complete() {
	if o.MaxBody <= 0 {
		o.MaxBody = 8 << 20
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 500
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Full == nil {
		o.Full = func() string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Server takes events. It answers 503 until Open gives it a log.
type Server struct {
	opts   Options
	inputs map[string]*input
	names  []string // of the inputs, in their order
	tokens *Tokens  // nil: none is asked for
	certs  *certificate
	otlp   string              // the input of /v1/logs; empty: there is none
	noOTLP string              // why there is none
	room   *semaphore.Weighted // bytes of bodies that are in memory
	doc    []byte              // the OpenAPI document

	log     atomic.Pointer[opened]
	stats   stats
	buffers buffers
	notices notices
	troubled,
	draining atomic.Bool

	server   *http.Server
	listener net.Listener
	bound    *ConnBound
	done     chan error
	drain    sync.Once
	watching sync.WaitGroup
	unwatch  context.CancelFunc
}

// opened is a log that was found.
type opened struct {
	log     Log
	streams map[string]string // that may store events of an input, by its name
	barred  map[string]string // why an input takes no events, by its name
}

// New reads tokens and certificates. The error names the file and the way out.
func New(opts Options) (*Server, error) {
	opts.complete()
	s := &Server{opts: opts, inputs: map[string]*input{}, done: make(chan error, 1)}
	s.room = semaphore.NewWeighted(max(64<<20, 4*opts.MaxBody))
	s.stats.byInput = map[string]*inputCounts{}
	for i := range opts.Inputs {
		in := newInput(&opts.Inputs[i], &s.opts)
		s.inputs[in.Name] = in
		s.names = append(s.names, in.Name)
		s.stats.byInput[in.Name] = &inputCounts{}
	}
	var err error
	if opts.TokensFile != "" {
		if s.tokens, err = ReadTokens("http.ingest.tokens_file", opts.TokensFile, opts.LeastToken, s.names); err != nil {
			return nil, err
		}
	}
	if opts.CertFile != "" {
		if s.certs, err = readCertificate(opts.CertFile, opts.KeyFile); err != nil {
			return nil, err
		}
	}
	s.otlp, s.noOTLP = otlpInput(opts.Inputs)
	s.doc, err = document(s.names, s.tokens != nil)
	return s, err
}

// Open gives the server the log, and says which stream of it may store the events of an
// input, by its name; barred says why an input takes none.
func (s *Server) Open(log Log, streams, barred map[string]string) {
	s.log.Store(&opened{log: log, streams: streams, barred: barred})
}

// Listen begins to take requests. The caller closes the server.
func (s *Server) Listen() error {
	var err error
	if s.listener, err = net.Listen("tcp", s.opts.Listen); err != nil {
		return fmt.Errorf("http.ingest.listen: %w", err)
	}
	s.bound = &ConnBound{Most: s.opts.MaxConns}
	s.server = &http.Server{
		Handler:           s.Handler(),
		ConnState:         s.bound.Watch,
		ReadHeaderTimeout: min(5*time.Second, s.opts.Timeout),
		ReadTimeout:       s.opts.Timeout,
		WriteTimeout:      s.opts.Timeout + time.Minute, // storing has bounds of its own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// of clients; what they do is no trouble of the joiner's
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	listener, scheme := s.listener, "http"
	if s.certs != nil {
		config, err := s.tlsConfig()
		if err != nil {
			return errors.Join(err, s.listener.Close())
		}
		s.server.TLSConfig = config
		listener, scheme = tls.NewListener(s.listener, config), "https"
	}
	go func() { s.done <- s.server.Serve(listener) }() // ended by Close
	watching, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watching.Go(func() { s.notices.watch(watching, s.opts.Log, s.opts.Now) }) // ended by Close
	s.opts.Log.Info("taking events by http", "url", scheme+"://"+s.Address()+"/v1/events/", "inputs", len(s.names),
		"tokens", s.tokens != nil, "client_certificates", s.opts.ClientCA != "")
	if s.tokens != nil && s.certs == nil && !s.loopback() {
		s.opts.Log.Warn("tokens of producers travel unencrypted: add http.ingest.tls, or put a proxy with TLS before it",
			"address", s.Address())
	}
	return nil
}

// Address is where the server listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// loopback reports whether only this machine reaches the server.
func (s *Server) loopback() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// drainTimeout is how long requests that have begun may take once the server ends: the
// time in which a slow broker answers, and a little more.
const drainTimeout = 8 * time.Second

// Drain takes no new connections, and returns when the requests that had begun are
// answered, or after some seconds.
func (s *Server) Drain() {
	s.drain.Do(func() {
		s.draining.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			_ = s.server.Close() // its error is that of a client's connection
		}
	})
}

// Close drains the server and ends it. It needs Listen before.
func (s *Server) Close() error {
	s.Drain()
	err := <-s.done
	s.unwatch()
	s.watching.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
