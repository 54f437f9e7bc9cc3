package archive

import (
	"crypto/sha256"
	"errors"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// Message adds the events of a message, as a decoder understands them. What it rejects goes
// to refuse, whose error ends the work. Heartbeats of requests say nothing that a join of
// whole logs needs, and are left out. It returns how many events, heartbeats too, were not
// rejected.
func (w *Writer) Message(m *events.Message, d *jsonevent.Decoder, refuse func(*events.DeadLetter) error) (n int,
	err error) {
	for index, data := range d.Split(m.Data) {
		rejected, err := w.event(m.Kind, data, d)
		if err != nil {
			return n, err
		}
		if rejected == nil {
			n++
			continue
		}
		letter := events.DeadLetter{
			Origin: events.Origin{Input: m.Input, Seq: m.Seq, Index: index}, Kind: m.Kind, Reason: "undecodable",
			Detail: rejected.Error(), Stored: m.Stored, Data: data,
		}
		if reject, ok := errors.AsType[*events.RejectError](rejected); ok {
			letter.Reason, letter.Detail = reject.Reason, reject.Detail
		}
		if err := refuse(&letter); err != nil {
			return n, err
		}
	}
	return n, nil
}

// event adds one event, or says why it is none.
func (w *Writer) event(kind events.Kind, data []byte, d *jsonevent.Decoder) (rejected, err error) {
	if kind == events.KindRequest {
		req, err := d.DecodeRequest(data)
		if err != nil || req.ID == "" {
			return err, nil
		}
		return nil, w.Request(&req, sha256.Sum256(data))
	}
	o, info, err := d.DecodeOutcome(data)
	switch {
	case err != nil:
		return err, nil
	case info.Heartbeat:
		return nil, w.Heartbeat(info.HeartbeatTS)
	}
	return nil, w.Outcome(&o)
}
