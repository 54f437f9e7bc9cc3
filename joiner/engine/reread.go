package engine

import (
	"context"
	"errors"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// errReadGone says that the log lacks messages that were read after the last commit.
var errReadGone = errors.New("the log no longer holds all messages that were read after the last commit")

// holdsWhatWasRead checks that the log still has what a state read beyond the last
// commit: a rebuilt state stands at that commit, and reads it again. Events are
// counted, since a log with others' messages in it has holes that say nothing.
func (e *Engine) holdsWhatWasRead(ctx context.Context, cut *joiner.Cut, state *joiner.Progress) error {
	want := eventsRead(&state.Ledger) - eventsRead(&cut.Progress.Ledger)
	if want == 0 {
		return nil
	}
	got := int64(0)
	for i := range cut.Progress.Inputs {
		if state.Inputs[i].Created != cut.Progress.Inputs[i].Created {
			return errReadGone // what was read before is in another stream
		}
		n, err := e.countBetween(ctx, i, cut.Progress.Inputs[i], state.Inputs[i])
		if err != nil {
			return err
		}
		got += n
	}
	if got != want {
		return errReadGone
	}
	return nil
}

func eventsRead(l *joiner.Ledger) int64 {
	return l.Kinds[events.KindRequest].Read + l.Kinds[events.KindOutcome].Read + l.Heartbeats
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
		case errors.Is(err, io.EOF), err == nil && len(b.Messages) == 0 && b.ReadThrough != events.MinTime:
			return n, nil // that is all there is
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
