package engine

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Options is what an engine is made of.
type Options struct {
	Name      string       // of the joiner; part of the label stream's message ids
	Rules     joiner.Rules // Gaps are those of a replay; live, they are declared
	RulesHash string       // identifies the configuration that decides rows
	Inputs    []Input
	Decoders  [events.Kinds]jsonevent.Decoder

	// MaxFuture and MaxAge bound how far an event may be stamped ahead of and
	// behind the broker's time of its message; 0 is no bound.
	MaxFuture, MaxAge time.Duration
	// HeartbeatRequired kinds are moved by events and heartbeats only, in every feed.
	HeartbeatRequired [events.Kinds]bool
	// OutcomesPerRequest is how many outcomes of one id are held; the rest are
	// rejected. 0 is no bound.
	OutcomesPerRequest int
	// Producer is the attribute of outcomes that says who brought them: those that find no request are
	// counted by it. Empty: there is none.
	Producer string

	// DayAfter is how long after the end of a UTC day, by what has closed, a commit says that the day
	// is over, even if there are no rows to write: then an export of the day is due. 0: none is.
	DayAfter time.Duration

	Replay    *Replay // not nil: the inputs end, and are read whole before anything closes
	Roll      Roll
	Store     Store
	Output    Output
	Publisher Publisher // nil: no label stream
	// Paused tells which kinds are not to be read now, for want of room; nil: none
	// ever is. While all are held nothing is committed either, but for a commit
	// under way. It is asked often, so it must be quick.
	Paused func() [events.Kinds]bool
	// Away tells that the output cannot be reached now, so that a commit takes as long as
	// that. Reading goes on meanwhile, as far as Paused lets it, instead of waiting for the
	// commit. It is asked often, so it must be quick. nil: it is never away.
	Away func() bool
	// Refused is told of every event that goes to the dead letters, by Run's
	// goroutine. It may change Input and Origin, which say where the event was
	// read. nil: nothing is told.
	Refused func(*events.DeadLetter)

	Log   *slog.Logger
	Nonce func() string // a new random string for every commit, and for the start
}

// Input is one log to read.
type Input struct {
	Name    string        // the stream's or file's
	Created events.Time   // when the stream was created; 0 if that means nothing
	First   uint64        // sequence of the first message it still holds; 0 is 1
	Last    uint64        // sequence of its newest message when it was found; 0 if that is not known
	Kinds   []events.Kind // which kinds it carries
	// Feeds are the inputs of the configuration that it holds, in the order that
	// Message.Feed counts in; nil: one feed in labeljoin's own format.
	Feeds []Feed
	// Open starts reading at a position.
	Open func(ctx context.Context, from events.Position) (Source, error)

	retired bool // see Retired
}

// Feed is one input of the configuration, as far as one log holds it.
type Feed struct {
	Name  string        // of the input; with that of the log it is in no other feed
	Kinds []events.Kind // which kinds of events it may bring
	// HeartbeatRequired says that its silence proves nothing.
	HeartbeatRequired bool
	Codec             events.Codec // nil: labeljoin's own format
}

// Roll says when what has closed is committed.
type Roll struct {
	Interval time.Duration // since the first uncommitted row was noticed
	Rows     int64         // after so many requests were read; 0 is no bound
	Bytes    int64         // after so many bytes were read; 0 is no bound
}

// Replay says how a log that ends is joined.
type Replay struct {
	Complete bool // nothing is missing after its end: windows that reach past it count as whole
	// Check is asked when the logs are read whole, before anything closes: its
	// error ends the replay, and nothing is written. nil: nothing is checked.
	Check func(*joiner.Ledger) error
}

// Engine joins the logs of one partition.
type Engine struct {
	o          Options
	rules      *joiner.Rules
	checkpoint state.Checkpoint
	mode       mode
	// lacking: what a rebuild reads lacks messages that are declared lost.
	lacking bool
	// recovered says that recovery is done.
	recovered bool

	machine joiner.Machine
	at      timed                    // how far time has come, as of the event before
	pace    *pace                    // of a rebuild
	alone   joiner.Entry             // scratch: one of which nothing is held
	hot     map[string]*joiner.Entry // by id: requests with many outcomes, see stepHot
	attr    *attributing             // nil: every outcome names its request

	parsers   [events.Kinds]*jsonevent.Parser
	first     []int          // by input: the place of its first feed among all feeds
	found     []joiner.Found // scratch, see find
	stored    int            // of an id, scratch, see find
	decoded   events.Outcome // scratch
	labels    labelStream    // what is to be published before the batch is applied
	events    int            // folded since the batch was applied
	unapplied bool           // the batch has something, if only that time has passed

	forgettable        events.Time     // requests stamped before it are needed no more, and dropped bit by bit
	volume             Roll            // read since the last cut: Rows and Bytes
	gapsCheckedAt      time.Time       // when declared gaps were last looked for
	unread             string          // why they could not be read; said once
	syncedAt           time.Time       // what was applied by then is durable
	firstUncommittedAt time.Time       // when the first uncommitted row was noticed; zero: none
	inflight           *inflightCommit // the commit being staged, if any
	publishing         *publishing     // of what has closed, if there is any
	deciders           [2]*decider     // of their goroutines; nil until they are needed
	onCommit           func(Stats)     // told after every commit
	inspections        chan inspection // asked from outside
	arrived            chan struct{}   // signalled when a source has said something
	open               []chan delivery // scratch
	stats              atomic.Pointer[Stats]

	quarantine           Quarantine // since the start
	quarantineReported   int64      // of those, this many were told of in the log
	quarantineReportedAt time.Time  // when; zero: never

	sighted  sighted                              // of events, for people
	noted    map[orphanSource]*joiner.OrphanCount // since the batch was applied
	measures *Measures                            // as of the commit finished last; replaced, never changed
}

// Stats is what there is to say about an engine's progress, as of the batch
// applied last. It is not changed any more.
type Stats struct {
	Joining   bool // it has recovered and folds what the sources bring
	Progress  joiner.Progress
	Watermark events.Time
	Sources   [events.Kinds]events.Time // the watermark of each
	Committed events.Time               // requests stamped before it are in a commit
	Measures  Measures
	Sightings *Sightings // of events; nil: of no engine that runs
	Aside     Quarantine
	// Attribution is how outcomes that name no request stand; nil: the rules have none.
	Attribution *AttributionStats
}

// New returns an engine over an opened store and output. Run does the rest.
func New(o Options) *Engine {
	e := &Engine{o: o, onCommit: func(Stats) {}, inspections: make(chan inspection), arrived: make(chan struct{}, 1),
		forgettable: events.MinTime, noted: map[orphanSource]*joiner.OrphanCount{}}
	begins := modeLive
	if o.Replay != nil {
		begins = modeReplay
	}
	e.o.Rules = rulesOf(begins, o.Rules)
	e.rules = &e.o.Rules
	e.machine = joiner.Machine{Rules: e.rules, Decoders: &e.o.Decoders, Outcomes: o.OutcomesPerRequest,
		Watched: o.Publisher != nil}
	for k := range e.parsers {
		e.parsers[k] = e.o.Decoders[k].NewParser()
	}
	e.countFeeds()
	e.attr = newAttributing(e.rules.Attribute)
	e.labels = labelStream{name: o.Name, rules: e.rules}
	e.labels.reset()
	e.enter(begins)
	e.measures = newMeasures(len(o.Rules.Labels))
	e.sighted.now.Faults, e.sighted.now.Labels = newFaults(o.Rules.Labels), newLabelSights(o.Rules.Labels)
	e.stats.Store(&Stats{Measures: *e.measures, Watermark: events.MinTime, Committed: events.MinTime,
		Sources: [events.Kinds]events.Time{events.MinTime, events.MinTime}})
	return e
}

// OnCommit sets a function to call after every commit, from Run's goroutine.
func (e *Engine) OnCommit(f func(Stats)) { e.onCommit = f }

// ledger is the books being kept.
func (e *Engine) ledger() *joiner.Ledger { return &e.checkpoint.Progress.Ledger }

func (e *Engine) tally(k events.Kind) *joiner.Tally { return &e.ledger().Kinds[k] }

// dispose books the end of an event that never was pending.
func (e *Engine) dispose(k events.Kind, d joiner.Disposition) { e.tally(k).Disposed[d]++ }

// reads reports whether the logs are to be read whole before anything closes. A replay
// that had read them before a restart is done with that.
func (e *Engine) reads() bool {
	return !e.mode.closes() && e.checkpoint.Progress.ClosedThrough < events.MaxTime
}

// watermark is what the clock says now, or nothing at all where nothing closes.
func (e *Engine) watermark() events.Time {
	if e.reads() {
		return events.MinTime
	}
	return e.checkpoint.Progress.Watermark(e.rules.Lateness)
}

// flush publishes what the batch decided and applies it. The order matters: a
// state that knows of a label must not survive a crash that the label did not.
func (e *Engine) flush(ctx context.Context, sync bool) error {
	if err := e.publish(ctx); err != nil {
		return err
	}
	e.advance()
	e.endAnew()
	e.bookNoted()
	e.events, e.unapplied = 0, false
	if err := e.o.Store.Apply(&e.checkpoint, sync); err != nil {
		return err
	}
	e.publishStats()
	return nil
}

// publishStats makes the engine's standing known to Stats.
func (e *Engine) publishStats() {
	s := Stats{Joining: e.recovered, Progress: e.checkpoint.Progress, Watermark: e.watermark(),
		Committed: e.checkpoint.Committed,
		Measures:  *e.measures, Aside: e.quarantine, Sightings: e.sighted.latest()}
	s.Progress.Inputs, s.Progress.Clock = slices.Clone(s.Progress.Inputs), s.Progress.Clock.Clone()
	s.Progress.Guard = s.Progress.Guard.Header()
	s.Attribution = e.attr.stats()
	for k := range s.Sources {
		s.Sources[k] = s.Progress.Clock.Source(events.Kind(k), e.rules.Lateness)
	}
	e.stats.Store(&s)
}

// Stats is how the engine stands. It may be called from any goroutine.
func (e *Engine) Stats() Stats { return *e.stats.Load() }

// advance moves the bound of what has closed. It never goes back, whatever a
// changed configuration makes of the watermark.
func (e *Engine) advance() {
	p := &e.checkpoint.Progress
	p.ClosedThrough = max(p.ClosedThrough, e.rules.ClosedThrough(e.watermark()))
	if e.labels.disabled {
		p.PublishedThrough = p.ClosedThrough // a label stream begins when it is configured
		return
	}
	p.Advance(e.rules, e.watermark())
}

// flushIfDirty applies the batch if it writes this id already, so that reads see what it
// holds. It is called before an event has any effect: a batch that is applied in the middle
// of an event would hold half of it.
func (e *Engine) flushIfDirty(ctx context.Context, id string) error {
	if !e.o.Store.Dirty(id) {
		return nil
	}
	return e.flush(ctx, false)
}
