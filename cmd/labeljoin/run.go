package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "join live: from NATS to labeled Parquet, until told to stop",
		ArgsUsage: argsConfig,
		Flags: []cli.Flag{
			configFileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return runLive(c.Context, cfg, newLog(cfg.Log, c.App.ErrWriter))
		},
	}
}

// runLive joins until ctx ends.
func runLive(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	s := service{cfg: cfg, log: log}
	err := errors.Join(s.run(ctx), s.close())
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// service is a running joiner and what it has opened, in order of opening.
type service struct {
	cfg       *config.Config
	log       *slog.Logger
	toy       bool              // an embedded server need not survive a power failure
	server    *jetstream.Server // nil unless embedded
	nc        *nats.Conn
	publisher *jetstream.Publisher // nil without a label stream
	place     *place
	disks     *disks
	watching  sync.WaitGroup     // of the disks
	unwatch   context.CancelFunc // nil until they are watched
	web       *web               // nil unless it listens
	control   *control           // answers the other commands
	gaps      []joiner.Gap       // declared; nil: those of the output
	news      func(engine.Stats) // told after every commit; nil: nobody
	holds     holds
	lag       lag
	engine    atomic.Pointer[engine.Engine] // one that has read nothing until it joins
	options   engine.Options                // of the engine, but what needs a connection
	// What those may look at who ask while it is being opened.
	conn    atomic.Pointer[nats.Conn]
	sending atomic.Pointer[jetstream.Publisher]
	found   atomic.Bool // the streams
	daily   *daily      // nil: none are configured
	refused *refused    // what was rejected; nil until it is opened
	known   *known      // nil: it is not a joiner that reads
}

func (s *service) run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return stopped(ctx, err)
	}
	return s.join(ctx)
}

// open opens the partition, and begins to answer those who ask: NATS may be away for
// long.
func (s *service) open(ctx context.Context) error {
	rules, err := wire.Rules(s.cfg)
	if err != nil {
		return err
	}
	if err := makeDir(s.cfg.State.Dir); err != nil {
		return err
	}
	if s.holds.log == nil {
		s.holds.log = s.log
	}
	s.watchDisks(ctx)
	if s.place, err = s.openPlace(&rules); err != nil {
		return err
	}
	if s.options, err = engineOptions(s.cfg, rules, s.place, s.log); err != nil {
		return err
	}
	if s.daily, err = newDaily(s.cfg, s.log); err != nil {
		return err
	}
	s.refused = newRefused(s.cfg, s.log)
	s.options.Refused = s.refused.add
	s.engine.Store(engine.New(s.options)) // it has read nothing, and is asked until there is the one that joins
	s.disks.joins(s.place.store.DiskBytes, s.stats, false)
	if s.control, err = serveControl(s.cfg.State.Dir, s.cfg.Name, s.engine.Load, s.tell, s.lastSeq, s.log); err != nil {
		return err
	}
	if address := s.cfg.HTTP.Listen; address != "" {
		s.web, err = serve(address, s.cfg.Name, s.stats, s.log, s.observe())
	}
	return err
}

// stats is how the engine stands.
func (s *service) stats() engine.Stats { return s.engine.Load().Stats() }

// join joins until ctx ends. It needs a connection.
func (s *service) join(ctx context.Context) error {
	defer tuneGC()()
	if s.place == nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	inputs, err := s.inputs(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	if s.server != nil {
		s.disks.revives(s.server.Revive)
	}
	o := s.options
	o.Inputs, o.Held = inputs, s.disks.held
	if s.publisher != nil {
		if err := s.publisher.Spool(filepath.Join(s.cfg.State.Dir, spoolName)); err != nil {
			return err
		}
		o.Publisher = s.publisher
		s.sending.Store(s.publisher)
	}
	s.found.Store(true)
	s.log.Info("joining", "name", s.cfg.Name, "labels", len(o.Rules.Labels), "window", o.Rules.Longest().String(), "output", s.cfg.Output.Dir)
	e := engine.New(o)
	if s.news != nil {
		e.OnCommit(s.news)
	}
	s.known = knownAt(s.cfg, s.place, e.Stats)
	telling, tell := context.WithCancel(context.WithoutCancel(ctx))
	defer tell()
	s.watching.Go(func() { s.refused.watch(telling) }) // ended with this function
	if s.daily != nil {
		s.watching.Go(func() { s.daily.watch(telling) }) // likewise
	}
	s.disks.joins(s.place.store.DiskBytes, e.Stats, len(inputs) == 1)
	s.engine.Store(e)
	s.measureLag(inputs)
	return stopped(ctx, e.Run(ctx))
}

// spoolName is the file in the state directory in which labels wait that the label
// stream does not take.
const spoolName = "labels.spool"

// measureLag asks NATS now and then where the streams end, until close.
func (s *service) measureLag(inputs []engine.Input) {
	asking, cancel := context.WithCancel(context.Background())
	unwatch := s.unwatch
	s.unwatch = func() { cancel(); unwatch() }
	s.watching.Go(func() { s.lag.watch(asking, s.nc, inputs) }) // ended by close
}

// observe makes what the joiner shows of itself.
func (s *service) observe() observer {
	c := newRunCollector(s.cfg.Name)
	c.stats, c.disks, c.state, c.behind = s.stats, s.disks, s.place.store.Metrics, s.lag.behind
	for i := range s.cfg.Labels {
		c.labels = append(c.labels, s.cfg.Labels[i].Name)
	}
	c.daily = s.daily
	c.waits, c.notes, c.unsent = s.waits, s.place.output.FeatureNotes, s.unsent
	told := func(stats *engine.Stats, to *status) {
		s.tell(stats, to)
		to.behind(s.lag.behind(*stats))
	}
	return observer{collector: c, waits: s.waits, tell: told}
}

// tell adds to a status what the engine does not know.
func (s *service) tell(stats *engine.Stats, to *status) {
	to.Waits, to.Features, to.DeadLetters = s.waits(stats), featureStatusOf(s.place.output.FeatureNotes()), s.refused.status()
	to.closing(stats, s.cfg)
	to.Exports = s.daily.status()
}

// waits lists everything that is held.
func (s *service) waits(stats *engine.Stats) []wait {
	list := s.holds.list(stats, s.disks.short())
	if why := s.away(); why != "" {
		list = append([]wait{{What: "reading", Reason: holdByNATS, Detail: why}}, list...)
	}
	return list
}

// away says why NATS is waited for; nothing if it is not.
func (s *service) away() string {
	nc := s.conn.Load()
	cause := "the connection is being made"
	if nc != nil {
		if nc.IsConnected() && s.found.Load() {
			return ""
		}
		if nc.IsConnected() {
			cause = "connected, and looking for the streams"
		}
		if err := nc.LastError(); err != nil {
			cause = err.Error()
		}
	}
	return "waiting for NATS: " + cause
}

// unsent is how many labels wait to be sent, and how many were left out.
func (s *service) unsent() (waiting int, skipped int64) {
	p := s.sending.Load()
	if p == nil {
		return 0, 0
	}
	return p.Waiting(), p.Skipped()
}

// watchDisks looks at the room on the disks from here on, until close.
func (s *service) watchDisks(ctx context.Context) {
	s.disks = newDisks(ctx, vfs.Default, s.cfg, s.log)
	s.disks.look() // before anything is written
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.unwatch = cancel
	s.watching.Go(func() { s.disks.watch(watching) }) // ended by close
}

// lastSeq asks for the sequence of a stream's newest message.
func (s *service) lastSeq(ctx context.Context, stream string) (uint64, error) {
	nc := s.conn.Load()
	if nc == nil {
		return 0, nats.ErrConnectionClosed
	}
	return jetstream.LastSeq(ctx, nc, stream)
}

// stopped is nil for the error of a context that was asked to end.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (s *service) connect(ctx context.Context) error {
	if err := makeDir(s.cfg.State.Dir); err != nil {
		return err
	}
	if s.holds.log == nil {
		s.holds.log = s.log
	}
	options, err := connOptions(s.cfg, os.LookupEnv)
	if err != nil {
		return err
	}
	if s.cfg.NATS.Embedded {
		if s.server, err = startServer(ctx, s.cfg, !s.toy, s.log); err != nil {
			return err
		}
		options.InProcess = s.server
	}
	if s.nc, err = jetstream.Connect(options, s.log); err != nil {
		return err
	}
	s.conn.Store(s.nc)
	if p := s.cfg.Publish; p != nil {
		s.publisher, err = jetstream.NewPublisher(ctx, s.nc, jetstream.PublisherOptions{
			Subject: p.Subject, Stream: p.Stream, Create: p.Create || s.cfg.NATS.Embedded, Log: s.log,
			Hold: func(why events.Hold) { s.holds.set(whatLabels, why) },
		})
	}
	return err
}

// connOptions is how the configuration says to connect, secrets looked up.
func connOptions(c *config.Config, lookup func(string) (string, bool)) (jetstream.ConnOptions, error) {
	n := &c.NATS
	login, err := n.Login(lookup)
	if err != nil {
		return jetstream.ConnOptions{}, err
	}
	o := jetstream.ConnOptions{
		URL: strings.Join(n.URL, ","), Name: "labeljoin " + c.Name,
		CredsFile: n.Creds, NkeyFile: n.NKey,
		Token: login.Token, User: login.User, Password: login.Password,
	}
	if n.TLS != nil {
		o.CAFile, o.CertFile, o.KeyFile, o.ServerName = n.TLS.CA, n.TLS.Cert, n.TLS.Key, n.TLS.ServerName
	}
	return o, nil
}

// logs finds the streams.
func (s *service) logs(ctx context.Context) ([]jetstream.Log, error) {
	return jetstream.Find(ctx, s.nc, s.streamInputs())
}

// streamInputs is what the configuration says of the streams.
func (s *service) streamInputs() []jetstream.Input {
	in := &s.cfg.Inputs
	create := in.Create || s.cfg.NATS.Embedded
	return []jetstream.Input{
		{Kind: events.KindRequest, Subject: in.Requests.Subject, Stream: in.Requests.Stream, Create: create},
		{Kind: events.KindOutcome, Subject: in.Outcomes.Subject, Stream: in.Outcomes.Stream, Create: create},
	}
}

// inputs finds the streams and how to read them.
func (s *service) inputs(ctx context.Context) ([]engine.Input, error) {
	logs, err := s.logs(ctx)
	if err != nil {
		return nil, err
	}
	inputs := make([]engine.Input, len(logs))
	for i, l := range logs {
		for _, warning := range l.Warnings {
			s.log.Warn("the stream can lose messages before they are read", "stream", l.Stream, "because", warning)
		}
		need := s.cfg.Longest() + s.cfg.Memory() + s.cfg.Join.Lateness.Std()
		if l.MaxAge > 0 && l.MaxAge < need {
			s.log.Warn("the stream drops messages that a rebuild of the state would need: a lost state cannot be rebuilt then",
				"stream", l.Stream, "max_age", l.MaxAge.String(), "needed", need.String())
		}
		inputs[i] = engine.Input{Name: l.Stream, Created: l.Created, First: l.First, Last: l.Last}
		for _, input := range l.Inputs {
			inputs[i].Kinds = append(inputs[i].Kinds, input.Kind)
		}
		inputs[i].Open = func(ctx context.Context, from joiner.Position) (engine.Source, error) {
			options := s.sourceOptions(l.Stream, need)
			declared, err := s.declared()
			if err != nil {
				return nil, err
			}
			options.Lost = declaredSpans(declared, l.Stream, from.Created, l.Created)
			source, err := jetstream.Open(ctx, s.nc, l, uint8(i), from, options)
			if err != nil {
				return nil, err
			}
			return source, nil
		}
	}
	return inputs, nil
}

// declared are the gaps that were declared.
func (s *service) declared() ([]joiner.Gap, error) {
	if s.gaps != nil || s.place == nil {
		return s.gaps, nil
	}
	return s.place.output.Declared()
}

// sourceOptions is how a stream is read that must keep messages for as long as keep.
func (s *service) sourceOptions(stream string, keep time.Duration) jetstream.Options {
	o := jetstream.Options{Log: s.log, Keep: keep, Trouble: func(why events.Hold) { s.holds.set("reading stream "+stream, why) }}
	if s.known != nil {
		o.Known, o.Heard = s.known.time, s.known.hasHeard
		o.Hold = func(why events.Hold) { s.holds.set("stream "+stream, why) }
	}
	return o
}

// close closes what was opened, last first.
func (s *service) close() error {
	var errs []error
	if s.web != nil {
		errs = append(errs, s.web.close())
	}
	if s.control != nil {
		errs = append(errs, s.control.close())
	}
	if s.unwatch != nil {
		s.unwatch()
		s.watching.Wait()
	}
	if s.place != nil {
		errs = append(errs, s.place.close())
	}
	if s.publisher != nil {
		errs = append(errs, s.publisher.Close())
	}
	if s.nc != nil {
		s.nc.Close()
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	return errors.Join(errs...)
}
