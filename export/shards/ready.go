package shards

import (
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// dayLength is that of a UTC day.
const dayLength = 24 * time.Hour

// Readiness says whether a day is complete.
type Readiness struct {
	Ready bool
	// Through is the time before which all requests are as they stay.
	Through events.Time
	// Needed is the time that Through has to reach.
	Needed events.Time
	// Ended says that the log has ended: nothing will come any more.
	Ended bool
	// Source is the kind of event that is furthest behind; it says what is waited for. All of
	// its events up to Known have been read.
	Source events.Kind
	Known  events.Time
	// Gap is the number of a declared gap that touches the day and that no commit has taken in
	// yet; 0: there is none.
	Gap uint64
	// Guarded says that the stall guard holds the outcomes.
	Guarded bool
	// Expected is when the day should be ready if events come as they are stamped.
	// It has no meaning where the log has ended.
	Expected events.Time
}

// ReadinessOf says whether the day that begins at start is complete by what the newest
// commit records, and by the declared gaps that it has not taken in. With settled, no correction
// and no late request may change it either.
//
// A request closes when the watermark has passed its window, and the joiner's
// watermark is behind both sources by the lateness, and behind the guard. After its
// close a request is remembered: as long, late outcomes correct it, and late copies and
// late requests add rows. A log that has ended brings neither.
func ReadinessOf(last *joiner.Cut, untaken []events.Gap, rules *joiner.Rules, start events.Time,
	settled bool) Readiness {
	end := start.Add(dayLength)
	p := &last.Progress
	r := Readiness{Through: p.ClosedThrough, Needed: end, Ended: p.ClosedThrough == events.MaxTime}
	r.Expected = end.Add(rules.Longest()).Add(rules.Lateness)
	if p.Clock.Source(events.KindOutcome, 0) < p.Clock.Source(events.KindRequest, 0) {
		r.Source = events.KindOutcome
	}
	if r.Ended {
		// Everything was closed at the end, known or not: what counts is how far the
		// log reaches.
		r.Through = rules.ClosedThrough(p.Clock.Watermark(0))
	} else if settled {
		memory := rules.Retention()
		r.Through = r.Through.Add(-memory)
		r.Expected = r.Expected.Add(memory)
	}
	r.Known, r.Guarded = p.Clock.Source(r.Source, 0), p.Guard.Held.On()
	for i := range untaken {
		if touchesDay(rules, &untaken[i], start) {
			r.Gap = untaken[i].ID
			break
		}
	}
	r.Ready = last.Number > 0 && r.Through >= end && r.Gap == 0
	return r
}

// touchesDay reports whether a gap touches the window of a request of the day that begins at start.
func touchesDay(rules *joiner.Rules, g *events.Gap, start events.Time) bool {
	return g.From < start.Add(dayLength).Add(rules.Longest()) && g.To >= start.Add(-rules.ClockSkew)
}

// waitsForGap says that all is there but for a gap that a commit has to take in.
func (r *Readiness) waitsForGap() bool { return r.Gap != 0 && r.Through >= r.Needed }

// Words say in few words at a time whether the day is complete.
func (r *Readiness) Words(now events.Time) string {
	switch {
	case r.Ready:
		return "yes"
	case r.Gap != 0 && r.Ended:
		return fmt.Sprintf("no, and the log has ended before gap %d was declared", r.Gap)
	case r.Ended:
		return "no, and the log has ended"
	case r.waitsForGap():
		return "no, it waits for " + r.Waits()
	case r.Overdue(now):
		return fmt.Sprintf("no, expected %s; it waits for %s", r.Expected, r.Waits())
	}
	return "expected " + r.Expected.String()
}

// Overdue reports whether a day that is not complete should be by now.
func (r *Readiness) Overdue(now events.Time) bool { return !r.Ready && !r.Ended && now > r.Expected }

// Waits says which events a day waits for, from which time on.
func (r *Readiness) Waits() string {
	if r.waitsForGap() {
		return fmt.Sprintf("gap %d, which was declared and which no commit has taken in yet", r.Gap)
	}
	what := "requests"
	if r.Source == events.KindOutcome {
		what = "outcomes"
	}
	if r.Guarded {
		return "the stall guard, which holds the outcomes"
	}
	if r.Known == events.MinTime {
		return "the first " + what
	}
	return fmt.Sprintf("%s after %s", what, r.Known)
}

// CompleteThrough is the time before which every request is as it stays.
func CompleteThrough(last *joiner.Cut, rules *joiner.Rules, settled bool) events.Time {
	return ReadinessOf(last, nil, rules, 0, settled).Through
}

// NextDay is the end of the UTC day that a time lies in.
func NextDay(t events.Time) events.Time {
	return events.At(t.Std().Truncate(dayLength)).Add(dayLength)
}

// NotReadyError says that a day is not complete.
type NotReadyError struct {
	Day string
	Readiness
	Settled bool
	Now     events.Time // when it was asked; MinTime: no matter
}

func (e *NotReadyError) Error() string {
	what := "requests"
	if e.Source == events.KindOutcome {
		what = "outcomes"
	}
	state := "closed"
	if e.Settled {
		state = "closed and past every correction"
	}
	if e.Gap != 0 && e.Ended {
		return fmt.Sprintf("day %s is not complete: gap %d touches it, was declared after its rows were made by a replay, and no joiner takes it in: "+
			"replay again with --gaps-of, or take it back (labeljoin gap remove %d); --partial exports what is decided, without the rows that the gap touches",
			e.Day, e.Gap, e.Gap)
	}
	if e.waitsForGap() {
		return fmt.Sprintf("day %s is not complete: it waits for %s: a running joiner does so with its next commit (labeljoin status says whether it runs). "+
			"--wait waits for it; labeljoin gap remove %d takes it back; --partial exports what is decided, without the rows that the gap touches",
			e.Day, e.Waits(), e.Gap)
	}
	if e.Ended {
		return fmt.Sprintf("day %s is not complete: the log has ended, and its %s prove requests only up to %s: --partial exports what is decided",
			e.Day, what, e.Through)
	}
	text := fmt.Sprintf("day %s is not complete: requests before %s are %s, and the day ends at %s; it waits for %s, and ",
		e.Day, e.Through, state, e.Needed, e.Waits())
	if e.Overdue(e.Now) {
		return text + fmt.Sprintf("was expected at %s: see in `labeljoin status` whether the joiner runs and what holds it; where producers are silent, "+
			"a heartbeat on the subject of the %s, like {\"heartbeat\": \"%s\"}, says that nothing is missing; --partial exports what is decided",
			e.Expected, what, e.Expected)
	}
	return text + fmt.Sprintf("is expected at %s: --wait waits for it, --partial exports what is decided", e.Expected)
}
