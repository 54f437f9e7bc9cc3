package jsonevent

import (
	"crypto/sha256"

	"github.com/labeljoin/labeljoin/events"
)

// DecodeHeld is DecodeOutcome for an outcome of a state, which may have been given to its
// request: then the request and the share are those, and the hash is of the event with its
// head, so that two shares of one outcome are told apart. See events.AppendAssigned.
func (d *Decoder) DecodeHeld(held []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(held)
	o, _, err := d.DecodeOutcome(data)
	if ok && err == nil {
		assign(&o, id, share, held)
	}
	return o, err
}

// Held is DecodeHeld, as fast as Outcome.
func (p *Parser) Held(held []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(held)
	o, _, err := p.Outcome(data)
	if ok && err == nil {
		assign(&o, id, share, held)
	}
	return o, err
}

// HeldView is Held for bytes that do not change as long as the outcome is used: its strings
// are parts of them. Its hash may be left out, and is HashOfHeld: most outcomes are told apart
// without it, and it takes as long as all the rest.
func (p *Parser) HeldView(held []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(held)
	o, _, err := p.view(data)
	if ok && err == nil {
		o.RequestID, o.Share = id, share
	}
	return o, err
}

// HashOfHeld is the hash of an outcome of a state.
func HashOfHeld(held []byte) [32]byte { return sha256.Sum256(held) }

func assign(o *events.Outcome, requestID string, share float64, held []byte) {
	o.RequestID, o.Share, o.Hash = requestID, share, sha256.Sum256(held)
}
