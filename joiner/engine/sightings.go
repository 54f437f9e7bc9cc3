package engine

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Sightings is what was noticed of events since the engine was made, for a person who
// asks why a label is 0. It is no part of the books, and nothing depends on it. It is
// not changed any more.
type Sightings struct {
	Faults []LabelFault // in the rules' order
	// Came are all outcomes, but for those that were rejected or set aside. Labels are in the
	// rules' order.
	Came       int64
	Labels     []LabelSight
	Impression ImpressionSight
	// Types are the types of outcomes that came, in the order in which they came first;
	// OtherTypes are the outcomes of types that there was no room for.
	Types      []SeenType
	OtherTypes int64
	Unknown    [events.Kinds]joiner.Fields // that nothing here knows
	Orphans    joiner.Orphans
	Unheld     [events.Kinds]int64 // values that nothing here can hold, which count as null
	// Keyless are outcomes that name no request, and lack what would say whose they are.
	Keyless int64
}

// LabelFault counts the outcomes for which a label's condition could not be evaluated.
type LabelFault struct {
	Label  string
	Count  int64
	Reason string   // of the first of them
	Came   EventRef // and where it stands
}

// SeenType counts the outcomes of a type.
type SeenType struct {
	Type   string
	Count  int64
	Wanted bool // some label's condition held for one of them
}

// mostTypes bounds what is remembered by name, whatever events bring.
const mostTypes = 64

// clone is a copy that is not changed any more.
func (s *Sightings) clone() *Sightings {
	c := *s
	c.Faults, c.Types, c.Labels = slices.Clone(s.Faults), slices.Clone(s.Types), slices.Clone(s.Labels)
	for i := range c.Labels {
		c.Labels[i].Columns = slices.Clone(c.Labels[i].Columns)
	}
	for k := range c.Unknown {
		c.Unknown[k].Named = slices.Clone(s.Unknown[k].Named)
	}
	return &c
}

// sighted is what the engine notices, and the copy that was given out last.
type sighted struct {
	now   Sightings
	given *Sightings
	stale bool // given is older than now
}

func (s *sighted) latest() *Sightings {
	if s.stale || s.given == nil {
		s.given, s.stale = s.now.clone(), false
	}
	return s.given
}

// sightEvent notices what an event has that nothing here knows or can hold.
func (e *Engine) sightEvent(k events.Kind, unknown, unheld int) {
	if unknown+unheld == 0 || e.mode.rereads() {
		return
	}
	s := &e.sighted
	s.stale = true
	if s.now.Unheld[k] == 0 && unheld > 0 {
		e.o.Log.Warn("an event has a value that cannot be held (NaN, an infinity, a number beyond float64, or a text that is not UTF-8): it counts as null", "kind", k.String())
	}
	s.now.Unheld[k] += int64(unheld)
	if unknown == 0 {
		return
	}
	e.sightFields(k, unknown, e.parsers[k].UnknownNames())
}

// sightKeyless notices an outcome that names no request and has no key.
func (e *Engine) sightKeyless(at events.Origin, o *events.Outcome) {
	if e.mode.rereads() {
		return
	}
	s := &e.sighted
	s.stale = true
	if s.now.Keyless++; s.now.Keyless == 1 {
		came := e.eventRef(at, o.TS, 0)
		e.o.Log.Warn("an outcome names no request and lacks a field of join.attribute.by, so it belongs to none: it is an orphan "+
			"(a number from 2^53 on is no field: send large numbers as text)",
			"type", joiner.ShortName(o.Type), "stream", came.Input, "sequence", at.Seq)
	}
}

// sightFields counts the fields of an event that nothing here knows, of which some are named.
func (e *Engine) sightFields(k events.Kind, all int, names []string) {
	f := &e.sighted.now.Unknown[k]
	known := len(f.Named)
	f.AddAll(all, names)
	for _, c := range f.Named[known:] {
		e.o.Log.Info("events have a field that nothing here knows; it is ignored", "kind", k.String(), "field", c.Name)
	}
}

// sightOutcome notices an outcome's type, whether any label wants it, conditions that
// cannot be evaluated for it, and labels that have counted nothing so far.
func (e *Engine) sightOutcome(at events.Origin, o *events.Outcome) {
	if e.mode.rereads() {
		return
	}
	s := &e.sighted
	s.stale = true
	s.now.Came++
	if i := &s.now.Impression; e.rules.Negatives == joiner.NegativesSeen && !i.Met {
		i.Met = e.rules.Impression(o)
	}
	seen := s.now.typeOf(o.Type)
	for i := range e.rules.Labels {
		l, sight := &e.rules.Labels[i], &s.now.Labels[i]
		if l.Fault == nil && (seen == nil || seen.Wanted) && sight.Decided > 0 {
			continue // nothing more is to be known
		}
		switch holds := l.When(o); {
		case holds:
			if seen != nil {
				seen.Wanted = true
			}
			if sight.Decided == 0 {
				sight.met(l, o)
				e.judgeLabel(i)
			}
		case l.Fault != nil:
			if reason := l.Fault(o); reason != "" {
				e.sightFault(i, 1, at, o, reason)
			}
		}
	}
}

// newFaults are no faults of any label.
func newFaults(labels []joiner.Label) []LabelFault {
	faults := make([]LabelFault, len(labels))
	for i := range labels {
		faults[i].Label = labels[i].Name
	}
	return faults
}

// typeOf counts a type; nil if there is no room for it.
func (s *Sightings) typeOf(name string) *SeenType {
	name = joiner.ShortName(name)
	i := slices.IndexFunc(s.Types, func(t SeenType) bool { return t.Type == name })
	if i < 0 {
		if len(s.Types) == mostTypes {
			s.OtherTypes++
			return nil
		}
		i, s.Types = len(s.Types), append(s.Types, SeenType{Type: strings.Clone(name)})
	}
	s.Types[i].Count++
	return &s.Types[i]
}

// sightFault counts outcomes for which a label could not be evaluated, and says so once
// for the label.
func (e *Engine) sightFault(label int, n int64, at events.Origin, o *events.Outcome, reason string) {
	f := &e.sighted.now.Faults[label]
	if f.Count += n; f.Count > n {
		return
	}
	if e.rules.Labels[label].Of != nil {
		f.Reason, f.Came = reason, EventRef{TS: o.TS}
		e.o.Log.Warn("a label cannot be made of others in a row, and is null there", "label", e.rules.Labels[label].Name,
			"because", reason, "request_id", o.RequestID)
		return
	}
	f.Reason, f.Came = reason, EventRef{Input: e.o.Inputs[at.Input].Name, Origin: at, TS: o.TS}
	e.o.Log.Warn("the condition of a label cannot be evaluated for an outcome, which then does not count for it",
		"label", e.rules.Labels[label].Name, "because", reason, "request_id", o.RequestID, "type", o.Type,
		"stream", f.Came.Input, "sequence", at.Seq, "index", at.Index)
}

// UnwantedTypes are the types of outcomes that came and that no label wants.
func (s *Sightings) UnwantedTypes() []SeenType {
	return slices.DeleteFunc(slices.Clone(s.Types), func(t SeenType) bool { return t.Wanted })
}
