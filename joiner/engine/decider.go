package engine

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// decider decides requests as their close left them: what came later is a matter
// of corrections. It is for one goroutine.
type decider struct {
	rules   *joiner.Rules
	machine joiner.Machine
	parsers [events.Kinds]*jsonevent.Parser
	outcome events.Outcome // scratch
	within  time.Duration  // after its request no outcome is looked at; 0: all are
	watched []int          // labels of which it is told how far outcomes come; see labelWatch

	batches [batchesAhead]decisionBatch // those of which are not in use are in spare
	spare   chan *decisionBatch
}

// decided is a request that was decided, and what became of its outcomes. Its
// memory is used again for the next one.
type decided struct {
	request  events.Request
	decision joiner.Decision
	disposed [joiner.Dispositions]int64
	history  joiner.History // what was written of it before
	isAlone  bool           // it is one event, without an outcome
	faults   rowFaults
	fates    []joiner.LabelFates // of the outcomes, by label that is watched
}

// Who has a decider.
const (
	deciderStaging = iota
	deciderPublishing
)

func newDecider(machine joiner.Machine) *decider {
	d := &decider{machine: machine, spare: make(chan *decisionBatch, batchesAhead)}
	for i := range d.batches {
		d.spare <- &d.batches[i]
	}
	for k := range d.parsers {
		d.parsers[k] = machine.Decoders[k].NewParser()
	}
	return d
}

// decide decides a request.
func (d *decider) decide(c *state.Closing, v *decided) error {
	base := c.History.LastBeforeClose()
	if err := d.decode(&c.Request, base, &v.request); err != nil {
		return err
	}
	clear(v.disposed[:])
	v.faults = nil
	v.fates = slices.Grow(v.fates[:0], len(d.watched))[:len(d.watched)]
	clear(v.fates)
	v.history, v.isAlone = c.History, len(c.Request.Pieces) == 1 && len(c.Request.Copies) == 0
	v.decision.Begin(d.rules, &v.request)
	for {
		h, err := c.Outcome()
		if err != nil {
			return err
		}
		if h == nil {
			v.faults.noteEdits(d.rules, &v.decision)
			return nil
		}
		v.isAlone = false
		if h.LateSeq > base || d.within > 0 && h.TS.Sub(v.request.TS) > d.within {
			continue
		}
		if d.outcome, err = d.parsers[events.KindOutcome].Stored(h.Data); err != nil {
			return joiner.Undecodable("outcome", h.Origin, err)
		}
		if d.rules.SameID == joiner.SameLast {
			d.edit(h, v)
			continue
		}
		fate := v.decision.Add(&d.outcome)
		if !h.Booked {
			v.disposed[fate]++
		}
		d.noteFate(v, &d.outcome, fate)
		v.faults.note(&v.decision, h, &d.outcome)
	}
}

// edit adds an outcome that others of its id may replace: what is known of it has to last until
// all are there.
func (d *decider) edit(h *joiner.StoredOutcome, v *decided) {
	f := d.rules.Fact(&d.outcome)
	f.Origin = h.Origin
	fate := v.decision.AddFact(new(f.Owned()))
	if !h.Booked {
		v.disposed[fate]++
	}
	d.noteFate(v, &d.outcome, fate)
}

// noteFate notices, for labels that are watched, how far an outcome came.
func (d *decider) noteFate(v *decided, o *events.Outcome, fate joiner.Disposition) {
	for i, label := range d.watched {
		v.fates[i].Note(&d.rules.Labels[label], o, o.TS.Sub(v.request.TS), fate)
	}
}

// decode decodes a request of one piece, which nearly all are, without allocating.
func (d *decider) decode(stored *joiner.StoredRequest, lateSeq uint32, into *events.Request) (err error) {
	if len(stored.Pieces) == 1 && stored.Pieces[0].LateSeq <= lateSeq {
		p := &stored.Pieces[0]
		if err := d.parsers[events.KindRequest].Request(p.Data, into); err != nil {
			return joiner.Undecodable("request", p.Origin, err)
		}
		return nil
	}
	d.machine.Rules = d.rules
	x := joiner.Entry{Request: *stored}
	*into, err = x.At(&d.machine, lateSeq)
	return err
}
