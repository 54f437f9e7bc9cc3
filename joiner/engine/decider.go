package engine

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// decider decides requests as their close left them: what came later is a matter
// of corrections. It does so in memory that it uses again, for one goroutine.
type decider struct {
	rules    *joiner.Rules
	decoders *[events.Kinds]events.Decoder
	parsers  [events.Kinds]*events.Parser

	// The request decided last, and what became of its outcomes.
	request  events.Request
	decision joiner.Decision
	fates    [joiner.Dispositions]int64
	outcome  events.Outcome
}

// Who has a decider.
const (
	staging = iota
	announcer
)

func newDecider(decoders *[events.Kinds]events.Decoder) *decider {
	d := &decider{decoders: decoders}
	for k := range d.parsers {
		d.parsers[k] = decoders[k].NewParser()
	}
	return d
}

// decide leaves its answer in d.
func (d *decider) decide(c *Closing) error {
	if err := d.decode(&c.Request); err != nil {
		return err
	}
	clear(d.fates[:])
	d.decision.Begin(d.rules, &d.request)
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
		d.fates[d.decision.Add(&d.outcome)]++
	}
}

// decode decodes a request of one piece, which nearly all are, without allocating.
func (d *decider) decode(held *joiner.HeldRequest) (err error) {
	if len(held.Pieces) == 1 && held.Pieces[0].Round <= base {
		p := &held.Pieces[0]
		if err := d.parsers[events.KindRequest].Request(p.Data, &d.request); err != nil {
			return undecodable("request", p.Origin, err)
		}
		return nil
	}
	d.request, err = assemble(d.rules, &d.decoders[events.KindRequest], held, base)
	return err
}

func undecodable(what string, at events.Origin, err error) error {
	return fmt.Errorf("decoding a held %s, which was accepted when it was read (message %d): %w", what, at.Seq, err)
}
