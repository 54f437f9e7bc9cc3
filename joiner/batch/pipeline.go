package batch

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// each reads a log once: workers make something of its batches side by side, and take
// is given what they made in the order of the log. It keeps nothing of the batch.
func each[T any](ctx context.Context, j *join, open func(context.Context) (Source, error),
	work func(*worker, *events.Batch) T, consume func(T) error) (err error) {
	source, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	recycler, recycles := source.(Recycler)
	type task struct {
		batch events.Batch
		made  chan T
	}
	group, reading := errgroup.WithContext(ctx)
	todo, order := make(chan task, len(j.workers)), make(chan task, 2*len(j.workers))
	group.Go(func() error {
		defer close(todo)
		defer close(order)
		for {
			batch, err := source.Next(reading)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			t := task{batch: batch, made: make(chan T, 1)}
			for _, to := range []chan task{order, todo} {
				select {
				case to <- t:
				case <-reading.Done():
					return reading.Err()
				}
			}
		}
	})
	for _, w := range j.workers {
		group.Go(func() error {
			for t := range todo {
				t.made <- work(w, &t.batch)
			}
			return nil
		})
	}
	group.Go(func() error {
		for t := range order {
			select {
			case made := <-t.made:
				if err := consume(made); err != nil {
					return err
				}
				if recycles {
					recycler.Recycle(&t.batch)
				}
			case <-reading.Done():
				return reading.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// worker decodes, the events of each kind in one goroutine.
type worker struct {
	j       *join
	parsers [events.Kinds]*jsonevent.Parser
	stored  []holding
	types   []string // of outcomes that were looked at, see match
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
