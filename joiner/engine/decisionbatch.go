package engine

import (
	"iter"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Requests are decided by a goroutine, some batches ahead of who writes their
// rows: each is about as much work as the other, and as reading them is. A batch is
// some hundred microseconds of work, beside which waking a goroutine takes no time,
// and small enough to stay in the processor's caches.
//
// Invariant: a batch is in spare, in full, or with one of the two goroutines, so that
// no reader has a verdict while it is made again.
const (
	batchesAhead      = 3
	decisionsPerBatch = 128
)

// decisionBatch are requests decided one after the other.
type decisionBatch struct {
	list [decisionsPerBatch]decided
	n    int
	err  error // why there are no more
}

// each decides the requests that a view closes from one time to another, in their
// order, or if within is not 0 decides them of the outcomes stamped so long after the request.
// A verdict is good until the next one is asked for.
func (d *decider) each(view state.View, from, to events.Time, within time.Duration) iter.Seq2[*decided, error] {
	return func(yield func(*decided, error) bool) {
		d.within = within
		full, stop := make(chan *decisionBatch, batchesAhead), make(chan struct{})
		go d.ahead(view, from, to, full, stop) // ended by stop
		defer func() {
			close(stop)
			for v := range full { // until it has ended
				d.spare <- v
			}
		}()
		for v := range full {
			more := v.pass(yield)
			d.spare <- v
			if !more {
				return
			}
		}
	}
}

// pass yields what a batch has.
func (v *decisionBatch) pass(yield func(*decided, error) bool) bool {
	for i := range v.list[:v.n] {
		if !yield(&v.list[i], nil) {
			return false
		}
	}
	return v.err == nil || yield(nil, v.err)
}

// ahead fills batches and passes them on, the last one too if it is not full.
func (d *decider) ahead(view state.View, from, to events.Time, full chan<- *decisionBatch, stop <-chan struct{}) {
	defer close(full)
	v := d.blank()
	for c, err := range view.Closing(from, to) {
		if err == nil {
			err = d.decide(c, &v.list[v.n])
		}
		if err != nil {
			v.err = err
			break
		}
		if v.n++; v.n < decisionsPerBatch {
			continue
		}
		select {
		case full <- v:
			v = d.blank()
		case <-stop:
			d.spare <- v
			return
		}
	}
	select {
	case full <- v:
	case <-stop:
		d.spare <- v
	}
}

// blank waits for a batch that is not in use.
func (d *decider) blank() *decisionBatch {
	v := <-d.spare
	v.n, v.err = 0, nil
	return v
}
