package partition

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// RunLive joins until ctx ends. Pages makes the pages that show values of events; nil: there are none.
func RunLive(ctx context.Context, cfg *config.Config, log *slog.Logger, pages Pages) error {
	s := Service{Config: cfg, Log: log, Pages: pages}
	err := errors.Join(s.Run(ctx), s.Close())
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// Pages makes the pages of a running joiner that show values of events.
type Pages func(Sources) (monitor.Pages, error)

// Sources is where pages look.
type Sources struct {
	Config *config.Config
	ID     ID // which partition of the joiner they show
	Log    *slog.Logger
	// Conn is nil until there is a connection.
	Conn    func() *nats.Conn
	Refused *monitor.Refused
	Labels  *alarms.Follower // nil: no labels are looked at
}

// Service is a running joiner and what it has opened, in order of opening.
type Service struct {
	Config    *config.Config
	ID        ID // which partition of the joiner it is
	Log       *slog.Logger
	Ephemeral bool              // an embedded server need not survive a power failure
	Server    *jetstream.Server // nil unless embedded
	Conn      *nats.Conn
	publisher *jetstream.Publisher // nil without a label stream
	Partition *Partition
	rows      bucket.Bucket // where the output is
	disks     *diskspace.Disks
	watching  sync.WaitGroup     // of the disks
	unwatch   context.CancelFunc // nil until they are watched
	web       *monitor.Web       // nil unless it listens
	control   *monitor.Control   // answers the other commands
	Gaps      []events.Gap       // declared; nil: those of the output
	Before    []events.Position  // how far the streams were read, where there is no Partition
	Pages     Pages              // nil: there are none
	OnCommit  func(engine.Stats) // called after every commit; nil: it is not called
	holds     monitor.Holds
	lag       monitor.Lag
	markers   monitor.Markers
	engine    atomic.Pointer[engine.Engine] // one that has read nothing until it joins
	options   engine.Options                // of the engine, but what needs a connection
	// What those may look at who ask while it is being opened.
	conn    atomic.Pointer[nats.Conn]
	sending atomic.Pointer[jetstream.Publisher]
	found   atomic.Bool      // the streams
	daily   *exports.Daily   // nil: none are configured
	away    atomic.Bool      // the object store of the output does not answer
	labels  *alarms.Follower // nil: no labels are looked at
	refused *monitor.Refused // what was rejected; nil until it is opened
	known   *known           // nil: it is not a joiner that reads
	// Events by HTTP; nil: none are taken.
	ingest    *ingest.Server
	appender  *jetstream.Appender // nil until the streams are found
	unfollow  func() bool         // ends that ingest drains with the context
	ingesting atomic.Bool         // the log to store them in is there
}

// Run opens the partition, connects, and joins until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.Connect(ctx); err != nil {
		return stopped(ctx, err)
	}
	return s.Join(ctx)
}

// open opens the partition, and begins to answer those who ask: NATS may be away for
// long.
func (s *Service) open(ctx context.Context) error {
	rules, err := wire.Rules(s.Config)
	if err != nil {
		return err
	}
	if err := MakeDir(s.Config.State.Dir); err != nil {
		return err
	}
	if s.holds.Log == nil {
		s.holds.Log = s.Log
	}
	s.watchDisks(ctx)
	if s.rows, err = s.openRows(ctx); err != nil {
		return err
	}
	if s.Partition, err = s.openPlace(&rules); err != nil {
		return err
	}
	s.watchDeclared(ctx)
	if s.options, err = EngineOptions(s.Config, rules, s.Partition, s.Log); err != nil {
		return err
	}
	if s.daily, err = exports.NewDaily(s.Config, s.ID.Number, s.Log); err != nil {
		return err
	}
	s.labels = alarms.New(s.Config, s.ID.Number, s.Log)
	s.refused = monitor.NewRefused(s.Config, s.Log)
	s.options.Refused, s.options.Away = s.refused.Add, s.away.Load
	s.engine.Store(engine.New(s.options)) // it has read nothing, and is asked until there is the one that joins
	s.disks.SetTarget(s.Partition.Store.DiskBytes, s.stats, false)
	if s.control, err = monitor.ServeControl(s.ID.socketDir(s.Config.State.Dir), s.Config.Name, s.engine.Load, s.tell,
		s.lastSeq,
		s.Log); err != nil {
		return err
	}
	if err := s.openIngest(ctx); err != nil {
		return err
	}
	if address := s.Config.HTTP.Listen; address != "" {
		o := s.observe()
		if s.Pages != nil {
			if o.Pages, err = s.Pages(Sources{s.Config, s.ID, s.Log, s.conn.Load, s.refused, s.labels}); err != nil {
				return err
			}
		}
		if s.web, err = monitor.Serve(address, s.Config.Name, s.stats, s.Log, o); err != nil {
			return err
		}
	}
	return nil
}

// stats is how the engine stands.
func (s *Service) stats() engine.Stats { return s.engine.Load().Stats() }

// Join joins until ctx ends. It needs a connection.
func (s *Service) Join(ctx context.Context) error {
	defer TuneGC()()
	if s.Partition == nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	inputs, err := s.Inputs(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	if s.Server != nil {
		s.disks.SetRevive(s.Server.Revive)
	}
	o := s.options
	o.Inputs, o.Paused = inputs, s.disks.Paused
	if s.publisher != nil {
		if err := s.publisher.Spool(filepath.Join(s.ID.socketDir(s.Config.State.Dir), spoolName)); err != nil {
			return err
		}
		o.Publisher = s.publisher
		s.sending.Store(s.publisher)
	}
	s.found.Store(true)
	s.Log.Info("joining", "name", s.Config.Name, "labels", len(o.Rules.Labels), "window", o.Rules.Longest().String(),
		"output", s.Config.Output.Dir)
	e := engine.New(o)
	e.OnCommit(func(now engine.Stats) {
		s.labels.Committed()
		if s.OnCommit != nil {
			s.OnCommit(now)
		}
	})
	s.known = knownAt(s.Config, s.Partition, e.Stats)
	telling, tell := context.WithCancel(context.WithoutCancel(ctx))
	defer tell()
	s.watching.Go(func() { s.refused.Watch(telling) }) // ended with this function
	if s.daily != nil {
		s.watching.Go(func() { s.daily.Watch(telling) }) // likewise
	}
	if s.labels != nil {
		s.labels.Publish = s.sendAlarm
		s.watching.Go(func() { s.labels.Watch(telling) }) // likewise
	}
	if c := exports.NewCompactor(s.Config, s.ID.Number, s.Log); c != nil {
		s.watching.Go(func() { c.Watch(telling) }) // likewise
	}
	s.disks.SetTarget(s.Partition.Store.DiskBytes, e.Stats, len(inputs) == 1)
	s.engine.Store(e)
	s.measureLag(inputs)
	return stopped(ctx, e.Run(ctx))
}

// spoolName is the file in the state directory in which labels wait that the label
// stream does not take.
const spoolName = "labels.spool"

// measureLag asks NATS now and then where the streams end, until close.
func (s *Service) measureLag(inputs []engine.Input) {
	asking, cancel := context.WithCancel(context.Background())
	unwatch := s.unwatch
	s.unwatch = func() { cancel(); unwatch() }
	s.watching.Go(func() { s.lag.Watch(asking, s.Conn, inputs) })                                // ended by close
	s.watching.Go(func() { s.holds.WatchInputs(asking, s.stats, s.Config.Join.Lateness.Std()) }) // likewise
}

// observe makes what the joiner shows of itself.
func (s *Service) observe() monitor.Observer {
	c := monitor.NewRunCollector(s.Config.Name)
	c.Stats, c.Disks, c.State, c.Behind = s.stats, s.disks, s.Partition.Store.Metrics, s.lag.Behind
	for i := range s.Config.Labels {
		c.Labels = append(c.Labels, s.Config.Labels[i].Name)
	}
	c.Daily, c.Ingest, c.Alarms = s.daily, s.ingest, s.labels
	c.Waits, c.Notes, c.Unsent = s.waits, s.Partition.Output.FeatureNotes, s.unsent
	c.Markers = s.markers.Counts
	told := func(stats *engine.Stats, to *monitor.Status) {
		s.tell(stats, to)
		to.Behind(s.lag.Behind(*stats))
	}
	days := func(ctx context.Context) ([]shards.ListedDay, error) { return exports.Days(ctx, s.Config, s.ID.Number) }
	return monitor.Observer{Collector: c, Waits: s.waits, Tell: told, Days: days}
}

// tell adds to a status what the engine does not know.
func (s *Service) tell(stats *engine.Stats, to *monitor.Status) {
	to.Waits, to.DeadLetters = s.waits(stats), s.refused.Status()
	to.Features = monitor.FeatureStatusOf(s.Partition.Output.FeatureNotes())
	oldest, known := monitor.NextClose(s.engine.Load(), stats)
	to.AddClosing(stats, s.Config, oldest, known)
	to.AddSources(stats, s.Config.Join.Lateness.Std())
	to.Exports, to.Labels = s.daily.Status(), s.labels.Status()
	to.Ingest, to.Markers = monitor.IngestStatusOf(s.ingest), s.markers.Counts()
}

// sendAlarm publishes an alarm. A stream that holds the subject keeps one of several with the same id.
func (s *Service) sendAlarm(subject, id string, data []byte) error {
	m := nats.NewMsg(subject)
	m.Header.Set(nats.MsgIdHdr, id)
	m.Data = data
	return s.Conn.PublishMsg(m)
}

// waits lists everything that is held.
func (s *Service) waits(stats *engine.Stats) []monitor.Wait {
	list := s.holds.List(stats, s.disks.Short())
	if why := s.natsAway(); why != "" {
		list = append([]monitor.Wait{{What: "reading", Reason: monitor.HoldByNATS, Detail: why}}, list...)
	}
	return list
}

// unsent is how many labels wait to be sent, and how many were left out.
func (s *Service) unsent() (waiting int, skipped int64) {
	p := s.sending.Load()
	if p == nil {
		return 0, 0
	}
	return p.Waiting(), p.Skipped()
}

// watchDisks looks at the room on the disks from here on, until close.
func (s *Service) watchDisks(ctx context.Context) {
	s.disks = diskspace.NewDisks(ctx, vfs.Default, s.Config, s.Log)
	s.disks.Look() // before anything is written
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.unwatch = cancel
	s.watching.Go(func() { s.disks.Watch(watching) }) // ended by close
}

// lastSeq asks for the sequence of a stream's newest message.
func (s *Service) lastSeq(ctx context.Context, stream string) (uint64, error) {
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

// Logs finds the streams.
func (s *Service) Logs(ctx context.Context) ([]jetstream.Log, error) {
	wanted, err := s.StreamInputs()
	if err != nil {
		return nil, err
	}
	logs, err := jetstream.Find(ctx, s.Conn, wanted)
	before := engine.InputNames(s.readBefore())
	if none := (*jetstream.NoStreamError)(nil); errors.As(err, &none) {
		none.Read = before
	}
	if err != nil {
		return nil, err
	}
	s.logNew(logs)
	return wire.InOrder(logs, before), nil
}

// logNew says which streams were created, and where: a person may have expected them to be
// there, as one does who has connected to a leaf node and not to its hub.
func (s *Service) logNew(logs []jetstream.Log) {
	for i := range logs {
		if l := &logs[i]; l.New {
			s.Log.Info("no stream held the subject: one was created", "stream", l.Stream, "subjects", l.Intakes[0].Subjects,
				"server", s.Conn.ConnectedServerName())
		}
	}
}

// readBefore is how far the streams were read, in the order in which positions count.
func (s *Service) readBefore() []events.Position {
	if s.Partition == nil {
		return s.Before
	}
	at := s.Partition.Store.Progress().Progress.Inputs
	if cut, _, ok := s.Partition.Output.Last(); ok && len(at) == 0 {
		at = cut.Progress.Inputs
	}
	return at
}

// StreamInputs is what the configuration says of the streams.
func (s *Service) StreamInputs() ([]jetstream.Input, error) {
	feeds, err := wire.Feeds(s.Config)
	if err != nil {
		return nil, err
	}
	return wire.Subjects(s.Config, feeds, s.Config.Inputs.Create || s.Config.NATS.Embedded), nil
}

// Inputs finds the streams and how to read them.
func (s *Service) Inputs(ctx context.Context) ([]engine.Input, error) {
	feeds, err := wire.Feeds(s.Config)
	if err != nil {
		return nil, err
	}
	logs, err := s.Logs(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.declareBeginning(ctx, logs); err != nil {
		return nil, err
	}
	if err := s.feedIngest(logs); err != nil {
		return nil, err
	}
	inputs, err := s.withRetired(wire.Inputs(logs, feeds))
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		i := slices.IndexFunc(inputs, func(in engine.Input) bool { return in.Name == l.Stream })
		for _, warning := range l.Warnings {
			s.Log.Warn("the stream can lose messages before they are read", "stream", l.Stream, "because", warning)
		}
		need := s.Config.Longest() + s.Config.Retention() + s.Config.Join.Lateness.Std()
		if l.MaxAge > 0 && l.MaxAge < need {
			s.Log.Warn("the stream drops messages that a rebuild of the state would need: a lost state cannot be rebuilt then",
				"stream", l.Stream, "max_age", l.MaxAge.String(), "needed", need.String())
		}
		inputs[i].Open = func(ctx context.Context, from events.Position) (engine.Source, error) {
			options := s.sourceOptions(l.Stream, need)
			declared, err := s.declared()
			if err != nil {
				return nil, err
			}
			options.Lost = DeclaredSpans(declared, l.Stream, from.Created, l.Created)
			source, err := jetstream.Open(ctx, s.Conn, l, uint8(i), from, options)
			if err != nil {
				return nil, err
			}
			return source, nil
		}
	}
	return inputs, nil
}

// declared are the gaps that were declared.
func (s *Service) declared() ([]events.Gap, error) {
	if s.Gaps != nil || s.Partition == nil {
		return s.Gaps, nil
	}
	return s.Partition.Output.Declared()
}

// sourceOptions is how a stream is read that must keep messages for as long as keep.
func (s *Service) sourceOptions(stream string, keep time.Duration) jetstream.Options {
	o := jetstream.Options{Log: s.Log, Keep: keep, Trouble: func(why events.Hold) {
		s.holds.Set("reading stream "+stream,
			why)
	}, Marker: func() { s.markers.Add(stream) }}
	if s.known != nil {
		o.Known = s.known.time
		o.Heard = func(in *jetstream.Input) bool { return s.known.hasHeard(in.Name, stream, in.Kind) }
		o.Hold = func(why events.Hold) { s.holds.Set("stream "+stream, why) }
	}
	return o
}

// Close closes what was opened, last first.
func (s *Service) Close() error {
	errs := []error{s.closeIngest()} // it needs all that is closed below
	if s.web != nil {
		errs = append(errs, s.web.Close())
	}
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	if s.unwatch != nil {
		s.unwatch()
		s.watching.Wait()
	}
	if s.Partition != nil {
		errs = append(errs, s.Partition.Close())
	}
	if s.publisher != nil {
		errs = append(errs, s.publisher.Close())
	}
	if s.Conn != nil {
		s.Conn.Close()
	}
	if s.Server != nil {
		errs = append(errs, s.Server.Close())
	}
	return errors.Join(errs...)
}
