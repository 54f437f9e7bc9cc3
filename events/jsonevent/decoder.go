package jsonevent

import (
	"crypto/sha256"

	"github.com/labeljoin/labeljoin/events"
)

// Decoder turns JSON into events. Its zero value has the documented defaults.
// It holds no state, so one may be used from several goroutines.
//
// An event is rejected if it is not strict JSON: RFC 8259, no member named twice in
// any object, no deeper and no larger than the limits. Two things are understood
// beside it: a value that cannot be held (see unheld.go) counts as null, and ids
// written as numbers and numbers written as text are what they say (see understand). Whether it is JSON at all is
// judged before what it says, so
// a truncated event is not_json whatever else is wrong with it. Names of fields
// are compared exactly: "Request_ID" is an unknown field. A field whose value
// is null counts as not given.
type Decoder struct {
	Unit      events.Unit // of timestamps given as numbers
	Separator string      // between the names of nested features; "" means "_"
	MaxBytes  int         // of one event; 0 means 1 MiB
	MaxDepth  int         // of nested objects and lists, the event itself being 1; 0 means 32
	// Unnamed says that an outcome need not name its request: its RequestID is empty then.
	Unnamed bool
}

func (d *Decoder) separator() string {
	if d.Separator == "" {
		return "_"
	}
	return d.Separator
}

func (d *Decoder) maxBytes() int {
	if d.MaxBytes <= 0 {
		return 1 << 20
	}
	return d.MaxBytes
}

func (d *Decoder) maxDepth() int {
	if d.MaxDepth <= 0 {
		return 32
	}
	return d.MaxDepth
}

// DecodeRequest decodes a whole request. It accepts and rejects exactly what
// ScanRequest does; the error is a *RejectError. Of a heartbeat it returns a
// Request that has nothing but its TS: no other has an empty ID.
//
// The strings of the result, except ID, share one copy of the event: a caller who
// keeps one for long should clone it.
func (d *Decoder) DecodeRequest(raw []byte) (events.Request, error) {
	s := scanner{data: raw}
	found, err := s.event(d, inRequest)
	if err != nil {
		return events.Request{}, err
	}
	if found.Heartbeat {
		return events.Request{TS: found.TS}, nil
	}
	b := builder{text: string(raw), separator: d.separator(), fields: make([]events.Field, 0, s.leaves),
		odd: found.Unheld > 0}
	req := events.Request{
		ID:           string(found.ID),
		TS:           found.TS,
		Model:        b.string(s.spans[fieldModel]),
		ModelVersion: b.string(s.spans[fieldModelVersion]),
		UserID:       b.string(s.spans[fieldUserID]),
	}
	req.Score, req.HasScore = b.float(s.spans[fieldScore])
	if at := s.spans[fieldFeatures]; at.given() {
		req.Features, _ = b.features(at.start)
	}
	if at := s.spans[fieldItems]; at.given() {
		req.Items = b.items(at.start, s.items)
	}
	return req, nil
}

// Info is what DecodeOutcome learns beside the outcome.
type Info struct {
	Heartbeat   bool        // it is a heartbeat and no outcome
	HeartbeatTS events.Time // of the heartbeat
	Unknown     int         // fields that nothing here knows
	Unheld      int         // values that nothing here can hold, which count as null
}

// DecodeOutcome decodes an outcome or a heartbeat, which leaves the Outcome
// empty. The error is a *RejectError.
//
// An outcome_id that is empty counts as not given. An item_id that is empty is
// rejected: taken as not given, it would label every item of the request.
func (d *Decoder) DecodeOutcome(raw []byte) (events.Outcome, Info, error) {
	return d.decodeOutcome(raw, nil)
}

func (d *Decoder) decodeOutcome(raw []byte, names *unknownNames) (events.Outcome, Info, error) {
	s := scanner{data: raw, names: names}
	found, err := s.event(d, inOutcome)
	if err != nil {
		return events.Outcome{}, Info{}, err
	}
	if found.Heartbeat {
		return events.Outcome{}, Info{Heartbeat: true, HeartbeatTS: found.TS, Unknown: found.Unknown, Unheld: found.Unheld},
			nil
	}
	out := events.Outcome{RequestID: string(found.ID), TS: found.TS, Hash: sha256.Sum256(raw)}
	out.ID = string(s.text(s.spans[fieldOutcomeID]))
	out.Type = string(s.text(s.spans[fieldType]))
	out.ItemID = string(s.text(s.spans[fieldItemID]))
	if at := s.spans[fieldValue]; at.given() {
		out.Value, out.HasValue = finite(string(raw[at.start:at.end]))
	}
	if at := s.spans[fieldAttrs]; at.given() {
		b := builder{text: string(raw[at.start:at.end]), odd: found.Unheld > 0}
		out.Attrs, _ = b.object(0)
	}
	return out, Info{Unknown: found.Unknown, Unheld: found.Unheld}, nil
}
