package engine

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Retired is an input that was read up to a position and is none any more: positions keep
// their places by it. It brings nothing, no row waits for it, and a rebuild that needs what
// was read of it is refused.
func Retired(at events.Position) Input {
	return Input{Name: at.Input, Created: at.Created, First: at.Next, retired: true,
		Open: func(context.Context, events.Position) (Source, error) { return endedLog{}, nil }}
}

// IsRetired reports whether an input was made by Retired.
func (in *Input) IsRetired() bool { return in.retired }

// endedLog is a source that has nothing.
type endedLog struct{}

// Next implements Source.
func (endedLog) Next(context.Context) (events.Batch, error) { return events.Batch{}, io.EOF }

// Close implements Source.
func (endedLog) Close() error { return nil }

// RetiredError says that a state has to be rebuilt from a stream that is no input any more.
type RetiredError struct {
	Input string
	Need  uint64 // messages from here on
	Read  uint64 // up to here; 0: the state that is gone may have read more than the commits
}

// what is what is needed of the stream.
func (e *RetiredError) what() string {
	if e.Read == 0 {
		return fmt.Sprintf("the messages from %d on, as far as they were read after the last commit,", e.Need)
	}
	return fmt.Sprintf("messages %d to %d", e.Need, e.Read)
}

// Incomplete is as of a TrimmedError.
func (e *RetiredError) Incomplete() string {
	return fmt.Sprintf("%s of stream %q, which is in inputs.retired, are needed", e.what(), e.Input)
}

// Error implements error.
func (e *RetiredError) Error() string {
	return fmt.Sprintf("the state is gone or does not fit, and it is rebuilt from the log, of which %s are in stream %q, which is in inputs.retired. "+
		"Put its input back into the configuration, and take it out of inputs.retired, until the joiner has started; "+
		"if the stream is gone, labeljoin gap log --yes goes on without it then", e.what(), e.Input)
}

// Refusal reports that a person has to decide.
func (e *RetiredError) Refusal() bool { return true }

// lacksRetired returns a *RetiredError if reading from some positions to others needs messages of
// an input that is retired.
func (e *Engine) lacksRetired(from, until []events.Position) error {
	for i := range e.o.Inputs {
		if e.o.Inputs[i].retired && (from[i].Next != until[i].Next || from[i].Skip != until[i].Skip) {
			return &RetiredError{Input: from[i].Input, Need: from[i].Next, Read: max(until[i].Next, 1) - 1}
		}
	}
	return nil
}

// lacksPast returns a *RetiredError if the state that is gone may have read more of an input that is retired than its
// last commit: only a commit that was made without the input says that no more was read.
func (e *Engine) lacksPast(cut *joiner.Cut) error {
	for i := range e.o.Inputs {
		in := &e.o.Inputs[i]
		ended := func(s joiner.SourceClock) bool { return s.Name == in.Name && !s.Brings() }
		if in.retired && !slices.ContainsFunc(cut.Progress.Clock.Sources, ended) {
			return &RetiredError{Input: in.Name, Need: in.First}
		}
	}
	return nil
}

// InputsError says that the state or output was made from other logs.
type InputsError struct{ Had, Have []string }

// Error implements error.
func (e *InputsError) Error() string {
	return fmt.Sprintf("what was joined so far came from the streams %q, the configuration now reads %q: "+
		"put the inputs back; or, if a stream is to be read no more, name it in inputs.retired; "+
		"or begin anew with other state and output directories", e.Had, e.Have)
}

// Refusal reports that a person has to decide.
func (e *InputsError) Refusal() bool { return true }
