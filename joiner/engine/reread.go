package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// ReadGoneError says that the log lacks events that a state has read since the last commit, or since the
// beginning if there is none.
type ReadGoneError struct{ Read, Found int64 }

// Incomplete is as of a TrimmedError.
func (e *ReadGoneError) Incomplete() string {
	return fmt.Sprintf("of %d events that were read since the last commit it gives %d", e.Read, e.Found)
}

// Error implements error.
func (e *ReadGoneError) Error() string {
	return fmt.Sprintf("the state does not fit, and cannot be rebuilt from the log: %s. Put back what is gone: messages, or "+
		"an input that is left out of the configuration; or begin anew with other state and output directories", e.Incomplete())
}

// Refusal reports that a person has to decide.
func (e *ReadGoneError) Refusal() bool { return true }

// holdsWhatWasRead checks that the log still gives what a state has read from some positions on, where the books were
// such: a rebuilt state stands there, and reads it again. Events are counted, since a log with others' messages in it
// has holes that say nothing; an input that is left out is such a hole.
func (e *Engine) holdsWhatWasRead(ctx context.Context, from []events.Position, books *joiner.Ledger,
	state *joiner.Progress) error {
	want := eventsRead(&state.Ledger) - eventsRead(books)
	if want == 0 {
		return nil
	}
	got := int64(0)
	for i := range from {
		if state.Inputs[i].Created != from[i].Created {
			return &ReadGoneError{Read: want, Found: got} // what was read before is in another stream
		}
		n, err := e.countBetween(ctx, i, from[i], state.Inputs[i])
		if err != nil {
			return err
		}
		got += n
	}
	if got != want {
		return &ReadGoneError{Read: want, Found: got}
	}
	return nil
}

func eventsRead(l *joiner.Ledger) int64 {
	r, o := &l.Kinds[events.KindRequest], &l.Kinds[events.KindOutcome]
	return r.Read - r.Again + o.Read - o.Again + l.Heartbeats
}

// countBetween counts the events of an input between two positions in it.
func (e *Engine) countBetween(ctx context.Context, input int, from, to events.Position) (n int64, err error) {
	last := to.Next - 1 // the message that has to come
	if to.Skip > 0 {
		last = to.Next
	}
	if from.Next > last {
		return 0, nil
	}
	source, err := e.o.Inputs[input].Open(ctx, from)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	for seq := uint64(0); seq < last; {
		b, err := source.Next(ctx)
		switch {
		case errors.Is(err, io.EOF), err == nil && len(b.Messages) == 0:
			return n, nil // that is all there is, whether or not silence proves anything
		case err != nil:
			return n, err
		}
		for i := range b.Messages {
			m := &b.Messages[i]
			m.Input = uint8(input)
			if seq = m.Seq; seq > last {
				break
			}
			for index := range e.indices(m) {
				before := m.Seq == from.Next && index < from.Skip
				beyond := m.Seq == to.Next && index >= to.Skip
				if !before && !beyond {
					n++
				}
			}
		}
	}
	return n, nil
}
