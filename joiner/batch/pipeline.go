package batch

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

// each reads a log once: workers make something of its batches side by side, and consume
// is given what they made in the order of the log. It keeps nothing of the batch.
//
// A worker reads the batch that it works on, and hands over what it made of it if that is next, so that a batch mostly
// stays with one processor. Read, work and consume of different batches run beside each other; neither read nor
// consume does beside itself.
func each[T any](ctx context.Context, j *join, open func(context.Context) (Source, error),
	work func(*worker, *events.Batch) T, consume func(T) error) (err error) {
	source, err := open(ctx)
	if err != nil {
		return err
	}
	return eachOf(ctx, j, []Source{source}, work, consume)
}

// eachOf is each for a log that comes in parts, which it closes. They are read beside each other: the order is that of
// a part, and consume is given what was made of different parts at the same time.
func eachOf[T any](ctx context.Context, j *join, parts []Source,
	work func(*worker, *events.Batch) T, consume func(T) error) (err error) {
	batches := make([]*turns[T], len(parts))
	for i, source := range parts {
		defer func() { err = errors.Join(err, source.Close()) }()
		batches[i] = newTurns(source, inFlight(j.workers), consume)
	}
	group, reading := errgroup.WithContext(ctx)
	for first, w := range j.workers {
		group.Go(func() error {
			for i := range batches { // each begins with another part, and helps with the rest
				next := batches[(first+i)%len(batches)]
				if err := next.run(reading, func(b *events.Batch) T { return work(w, b) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// inFlight is how many batches are on their way at once.
func inFlight(workers []*worker) int { return 2 * len(workers) }

// ahead is a source whose first batch is read before it is asked for: a log may take its time to open.
type ahead struct {
	Source
	first chan fetched // nil: it was taken
}

type fetched struct {
	batch events.Batch
	err   error
}

// readAhead opens a source, and begins to read it.
func readAhead(ctx context.Context, open func(context.Context) (Source, error)) (*ahead, error) {
	source, err := open(ctx)
	if err != nil {
		return nil, err
	}
	a := &ahead{Source: source, first: make(chan fetched, 1)}
	go func(first chan<- fetched) { // ended by Next or Close
		batch, err := source.Next(ctx)
		first <- fetched{batch, err}
	}(a.first)
	return a, nil
}

// Next implements Source.
func (a *ahead) Next(ctx context.Context) (events.Batch, error) {
	if a.first == nil {
		return a.Source.Next(ctx)
	}
	f := <-a.first
	a.first = nil
	return f.batch, f.err
}

// Recycle implements Recycler.
func (a *ahead) Recycle(b *events.Batch) {
	if r, ok := a.Source.(Recycler); ok {
		r.Recycle(b)
	}
}

// Close implements Source.
func (a *ahead) Close() error {
	if a.first != nil {
		<-a.first
	}
	return a.Source.Close()
}

// worker decodes, the events of each kind in one goroutine.
type worker struct {
	j       *join
	parsers [events.Kinds]*jsonevent.Parser
	stored  []holding
	text    []byte   // of the outcomes of the batch at hand, or what follows it
	types   []string // of outcomes that were looked at, see match
	unknown [events.Kinds]joiner.Fields
}

// fields counts the fields of an event that nothing here knows, of which there are so many: those
// of the parser and, unless made is nil, those that a codec has left.
func (w *worker) fields(k events.Kind, parsed int, made *events.Decoded) {
	if !w.j.first() {
		return
	}
	if parsed > 0 {
		w.unknown[k].AddAll(parsed, w.parsers[k].UnknownNames())
	}
	if made != nil && made.Unused > 0 {
		w.unknown[k].AddAll(made.Unused, made.Left)
	}
}

// pieces calls visit with the events of a kind that a message holds. Of one that a codec
// reads, made is what it made; data is the event or, of a record that is none, the record.
func (w *worker) pieces(k events.Kind, m *events.Message,
	visit func(at events.Origin, data []byte, made *events.Decoded)) {
	if int(m.Feed) < len(w.j.o.Codecs) && w.j.o.Codecs[m.Feed] != nil {
		w.j.o.Codecs[m.Feed].Decode(m, func(index uint32, d events.Decoded) bool {
			at := events.Origin{Input: m.Input, Seq: m.Seq, Index: index}
			switch {
			case d.Kind != k:
			case d.Reject != nil:
				visit(at, d.Record, &d)
			default:
				visit(at, d.Data, &d)
			}
			return true
		})
		return
	}
	for index, data := range w.j.o.Decoders[k].Split(m.Data) {
		visit(events.Origin{Input: m.Input, Seq: m.Seq, Index: index}, data, nil)
	}
}

// letterOf is what the dead letters keep of an event: the record that it was made of.
func letterOf(data []byte, made *events.Decoded) []byte {
	if made != nil {
		return made.Record
	}
	return data
}
