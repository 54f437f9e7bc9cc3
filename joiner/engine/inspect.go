package engine

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// RequestReport is everything that is known of one request id.
type RequestReport struct {
	ID        string
	Known     bool         // the request is held; if not, the rest is about its outcomes only
	Phase     joiner.Phase // where it stands
	Late      bool         // it came after it should have closed
	Closes    events.Time  // the watermark has to pass this
	Committed bool         // its base rows are in a commit
	Request   events.Request
	Pieces    []EventRef
	Copies    int             // different events of the same id that lost to a piece
	Outcomes  []OutcomeReport // in Order
	Rows      []joiner.Row
	Labels    [][]joiner.Trace  // by row, by label: which outcomes meet its condition
	RowStates []joiner.RowState // how rows stand that were written early or again
	Gaps      []events.Gap      // that its windows touch

	Stats     Stats
	Forgotten events.Time       // requests stamped before it are forgotten
	Read      []events.Position // how far the logs are read
}

// EventRef says when and how an event came.
type EventRef struct {
	Input   string
	Origin  events.Origin
	TS      events.Time
	LateSeq uint32 // 0: before the close; n: it was the n-th late event
}

// OutcomeReport is an outcome and what became of it.
type OutcomeReport struct {
	EventRef
	Outcome     events.Outcome
	Disposition string // a disposition, or waiting
	Given       bool   // it named no request, and was given to this one
	// Faults says, by label, why its condition cannot be evaluated for the outcome.
	Faults map[string]string `json:",omitempty"`
}

// waiting is the fate of an outcome whose request has not come.
const waiting = "waiting"

// inspection is what is asked of the loop, which runs it between two batches. Its error
// ends the loop.
type inspection func(ctx context.Context) error

type reportAnswer struct {
	report *RequestReport
	err    error
}

// Inspect tells the story of a request id, between two batches of Run. It may
// be called from any goroutine.
func (e *Engine) Inspect(ctx context.Context, id string) (*RequestReport, error) {
	answer := make(chan reportAnswer, 1)
	select {
	case e.inspections <- func(ctx context.Context) error { return e.answerInspect(ctx, id, answer) }:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-answer:
		return a.report, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Look tells the story of a request id as a state has it that no joiner runs on.
func Look(o Options, id string) (*RequestReport, error) {
	e := New(o)
	e.checkpoint = o.Store.Progress()
	e.rules.Gaps = e.checkpoint.Progress.Gaps
	e.publishStats()
	return e.reportOf(id)
}

// answer tells what is asked, if something is.
func (e *Engine) answer(ctx context.Context) error {
	select {
	case q := <-e.inspections:
		return q(ctx)
	default:
		return nil
	}
}

// answerInspect tells the story of a request id. What the batch holds is applied before, so that the
// answer is whole.
func (e *Engine) answerInspect(ctx context.Context, id string, answer chan<- reportAnswer) error {
	if err := e.flush(ctx, false); err != nil {
		return err
	}
	story, err := e.reportOf(id)
	answer <- reportAnswer{story, err} // has room for one
	return nil
}

// NextClose is the time of the oldest request that has not closed; ok is false if there
// is none. It asks Run between two batches, and may be called from any goroutine.
func (e *Engine) NextClose(ctx context.Context) (ts events.Time, ok bool, err error) {
	type oldest struct {
		ts  events.Time
		ok  bool
		err error
	}
	answer := make(chan oldest, 1) // so that Run never waits
	ask := func(context.Context) error {
		var o oldest
		v := e.o.Store.View()
		for p, err := range v.Requests(e.checkpoint.Progress.ClosedThrough, events.MaxTime) {
			o = oldest{ts: p.TS, ok: err == nil, err: err}
			break
		}
		o.err = errors.Join(o.err, v.Close())
		answer <- o
		return nil
	}
	select {
	case e.inspections <- ask:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	select {
	case o := <-answer:
		return o.ts, o.ok, o.err
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
}

func (e *Engine) reportOf(id string) (*RequestReport, error) {
	s := &RequestReport{ID: id, Stats: e.Stats(), Forgotten: e.checkpoint.Forgotten, Read: e.Stats().Progress.Inputs}
	now := e.now()
	found, err := e.youngest(id, now)
	if err != nil {
		return nil, err
	}
	x, err := e.load(id, found)
	if err != nil {
		return nil, err
	}
	if !x.Known {
		for _, w := range x.Waiting {
			s.Outcomes = append(s.Outcomes, e.outcomeReport(&w.Fact, waiting))
		}
		stored, err := e.o.Store.Waiting(id, events.MinTime, events.MaxTime)
		if err != nil {
			return nil, err
		}
		return s, e.addFaults(s, storedValues(stored))
	}
	if err := e.loadOutcomes(x); err != nil {
		return nil, err
	}
	ex, err := e.machine.Explain(x, now)
	if err != nil {
		return nil, err
	}
	s.Known, s.Late, s.Copies = true, x.Request.Late, len(x.Request.Copies)
	s.Phase, s.Closes = now.Phase(x.Key.TS), x.Key.TS.Add(e.rules.Longest())
	s.Committed = x.Key.TS < e.checkpoint.Committed
	s.Request, s.Rows, s.Labels, s.RowStates = ex.Request, ex.Rows, ex.Labels, x.History.Rows
	for i, f := range x.Outcomes {
		s.Outcomes = append(s.Outcomes, e.outcomeReport(f, ex.Dispositions[i].String()))
	}
	for _, g := range e.rules.Gaps {
		if e.rules.Touches(&g, s.Request.TS) {
			s.Gaps = append(s.Gaps, g)
		}
	}
	if err := e.addFaults(s, e.o.Store.Outcomes(x.Key)); err != nil {
		return nil, err
	}
	return s, e.addPieces(s, &x.Request)
}

func storedValues(stored []joiner.StoredOutcome) iter.Seq2[joiner.StoredOutcome, error] {
	return func(yield func(joiner.StoredOutcome, error) bool) {
		for i := range stored {
			if !yield(stored[i], nil) {
				return
			}
		}
	}
}

// addFaults says of each outcome which conditions cannot be evaluated for it. That is
// not kept, nor are the attributes, so outcomes are decoded again, one at a time.
func (e *Engine) addFaults(s *RequestReport, stored iter.Seq2[joiner.StoredOutcome, error]) error {
	if !slices.ContainsFunc(e.rules.Labels, func(l joiner.Label) bool {
		return l.Fault != nil || l.InRow != nil ||
			l.Number != nil
	}) {
		return nil
	}
	index := make(map[events.Origin]int, len(s.Outcomes))
	for i := range s.Outcomes {
		index[s.Outcomes[i].Origin] = i
	}
	for h, err := range stored {
		if err != nil {
			return err
		}
		at, reported := index[h.Origin]
		if !reported {
			continue
		}
		o, err := e.o.Decoders[events.KindOutcome].DecodeStored(h.Data)
		if err != nil {
			return err
		}
		s.Outcomes[at].Faults = faultsOf(e.rules.Labels, &o)
		if s.Known {
			s.Outcomes[at].Faults = addRowFaults(e.rules, &s.Request, &o, s.Outcomes[at].Faults)
		}
	}
	return nil
}

// faultsOf says, for each label whose condition cannot be evaluated for an outcome,
// why; nil if there is none.
func faultsOf(labels []joiner.Label, o *events.Outcome) map[string]string {
	var faults map[string]string
	for i := range labels {
		if labels[i].Fault == nil {
			continue
		}
		if reason := labels[i].Fault(o); reason != "" {
			if faults == nil {
				faults = map[string]string{}
			}
			faults[labels[i].Name] = reason
		}
	}
	return faults
}

// youngest is where the youngest request is held that has an id; nil if none is.
func (e *Engine) youngest(id string, now joiner.Now) (found *joiner.Found, err error) {
	if e.found, err = e.o.Store.Find(e.found[:0], id); err != nil {
		return nil, err
	}
	for i := range e.found {
		if f := &e.found[i]; f.Key.TS >= now.Forgotten && (found == nil || f.Key.TS > found.Key.TS) {
			found = f
		}
	}
	return found, nil
}

func (e *Engine) eventRef(at events.Origin, ts events.Time, lateSeq uint32) EventRef {
	c := EventRef{Origin: at, TS: ts, LateSeq: lateSeq}
	if int(at.Input) < len(e.checkpoint.Progress.Inputs) {
		c.Input = e.checkpoint.Progress.Inputs[at.Input].Input
	}
	return c
}

func (e *Engine) outcomeReport(f *joiner.Fact, fate string) OutcomeReport {
	return OutcomeReport{EventRef: e.eventRef(f.Origin, f.Outcome.TS, f.LateSeq), Outcome: f.Outcome, Disposition: fate,
		Given: f.Given}
}

func (e *Engine) addPieces(s *RequestReport, stored *joiner.StoredRequest) error {
	d := &e.o.Decoders[events.KindRequest]
	for i := range stored.Pieces {
		scan, err := d.ScanRequest([]byte(stored.Pieces[i].Data))
		if err != nil {
			return err
		}
		s.Pieces = append(s.Pieces, e.eventRef(stored.Pieces[i].Origin, scan.TS, stored.Pieces[i].LateSeq))
	}
	return nil
}
