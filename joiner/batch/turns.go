package batch

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/labeljoin/labeljoin/events"
)

// turns are the batches of a log that is being read, in their order. Workers take part in it side by side.
//
// The batch that is next to be consumed is being worked on, or its worker is consuming: a worker waits only before it
// reads, for a place among those that may be on their way, and then it holds no batch. So the next one always comes.
type turns[T any] struct {
	source  Source
	consume func(T) error
	most    int // batches on their way: read, and not consumed

	reading sync.Mutex // held while a batch is read
	ended   bool       // guarded by reading: there is none after

	mu       sync.Mutex      // guards what follows
	changed  sync.Cond       // a batch was consumed, or the reading failed
	read     int             // batches
	consumed int             // batches
	made     map[int]made[T] // by the number of its batch
	failed   bool
}

// made is what was made of a batch.
type made[T any] struct {
	batch events.Batch
	of    T
}

func newTurns[T any](source Source, most int, consume func(T) error) *turns[T] {
	t := &turns[T]{source: source, consume: consume, most: most, made: map[int]made[T]{}}
	t.changed.L = &t.mu
	return t
}

// run works on batches until there are no more. After an error of any worker all of them end.
func (t *turns[T]) run(ctx context.Context, work func(*events.Batch) T) error {
	for {
		number, m, err := t.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			m.of = work(&m.batch)
			err = t.handOver(number, m)
		}
		if err != nil {
			t.fail()
			return err
		}
	}
}

// next reads a batch, once there is room for it. It gives io.EOF if none is to be read any more.
func (t *turns[T]) next(ctx context.Context) (number int, m made[T], err error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	if t.ended || !t.room() {
		return 0, m, io.EOF
	}
	if m.batch, err = t.source.Next(ctx); err != nil {
		t.ended = true
		return 0, m, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read++
	return t.read - 1, m, nil
}

// room waits until another batch may be on its way. It is false if the reading failed.
func (t *turns[T]) room() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.read-t.consumed >= t.most && !t.failed {
		t.changed.Wait()
	}
	return !t.failed
}

// handOver has what was made of a batch consumed, by this worker or by the one that is consuming.
func (t *turns[T]) handOver(number int, m made[T]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made[number] = m
	for !t.failed {
		m, ok := t.made[t.consumed] // it is not there while it is being consumed
		if !ok {
			break
		}
		delete(t.made, t.consumed)
		t.mu.Unlock()
		err := t.consume(m.of)
		if r, ok := t.source.(Recycler); ok && err == nil {
			r.Recycle(&m.batch)
		}
		t.mu.Lock()
		if err != nil {
			return err
		}
		t.consumed++
		t.changed.Signal()
	}
	return nil
}

// fail ends the reading of all workers.
func (t *turns[T]) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
	t.changed.Broadcast()
}
