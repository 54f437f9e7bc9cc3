package engine

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// decider decides requests as their close left them: what came later is a matter
// of corrections. It is for one goroutine.
type decider struct {
	rules    *joiner.Rules
	decoders *[events.Kinds]events.Decoder
	parsers  [events.Kinds]*events.Parser
	outcome  events.Outcome // scratch

	verdicts [batchesAhead]verdicts // those of which are not in use are in spare
	spare    chan *verdicts
}

// verdict is a request that was decided, and what became of its outcomes. Its
// memory is used again for the next one.
type verdict struct {
	request  events.Request
	decision joiner.Decision
	fates    [joiner.Dispositions]int64
	standing []joiner.Standing // what was written of it before
}

// Who has a decider.
const (
	staging = iota
	announcer
)

func newDecider(decoders *[events.Kinds]events.Decoder) *decider {
	d := &decider{decoders: decoders, spare: make(chan *verdicts, batchesAhead)}
	for i := range d.verdicts {
		d.spare <- &d.verdicts[i]
	}
	for k := range d.parsers {
		d.parsers[k] = decoders[k].NewParser()
	}
	return d
}

// decide decides a request.
func (d *decider) decide(c *Closing, v *verdict) error {
	if err := d.decode(&c.Request, &v.request); err != nil {
		return err
	}
	clear(v.fates[:])
	v.standing = c.History.Rows
	v.decision.Begin(d.rules, &v.request)
	for {
		h, err := c.Outcome()
		if h == nil || err != nil {
			return err
		}
		if h.Round > base {
			continue
		}
		if d.outcome, _, err = d.parsers[events.KindOutcome].Outcome(h.Data); err != nil {
			return undecodable("outcome", h.Origin, err)
		}
		v.fates[v.decision.Add(&d.outcome)]++
	}
}

// decode decodes a request of one piece, which nearly all are, without allocating.
func (d *decider) decode(held *joiner.HeldRequest, into *events.Request) (err error) {
	if len(held.Pieces) == 1 && held.Pieces[0].Round <= base {
		p := &held.Pieces[0]
		if err := d.parsers[events.KindRequest].Request(p.Data, into); err != nil {
			return undecodable("request", p.Origin, err)
		}
		return nil
	}
	*into, err = assemble(d.rules, &d.decoders[events.KindRequest], held, base)
	return err
}

func undecodable(what string, at events.Origin, err error) error {
	return fmt.Errorf("decoding a held %s, which was accepted when it was read (message %d): %w", what, at.Seq, err)
}
