package batch

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Coverage is what the two logs say about each other: whether the outcomes can be those of
// the requests, for which label, and at which time. Requests that are stamped outside of
// Options.From and Options.To do not count.
type Coverage struct {
	Labels []LabelCoverage // in the order of the rules
	// Types are those of the outcomes, as far as they were looked at: of all outcomes if a
	// label is not Matched, and no more than a dozen.
	Types []string
	// Impressed says that an outcome of the log is an impression, where negatives need one.
	Impressed bool
	// Requests counts the requests by the day (UTC, since 1970-01-01) of their time.
	Requests map[int64]int64
}

// LabelCoverage is how the outcomes cover a label.
type LabelCoverage struct {
	// Matched says that an outcome of the log, whether it has a request or not, meets what
	// the condition says of the outcome alone, and has a value where the label is made of
	// values that the outcome alone says. It is true of a label of other labels.
	Matched bool
	// Fault is why the condition or the value could not be evaluated for an outcome, if that was so.
	Fault string
	// Before counts the requests whose window had ended before the first outcome, After those
	// stamped after the last one, and Covered the others.
	Before, After, Covered int64
	// Positive counts those of Covered with a row in which an outcome decides the label.
	Positive int64
	// Outcomes counts the outcomes that count for the label in some row.
	Outcomes int64
}

// mostTypes is how many types of outcomes are told to a person.
const mostTypes = 12

// matches finds out, in several goroutines, which labels have an outcome that meets their
// condition.
type matches struct {
	labels    []labelMatch
	impressed atomic.Bool  // some outcome is an impression, or none is needed
	left      atomic.Int64 // labels without one, and impressions
}

type labelMatch struct {
	found atomic.Bool
	fault atomic.Pointer[string] // of an outcome for which the condition could not be evaluated
}

func newMatches(rules *joiner.Rules) *matches {
	m := &matches{labels: make([]labelMatch, len(rules.Labels))}
	if rules.Negatives == joiner.NegativesSeen && rules.Impression != nil {
		m.left.Add(1)
	} else {
		m.impressed.Store(true)
	}
	for i := range rules.Labels {
		if rules.Labels[i].Of != nil {
			m.labels[i].found.Store(true)
			continue
		}
		m.left.Add(1)
	}
	return m
}

// matching reports whether there are labels that still want an outcome: then outcomes are
// looked at that are not joined, too.
func (w *worker) matching() bool { return w.j.matches.left.Load() > 0 }

// match looks which labels an outcome matches, of those that no other has matched. A label
// that most outcomes match costs nothing.
func (w *worker) match(o *events.Outcome) {
	if !w.matching() {
		return
	}
	if len(w.types) < mostTypes && !slices.Contains(w.types, o.Type) {
		w.types = append(w.types, strings.Clone(o.Type)) // what it is part of is large
	}
	m, rules := w.j.matches, w.j.o.Rules
	if !m.impressed.Load() && rules.Impression(o) && m.impressed.CompareAndSwap(false, true) {
		m.left.Add(-1)
	}
	for i := range m.labels {
		l, label := &m.labels[i], &rules.Labels[i]
		if l.found.Load() {
			continue
		}
		why := ""
		switch {
		case label.When(o):
			if has, fault := label.HasValue(o); has && l.found.CompareAndSwap(false, true) {
				m.left.Add(-1)
			} else {
				why = fault
			}
		case label.Fault != nil && l.fault.Load() == nil:
			why = label.Fault(o)
		}
		if why != "" {
			l.fault.CompareAndSwap(nil, &why)
		}
	}
}

// matchOther does so with an outcome of an id that is not joined.
func (w *worker) matchOther(data []byte) {
	if !w.j.first() || !w.matching() {
		return
	}
	if o, info, err := w.parsers[events.KindOutcome].Outcome(data); err == nil && !info.Heartbeat {
		w.match(&o)
	}
}

// heard takes what the workers have found in the end.
func (j *join) heard() {
	c := &j.result.Coverage
	c.Impressed = j.matches.impressed.Load()
	for i := range c.Labels {
		l := &j.matches.labels[i]
		c.Labels[i].Matched = l.found.Load()
		if why := l.fault.Load(); why != nil {
			c.Labels[i].Fault = *why
		}
	}
	for _, w := range j.workers {
		c.Types = append(c.Types, w.types...)
		w.types = nil
		for k := range w.unknown {
			j.result.Unknown[k].Plus(&w.unknown[k])
		}
	}
	slices.Sort(c.Types)
	c.Types = slices.Compact(c.Types)
	c.Types = c.Types[:min(len(c.Types), mostTypes)]
	j.days.flush()
}

// dayCounts counts by day. Most of what is counted is of the day of the one before.
type dayCounts struct {
	counts map[int64]int64
	day, n int64 // of the last day, what is not in counts
}

func (d *dayCounts) count(day int64) {
	if day != d.day {
		d.flush()
		d.day = day
	}
	d.n++
}

func (d *dayCounts) flush() {
	if d.n > 0 {
		d.counts[d.day] += d.n
		d.n = 0
	}
}

// cover counts a request with all its rows, those that are left out too.
func (j *join) cover(req *events.Request, rows []joiner.Row, d *joiner.Decision) {
	o, c := j.o, &j.result.Coverage
	if req.TS < o.From || req.TS >= o.To {
		return
	}
	j.days.count(DayOf(req.TS))
	first, last := j.result.First[events.KindOutcome], j.result.Seen[events.KindOutcome]
	for i := range c.Labels {
		l := &c.Labels[i]
		l.Outcomes += d.Counted(i)
		switch {
		case req.TS.Add(o.Rules.Labels[i].Window) < first:
			l.Before++
			continue
		case req.TS.Add(-o.Rules.ClockSkew) > last:
			l.After++
			continue
		}
		l.Covered++
		for r := range rows { // which are large
			if rows[r].Cells[i].TS != events.MinTime {
				l.Positive++
				break
			}
		}
	}
}
