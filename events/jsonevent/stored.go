package jsonevent

import (
	"crypto/sha256"

	"github.com/labeljoin/labeljoin/events"
)

// DecodeStored is DecodeOutcome for an outcome of a state, which may have been given to its
// request: then the request and the share are those, and the hash is of the event with its
// head, so that two shares of one outcome are told apart. See events.AppendAssigned.
func (d *Decoder) DecodeStored(stored []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(stored)
	o, _, err := d.DecodeOutcome(data)
	if ok && err == nil {
		assign(&o, id, share, stored)
	}
	return o, err
}

// Stored is DecodeStored, as fast as Outcome.
func (p *Parser) Stored(stored []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(stored)
	o, _, err := p.Outcome(data)
	if ok && err == nil {
		assign(&o, id, share, stored)
	}
	return o, err
}

// StoredView is Stored for bytes that do not change as long as the outcome is used: its strings
// are parts of them. Its hash may be left out, and is HashOfStored: most outcomes are told apart
// without it, and it takes as long as all the rest.
func (p *Parser) StoredView(stored []byte) (events.Outcome, error) {
	id, share, data, ok := events.Assigned(stored)
	o, _, err := p.view(data)
	if ok && err == nil {
		o.RequestID, o.Share = id, share
	}
	return o, err
}

// HashOfStored is the hash of an outcome of a state.
func HashOfStored(stored []byte) [32]byte { return sha256.Sum256(stored) }

func assign(o *events.Outcome, requestID string, share float64, stored []byte) {
	o.RequestID, o.Share, o.Hash = requestID, share, sha256.Sum256(stored)
}
