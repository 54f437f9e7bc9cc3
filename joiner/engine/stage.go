package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// inflightCommit is a commit being staged by a goroutine of its own. Everything in it
// but done belongs to that goroutine until done is closed.
type inflightCommit struct {
	cut    state.PendingCut
	at     state.Checkpoint // where the partition stood when it was cut
	view   state.View
	stage  Stage
	closed joiner.Ledger // what closing moved
	forget state.Forget
	result joiner.Cut
	cancel context.CancelFunc
	done   chan struct{}

	receipt joiner.Receipt
	err     error

	begun, ended time.Time
	measures     *Measures      // of its rows
	faults       rowFaults      // of the requests that it closes
	watch        labelWatch     // of labels that have counted nothing so far
	orphans      joiner.Orphans // outcomes whose request has not come
}

// stager is what staging a commit needs of the engine: nothing that changes.
type stager struct {
	machine   *joiner.Machine
	rulesHash string
	producer  string   // the attribute that says who brought an outcome
	decider   *decider // of this goroutine only
}

// run stages and commits. It must not touch the engine.
func (s stager) run(ctx context.Context, f *inflightCommit) {
	defer close(f.done)
	f.err = s.write(ctx, f)
	if err := f.view.Close(); f.err == nil {
		f.err = err
	}
	if f.err != nil {
		f.stage.Abort()
		return
	}
	s.book(f)
	if !f.result.Progress.Ledger.Balanced() {
		f.err = &BooksError{Ledger: f.result.Progress.Ledger}
		f.stage.Abort()
		return
	}
	if f.receipt, f.err = f.stage.Commit(ctx, &f.result); f.err != nil {
		f.stage.Abort()
	}
	f.ended = time.Now()
}

// write stages what the cut holds. Beside it the state is made durable as far as the
// cut, before there is a manifest: a state that does not know what it has committed
// would have to be rebuilt from the log.
func (s stager) write(ctx context.Context, f *inflightCommit) (err error) {
	synced := make(chan error, 1)
	go func() { synced <- f.view.Sync() }() // ended when write returns
	defer func() { err = errors.Join(err, <-synced) }()
	for _, step := range []func(*inflightCommit) error{s.closing, s.stages, s.outbox, s.deadLetters, s.forgotten} {
		if err := step(f); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// closing writes the requests that closed since the last commit.
func (s stager) closing(f *inflightCommit) error {
	for v, err := range s.decider.each(f.view, f.at.Committed, f.cut.Through, 0) {
		if err != nil {
			return err
		}
		f.closed.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted]++
		for fate, n := range v.disposed {
			f.closed.Kinds[events.KindOutcome].Disposed[fate] += n
		}
		f.faults.plus(v.faults)
		rows := v.decision.RowsReuse(f.cut.Known, joiner.ReasonClosed)
		f.watch.fates(v.fates, rows)
		f.faults.noteRows(s.decider.rules, &v.decision, &v.request)
		if len(v.history.Rows) > 0 {
			rows = joiner.UnlessEarly(&v.request, rows, v.history.Rows)
		}
		if err := s.rows(f, &v.request, rows); err != nil {
			return err
		}
	}
	return nil
}

func (s stager) rows(f *inflightCommit, req *events.Request, rows []joiner.Row) error {
	for i := range rows {
		f.watch.row(s.decider.rules, &rows[i], true)
		switch rows[i].LeftOut {
		case joiner.LeftOutUnseen:
			f.closed.Unseen++
		case joiner.LeftOutSampled:
			f.closed.SampledOut++
		default:
			if err := f.stage.Row(req, &rows[i]); err != nil {
				return err
			}
			f.measures.row(req.TS, &rows[i])
		}
	}
	return nil
}

// outbox writes the rows that were decided when an event came.
func (s stager) outbox(f *inflightCommit) error {
	for u, err := range f.view.Outbox(f.cut.RowsQueued) {
		if err != nil {
			return err
		}
		stored, ok, err := f.view.Request(u.Key)
		if err == nil && !ok {
			err = fmt.Errorf("a row of request %q is to be written, but the request is gone from the state: the state is damaged; delete its directory and it is rebuilt from the log", u.Key.ID)
		}
		if err != nil {
			return err
		}
		x := joiner.Entry{Request: stored}
		req, err := x.At(s.machine, u.LateSeq)
		if err != nil {
			return err
		}
		row := u.Row
		row.Item = itemIndex(&req, u.Item)
		if err := f.stage.Row(&req, &row); err != nil {
			return err
		}
		f.measures.row(req.TS, &row)
		f.watch.row(s.decider.rules, &row, false)
	}
	return nil
}

// itemIndex finds an item; one that the request no longer lists is appended.
func itemIndex(req *events.Request, item string) int {
	if item == "" {
		return -1
	}
	at := slices.IndexFunc(req.Items, func(i events.Item) bool { return i.ID == item })
	if at < 0 {
		req.Items = append(req.Items, events.Item{ID: item})
		at = len(req.Items) - 1
	}
	return at
}

func (s stager) deadLetters(f *inflightCommit) error {
	for d, err := range f.view.DeadLetters(f.cut.DeadLetters) {
		if err == nil {
			err = f.stage.DeadLetter(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgotten counts the orphans, and lists them for the state to drop.
func (s stager) forgotten(f *inflightCommit) error {
	f.forget = state.Forget{Cut: f.cut, Orphaned: f.at.Orphaned}
	orphans := map[orphanSource]int64{}
	known, t := map[joiner.RequestKey]*joiner.Distinct{}, &f.closed.Kinds[events.KindOutcome]
	for orphan, err := range f.view.Orphans(f.at.Orphaned, f.cut.Orphaned) {
		if err != nil {
			return err
		}
		o, of, err := s.orphan(&orphan)
		if err != nil {
			return err
		}
		distinct := known[of]
		if distinct == nil {
			distinct = &joiner.Distinct{SameID: s.machine.Rules.SameID}
			known[of] = distinct
		}
		switch {
		case orphan.Outcome.Booked:
		case distinct.Add(&o):
			t.Disposed[joiner.DispositionOrphan]++
			orphans[orphanSource{orphan.Outcome.Origin.Input, producerOf(&o, s.producer)}]++
		default:
			t.Disposed[joiner.DispositionDuplicate]++
		}
		f.forget.Orphans = append(f.forget.Orphans, joiner.RequestKey{TS: orphan.Outcome.Until, ID: of.ID})
	}
	for _, from := range slices.SortedFunc(maps.Keys(orphans), byOrphanSource) {
		c := joiner.OrphanCount{Stream: f.at.Progress.Inputs[from.input].Input, Producer: from.producer, Alone: orphans[from]}
		f.orphans = f.orphans.Plus(joiner.Orphans{c}, joiner.MostProducers)
	}
	return nil
}

// orphan decodes an outcome that waited, and says among which others it may be a copy: those
// of the request that it names or, where it names none, those of its key and its time.
func (s stager) orphan(orphan *state.Orphan) (o events.Outcome, of joiner.RequestKey, err error) {
	data, of := orphan.Outcome.Data, joiner.RequestKey{ID: strings.Clone(orphan.RequestID)}
	if joiner.IsUnnamed(of.ID) {
		of.TS = orphan.Outcome.TS
		if _, data, err = joiner.ReadUnnamed(data); err != nil {
			return o, of, err
		}
	}
	if o, _, err = s.machine.Decoders[events.KindOutcome].DecodeOutcome(data); err != nil {
		return o, of, joiner.Undecodable("outcome", orphan.Outcome.Origin, err)
	}
	return o, of, nil
}

// book completes the cut: where the partition stands once it is done.
func (s stager) book(f *inflightCommit) {
	f.closed.Rows, f.closed.Unfit = f.stage.Tallies()
	p := f.at.Progress
	p.Inputs, p.Clock = slices.Clone(p.Inputs), p.Clock.Clone()
	p.Commit = f.cut.Number
	moveDisposed(&p.Ledger, &f.closed)
	f.result = joiner.Cut{
		Number: f.cut.Number, Nonce: f.cut.Nonce, RulesHash: s.rulesHash,
		From: f.at.From, MaxEvent: f.at.MaxEvent, Closed: f.closed, Progress: p,
		Orphans: f.cut.Orphans.Plus(f.orphans, joiner.MostProducers),
	}
}

// moveDisposed moves what a commit closed from pending to its dispositions.
func moveDisposed(l, closed *joiner.Ledger) {
	for k := range l.Kinds {
		for d, n := range closed.Kinds[k].Disposed {
			l.Kinds[k].Disposed[d] += n
			l.Kinds[k].Pending -= n
		}
	}
	l.Rows += closed.Rows
	l.Unseen += closed.Unseen
	l.SampledOut += closed.SampledOut
	l.Unfit += closed.Unfit
}

// BooksError says that events were lost or counted twice. It stops the joiner.
type BooksError struct{ Ledger joiner.Ledger }

// Error implements error.
func (e *BooksError) Error() string {
	return fmt.Sprintf("the books do not balance, so the commit was not made: requests %+v, outcomes %+v; "+
		"this is a defect of labeljoin or a damaged state: delete the partition's state (the folder p0000 in state.dir; an embedded server's streams beside it are the log and must stay) to rebuild it from the log, and report it",
		e.Ledger.Kinds[events.KindRequest], e.Ledger.Kinds[events.KindOutcome])
}

// Refusal reports that a person has to decide.
func (e *BooksError) Refusal() bool { return true }
