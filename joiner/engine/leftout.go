package engine

import (
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// LeftOutError says that a rebuilt state would lack events of inputs that shared their stream with
// others and are none any more: the stream is read again, but not for them.
type LeftOutError struct {
	Inputs []string
	Lacks  int64 // events; 0: the state that is gone may have read more than the commits
}

// what is what is lacking.
func (e *LeftOutError) what() string {
	if e.Lacks == 0 {
		return "the events that were read after the last commit"
	}
	return fmt.Sprintf("%d events", e.Lacks)
}

// Incomplete is as of a TrimmedError.
func (e *LeftOutError) Incomplete() string {
	return fmt.Sprintf("%s of the inputs %q, which are left out of the configuration, are needed", e.what(), e.Inputs)
}

// Error implements error.
func (e *LeftOutError) Error() string {
	return fmt.Sprintf("the state is gone or does not fit, and it is rebuilt from the log, of which %s are not read any more: "+
		"the inputs %q are left out of the configuration. Put them back until the joiner has started", e.what(), e.Inputs)
}

// Refusal reports that a person has to decide.
func (e *LeftOutError) Refusal() bool { return true }

// leftOut lists the inputs that the commits behind some positions have read and that are none any
// more, and says how the books stood at those positions. An input that has another name now is
// listed too, but nothing is lacking of it when the log is read again.
func (e *Engine) leftOut(from []events.Position) (names []string, books joiner.Ledger, err error) {
	now := e.sources()
	for c, err := range e.o.Output.Cuts() {
		if err != nil {
			return nil, books, err
		}
		if sameMessages(c.Progress.Inputs, from) {
			names, books = nil, c.Progress.Ledger
			continue
		}
		for _, s := range c.Progress.Clock.Sources {
			is := func(of joiner.SourceClock) bool { return of.Name == s.Name }
			if !slices.ContainsFunc(now, is) && !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	return names, books, nil
}

// lacksLeftOut is an error if a rebuild has read fewer events than the commits did, because inputs are left out. Where
// messages are declared lost, fewer are read by rights.
func (e *Engine) lacksLeftOut(left []string, want int64) error {
	if read := eventsRead(e.ledger()); len(left) > 0 && read < want && !e.lacking {
		return &LeftOutError{Inputs: left, Lacks: want - read}
	}
	return nil
}

// leftPast is a *LeftOutError if the state that is gone may have read more of inputs than its last commit, and they are
// left out: only a commit that was made without them says that no more was read. A stream that has as many new inputs
// instead has them under other names, as far as can be told.
func (e *Engine) leftPast(cut *joiner.Cut) error {
	brings := func(list []joiner.SourceClock, name string) bool {
		return slices.ContainsFunc(list, func(s joiner.SourceClock) bool { return s.Name == name && s.Brings() })
	}
	now, before := e.sources(), cut.Progress.Clock.Sources
	for i := range e.o.Inputs {
		var left []string
		anew := 0
		for _, s := range now {
			if IsOfLog(s.Name, e.o.Inputs[i].Name) && !brings(before, s.Name) {
				anew++
			}
		}
		for _, s := range before {
			if IsOfLog(s.Name, e.o.Inputs[i].Name) && s.Brings() && !brings(now, s.Name) {
				left = append(left, s.Name)
			}
		}
		if len(left) > anew {
			return &LeftOutError{Inputs: left}
		}
	}
	return nil
}

// sameMessages reports whether positions are before the same messages.
func sameMessages(a, b []events.Position) bool {
	return slices.EqualFunc(a, b, func(a, b events.Position) bool {
		return a.Input == b.Input && a.Created == b.Created && a.Next == b.Next && a.Skip == b.Skip
	})
}
