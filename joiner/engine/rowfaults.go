package engine

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// rowFaults are the outcomes for which labels that look at the request could not be
// evaluated, by label. They are found when a request closes, because only then all of it
// is known.
type rowFaults map[int]*rowFault

// rowFault counts outcomes, and describes the first.
type rowFault struct {
	count     int64
	reason    string
	at        events.Origin
	ts        events.Time
	requestID string
	kind      string
}

// note takes in the faults of a decision after an outcome was added.
func (r *rowFaults) note(d *joiner.Decision, h *joiner.StoredOutcome, o *events.Outcome) {
	for label, f := range d.Faults() {
		if *r == nil {
			*r = rowFaults{}
		}
		of := (*r)[label]
		if of == nil {
			of = &rowFault{reason: f.Reason, at: h.Origin, ts: o.TS, requestID: o.RequestID, kind: joiner.ShortName(o.Type)}
			(*r)[label] = of
		}
		of.count = f.Count
	}
}

// noteEdits takes in the faults of a decision in which outcomes may have been edited: they
// are known when all outcomes are there.
func (r *rowFaults) noteEdits(rules *joiner.Rules, d *joiner.Decision) {
	if rules.SameID != joiner.SameLast {
		return
	}
	for label, f := range d.Faults() {
		if f.Fact == nil {
			continue
		}
		o := &f.Fact.Outcome
		r.plus(rowFaults{label: {count: f.Count, reason: f.Reason, at: f.Fact.Origin, ts: o.TS,
			requestID: o.RequestID, kind: joiner.ShortName(o.Type)}})
	}
}

// noteRows takes in the labels that could not be made of others in the rows of a request.
func (r *rowFaults) noteRows(rules *joiner.Rules, d *joiner.Decision, req *events.Request) {
	faults := d.Faults()
	if len(faults) == 0 {
		return // as nearly always: the way through a map that is not there takes time too
	}
	for label, f := range faults {
		if rules.Labels[label].Of == nil {
			continue
		}
		r.plus(rowFaults{label: {count: f.Count, reason: f.Reason, ts: req.TS, requestID: strings.Clone(req.ID)}})
	}
}

// plus adds the faults of a request to those of others.
func (r *rowFaults) plus(of rowFaults) {
	if len(of) == 0 {
		return
	}
	for label, f := range of {
		if *r == nil {
			*r = rowFaults{}
		}
		if sum := (*r)[label]; sum != nil {
			sum.count += f.count
		} else {
			(*r)[label] = f
		}
	}
}

// sightRowFaults notices the faults of what a commit has closed.
func (e *Engine) sightRowFaults(of rowFaults) {
	for label, f := range of {
		e.sighted.stale = true
		e.sightFault(label, f.count, f.at, &events.Outcome{RequestID: f.requestID, Type: f.kind, TS: f.ts}, f.reason)
	}
}

// addRowFaults adds, for an outcome of a request, why labels that look at the request
// cannot be evaluated for it.
func addRowFaults(rules *joiner.Rules, req *events.Request, o *events.Outcome,
	faults map[string]string) map[string]string {
	if !slices.ContainsFunc(rules.Labels, func(l joiner.Label) bool { return l.InRow != nil || l.Number != nil }) {
		return faults
	}
	d := joiner.Decide(rules, req)
	d.Add(o)
	for label, f := range d.Faults() {
		if faults == nil {
			faults = map[string]string{}
		}
		faults[rules.Labels[label].Name] = f.Reason
	}
	return faults
}
