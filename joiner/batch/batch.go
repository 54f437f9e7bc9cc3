// Package batch joins logs that are there whole: a replay without a window buffer. All
// events of an id are known when it is decided, so nothing waits in a state; what does
// not fit into memory is read again, a share of the ids at a time.
package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// Source reads a log once, from its beginning. Next returns io.EOF at its end.
type Source interface {
	Next(ctx context.Context) (events.Batch, error)
	Close() error
}

// Recycler is a source that uses the memory of its batches again.
type Recycler interface {
	// Recycle takes a batch back of which nothing is used any more. It may be called while
	// Next runs.
	Recycle(b *events.Batch)
}

// Sink takes what is decided, in an order that depends on the logs alone.
type Sink interface {
	// Rows adds rows, at least one. They are only read during the call.
	Rows(rows *gathered.Rows) error
	// DeadLetter keeps an event that was rejected.
	DeadLetter(d *events.DeadLetter) error
}

// Options say what is joined, and how.
type Options struct {
	Rules    *joiner.Rules
	Decoders [events.Kinds]jsonevent.Decoder
	// Codecs read the messages of a feed, by events.Message.Feed; nil, and none, is
	// labeljoin's own format. A log may hold messages that have no event of its kind.
	Codecs []events.Codec
	// Limit is how many different outcomes of one id count; 0 is no bound.
	Limit int
	// Complete says that nothing is missing after the end of the logs.
	Complete bool
	// Open begins to read the log of a kind. It is called for each reading, and each
	// reading must give the same.
	Open [events.Kinds]func(ctx context.Context) (Source, error)
	// OpenIDs begins to read the requests where only their ids are wanted: an event may have
	// no more than that. They may come in parts, at most so many, each event in one; if a part cannot be read, they are
	// asked for as one. Nil: Open does.
	OpenIDs func(ctx context.Context, parts int) ([]Source, error)
	// Inputs are the names of the logs, for dead letters.
	Inputs [events.Kinds]string
	// From and To bound the times of the requests that Coverage counts: From included, To
	// not. Both 0: all count.
	From, To events.Time
	// Keep says which ids are joined; others are not even counted. Nil: all are.
	Keep func(id []byte) bool
	// Memory is about how many bytes of events are held at once; 0 is 512 MiB.
	Memory int64
	// Jobs is how many goroutines decode; 0 is as many as there are processors.
	Jobs int
	// Columns says that the sink takes features of rows that are alike from their columns: requests need not have them.
	Columns bool
	// Refused is told of every event that goes to the dead letters, and may change where
	// it was read. Nil: nothing is told.
	Refused func(*events.DeadLetter)
	// Advanced is told what is being done, and how many readings of the logs it takes in
	// all. Nil: nothing is told.
	Advanced func(Stage)
}

// Stage is what a join is doing.
type Stage struct {
	Kind     events.Kind // whose log is read
	Pass     int         // from 0 on
	Passes   int         // each reads the outcomes once and the requests twice
	Deciding bool        // rows are being decided
}

// Result is what a join has read and decided.
type Result struct {
	Ledger joiner.Ledger // without Rows and Unfit, which the output counts
	// First and Seen are the smallest and the largest time of a kind, heartbeats included;
	// MaxTime and MinTime if there is none.
	First, Seen [events.Kinds]events.Time
	MaxEvent    events.Time
	Passes      int
	// Outcomes and Orphans count the outcomes in order, and those of no request, by the
	// day (UTC, since 1970-01-01) of their time.
	Outcomes, Orphans map[int64]int64
	Coverage          Coverage
	Unknown           [events.Kinds]joiner.Fields // that nothing here knows, by kind of event
}

// DayOf is the day of a time, UTC, since 1970-01-01.
func DayOf(ts events.Time) int64 {
	const day = int64(24 * time.Hour)
	n := int64(ts) / day
	if int64(ts)%day < 0 {
		n--
	}
	return n
}

// errTooMuch says that a share of the ids does not fit into the memory.
var errTooMuch = errors.New("more passes are needed")

// maxPasses bounds how often the logs are read.
const maxPasses = 4096

// Run joins the logs. The rows are those that an engine gives that reads the same logs
// to their ends before anything closes.
func Run(ctx context.Context, o Options, sink Sink) (*Result, error) {
	if o.Memory <= 0 {
		o.Memory = 512 << 20
	}
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.From == 0 && o.To == 0 {
		o.From, o.To = events.MinTime, events.MaxTime
	}
	workers := newWorkers(&o)
	given, err := assignAll(ctx, &o, workers)
	if err != nil {
		return nil, err
	}
	for passes := 1; passes <= maxPasses; passes *= 2 {
		j := newJoin(&o, sink, passes, workers)
		if j.shares = given; given != nil {
			given.next = 0
		}
		err := j.run(ctx)
		if errors.Is(err, errTooMuch) {
			continue
		}
		if err != nil {
			return nil, err
		}
		j.result.Passes = passes
		j.heard()
		return j.result, nil
	}
	return nil, fmt.Errorf("a share of one in %d of the ids does not fit into %d bytes of memory: give it more",
		maxPasses, o.Memory)
}

// join is one attempt to join with a number of passes.
type join struct {
	o           *Options
	sink        Sink
	passes      int
	pass        int
	columns     bool // see columnsSuffice
	result      *Result
	letters     []events.DeadLetter // until it is certain that the memory suffices
	lettersSize int64
	passesFixed bool        // it is
	known       events.Time // of outcomes: what is stamped later is not known
	heartbeat   events.Time // the largest of the outcomes
	others      events.Time // the largest of outcomes of other parts, and of those that name no request

	shares   *shares // nil: every outcome names its request
	outcomes *table
	matches  *matches
	days     dayCounts // of Coverage.Requests
	apart    *apart
	workers  []*worker
}

func newJoin(o *Options, sink Sink, passes int, workers []*worker) *join {
	j := &join{o: o, sink: sink, passes: passes, workers: workers, result: newResult(), heartbeat: events.MinTime,
		others: events.MinTime}
	j.matches, j.columns = newMatches(o.Rules), j.columnsSuffice()
	j.days.counts = j.result.Coverage.Requests
	j.result.Coverage.Labels = make([]LabelCoverage, len(o.Rules.Labels))
	for _, w := range workers {
		w.j, w.types, w.unknown = j, nil, [events.Kinds]joiner.Fields{}
	}
	return j
}

func newResult() *Result {
	r := &Result{MaxEvent: events.MinTime, Outcomes: map[int64]int64{}, Orphans: map[int64]int64{}}
	r.Coverage.Requests = map[int64]int64{}
	for k := range r.Seen {
		r.First[k], r.Seen[k] = events.MaxTime, events.MinTime
	}
	return r
}

// newWorkers makes the workers of all attempts: a parser takes a megabyte.
func newWorkers(o *Options) []*worker {
	workers := make([]*worker, o.Jobs)
	for i := range workers {
		workers[i] = &worker{}
		for k := range workers[i].parsers {
			workers[i].parsers[k] = o.Decoders[k].NewParser()
		}
	}
	return workers
}

// run reads the logs once for each share of the ids.
func (j *join) run(ctx context.Context) error {
	for j.pass = range j.passes {
		requests, err := readAhead(ctx, j.o.Open[events.KindRequest])
		if err != nil {
			return err
		}
		if err = j.prepare(ctx); err == nil {
			err = j.flushLetters()
		}
		if err != nil {
			return errors.Join(err, requests.Close())
		}
		if err := j.readRequests(ctx, requests); err != nil {
			return err
		}
		if err := j.decideApart(); err != nil {
			return err
		}
		if err := j.orphans(); err != nil {
			return err
		}
	}
	return nil
}

// prepare reads the outcomes and, beside them, the ids of the requests: neither needs the other.
func (j *join) prepare(ctx context.Context) error {
	group, reading := errgroup.WithContext(ctx)
	var ids hashes
	j.outcomes = &table{}
	group.Go(func() error {
		j.advance(events.KindOutcome, false)
		if err := j.readOutcomes(reading); err != nil {
			return err
		}
		j.advance(events.KindRequest, false)
		return j.limit(reading)
	})
	group.Go(func() error { return j.readIDs(reading, &ids) })
	if err := group.Wait(); err != nil {
		return err
	}
	if err := j.fits(&ids); err != nil {
		return err
	}
	j.apart = &apart{ids: ids.several(len(j.workers))}
	if j.first() {
		j.known = max(j.result.Seen[events.KindOutcome], j.others)
		if j.o.Complete {
			j.known = events.MaxTime
		}
	}
	return nil
}

// flushLetters hands over what was held back while the number of passes was open.
func (j *join) flushLetters() error {
	j.passesFixed = true
	for i := range j.letters {
		if err := j.deliver(&j.letters[i]); err != nil {
			return err
		}
	}
	j.letters = nil
	return nil
}

// first reports whether events are read for the first time: then they are counted.
func (j *join) first() bool { return j.pass == 0 }

// mine reports whether an id belongs to the pass.
func (j *join) mine(hash uint64) bool { return j.passes == 1 || int(hash%uint64(j.passes)) == j.pass }

// advance tells what is being done.
func (j *join) advance(k events.Kind, deciding bool) {
	if j.o.Advanced != nil {
		j.o.Advanced(Stage{Kind: k, Pass: j.pass, Passes: j.passes, Deciding: deciding})
	}
}

func (j *join) tally(k events.Kind) *joiner.Tally { return &j.result.Ledger.Kinds[k] }

// reject keeps an event that could not be read. The order is that of the log.
func (j *join) reject(k events.Kind, at events.Origin, data []byte, reason, detail string) error {
	j.tally(k).Disposed[joiner.DispositionRejected]++
	d := events.DeadLetter{
		Origin: at, Input: j.o.Inputs[k], Kind: k, Reason: reason, Detail: detail, Stored: events.MinTime, Data: data,
	}
	if j.passesFixed {
		return j.deliver(&d)
	}
	if j.lettersSize += int64(len(data)) + 200; j.lettersSize > j.o.Memory {
		d.Data = nil // a log of nothing else: what is wrong with it is known by now
	}
	d.Data = bytes.Clone(d.Data) // events share what is allocated
	j.letters = append(j.letters, d)
	return nil
}

func (j *join) deliver(d *events.DeadLetter) error {
	if j.o.Refused != nil {
		j.o.Refused(d)
	}
	return j.sink.DeadLetter(d)
}

// observe moves the clock of a kind.
func (j *join) observe(k events.Kind, ts events.Time) {
	j.result.First[k], j.result.Seen[k] = min(j.result.First[k], ts), max(j.result.Seen[k], ts)
}
