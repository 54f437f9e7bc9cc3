package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// World is what engines run in, one after another, and what outlives them: the logs that they read.
type World struct {
	// Logs are the inputs, each in batches. A single one carries events of both kinds; of several, the first carries
	// requests and the others outcomes.
	Logs [][]events.Batch
	// First says which message a log begins with now. nil: none has left.
	First func(input int) uint64
	// Open opens a log at a position. nil: the whole log, and then its end.
	Open func(ctx context.Context, input int, from events.Position) (engine.Source, error)

	nonces int
}

// Inputs are the logs as an engine takes them.
func (w *World) Inputs() []engine.Input {
	kinds := [][]events.Kind{{events.KindRequest}, {events.KindOutcome}}
	if len(w.Logs) == 1 {
		kinds = [][]events.Kind{{events.KindRequest, events.KindOutcome}}
	}
	var inputs []engine.Input
	for i, log := range w.Logs {
		input := engine.Input{
			Name: fmt.Sprint("log", i), Created: 1, Kinds: kinds[min(i, 1)], Last: newest(log), Open: Log(log).Open,
		}
		if w.First != nil {
			input.First = w.First(i)
		}
		if w.Open != nil {
			input.Open = func(ctx context.Context, from events.Position) (engine.Source, error) { return w.Open(ctx, i, from) }
		}
		inputs = append(inputs, input)
	}
	return inputs
}

// newest is the newest message of a log; 0 if it has none.
func newest(log []events.Batch) uint64 {
	for _, b := range slices.Backward(log) {
		if n := len(b.Messages); n > 0 {
			return b.Messages[n-1].Seq
		}
	}
	return 0
}

// Surround completes the options of an engine by what it has from the world: its inputs, a log of what it does that
// nothing reads, and nonces that no other engine of the world has had.
func (w *World) Surround(o *engine.Options) {
	o.Inputs, o.Log = w.Inputs(), slog.New(slog.DiscardHandler)
	o.Nonce = func() string { w.nonces++; return fmt.Sprint("nonce", w.nonces) }
}

// Pending lists the requests that a state holds and that have not closed. The error says that the books are not
// balanced, or have other numbers of pending requests and outcomes than the state.
func Pending(v state.View, c *state.Checkpoint) (open []joiner.RequestKey, err error) {
	defer func() { err = errors.Join(err, v.Close()) }()
	var pending [events.Kinds]int64
	for closing, err := range v.Closing(c.Committed, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		open = append(open, closing.Key)
		pending[events.KindRequest]++
		for o, err := closing.Outcome(); o != nil || err != nil; o, err = closing.Outcome() {
			if err != nil {
				return nil, err
			}
			if !o.Booked {
				pending[events.KindOutcome]++
			}
		}
	}
	for o, err := range v.Orphans(events.MinTime, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		if !o.Outcome.Booked {
			pending[events.KindOutcome]++
		}
	}
	l := &c.Progress.Ledger
	if booked := [events.Kinds]int64{l.Kinds[0].Pending, l.Kinds[1].Pending}; booked != pending || !l.Balanced() {
		return nil, fmt.Errorf("the state holds %v pending requests and outcomes, and its books say otherwise: %w", pending,
			&engine.BooksError{Ledger: *l})
	}
	return open, nil
}
