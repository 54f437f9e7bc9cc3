package engine

import (
	"context"
	"errors"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// maxBatch is how many events are folded before they are applied. A batch of
// a thousand makes the cost of applying one small beside that of folding it.
const maxBatch = 1000

// fullBatch is how many events are applied though the sources have more to say. A
// joiner that keeps up is handed them a few at a time; applied like that, each few
// would write down where the state stands, and cut a group of requests short.
const fullBatch = maxBatch / 2

// fold takes in the first limit events of a message. Those before the input's
// position were folded before and are passed over.
func (e *Engine) fold(ctx context.Context, m *events.Message, limit uint32) error {
	pos := &e.checkpoint.Progress.Inputs[m.Input]
	if m.Seq < pos.Next {
		return nil
	}
	skip := uint32(0)
	if m.Seq == pos.Next {
		skip = pos.Skip
	}
	var done bool
	var err error
	if e.codec(m) == nil {
		done, err = e.foldOwn(ctx, m, skip, limit)
	} else {
		done, err = e.foldCoded(ctx, m, skip, limit)
	}
	if !done || err != nil {
		return err
	}
	pos.Next, pos.Skip = m.Seq+1, 0
	pos.Mark = m.Mark()
	e.volume.Bytes += int64(len(m.Data))
	return nil
}

// foldOwn takes in the events from skip up to limit of a message in labeljoin's own
// format; done says that it has taken in the whole message.
func (e *Engine) foldOwn(ctx context.Context, m *events.Message, skip, limit uint32) (done bool, err error) {
	pos := &e.checkpoint.Progress.Inputs[m.Input]
	for index, data := range e.o.Decoders[m.Kind].Split(m.Data) {
		if index >= limit {
			return false, nil
		}
		if index < skip {
			continue
		}
		at := events.Origin{Input: m.Input, Seq: m.Seq, Index: index}
		// A batch applied before the event takes effect ends just before it.
		pos.Next, pos.Skip = m.Seq, index
		if err := e.event(ctx, m, at, data); err != nil {
			return false, err
		}
		if err := e.passed(ctx, pos, index); err != nil {
			return false, err
		}
	}
	return true, nil
}

// passed counts an event of a message as folded, and applies the batch if it is full.
func (e *Engine) passed(ctx context.Context, pos *events.Position, index uint32) error {
	pos.Skip = index + 1
	if e.events++; e.events >= maxBatch {
		return e.flush(ctx, false)
	}
	return nil
}

// event takes in one event. The clock moves last: an event is judged by the
// watermark that those before it made. What is rejected moves nothing.
func (e *Engine) event(ctx context.Context, m *events.Message, at events.Origin, data []byte) error {
	if err := e.attribute(ctx); err != nil {
		return err
	}
	d, err := e.decode(m, at, data)
	if e.pace != nil {
		e.pace.at(&e.checkpoint.Progress.Clock, at.Input, at.Seq, at.Index)
	}
	if err == nil {
		e.sightEvent(m.Kind, d.unknown, d.unheld)
	}
	if err == nil && !d.heartbeat {
		if err := e.flushIfDirty(ctx, d.event.Key.ID); err != nil {
			return err
		}
	}
	switch reason := e.quarantined(d.ts, m.Stored); {
	case err != nil:
		e.tally(m.Kind).Read++
		e.reject(m, at, data, err)
		return nil
	case reason != "":
		e.tally(m.Kind).Read++
		e.setAside(reason, d.ts, m.Stored)
		e.deadLetter(m, at, data, joiner.DispositionQuarantined, reason, "it is stamped "+d.ts.String()+e.hintOfUnit(m, data))
		return nil
	case d.heartbeat:
		e.ledger().Heartbeats++
		if m.Kind == events.KindOutcome {
			e.checkpoint.Progress.Guard.Heartbeat(witnessed(d.ts, m.Stored))
		}
	default:
		e.tally(m.Kind).Read++
		if m.Kind == events.KindRequest {
			e.volume.Rows++
		}
		reject, err := e.step(m, &d.event)
		if reject != nil || err != nil {
			return err
		}
		if m.Kind == events.KindOutcome {
			e.guardOutcome(d.event.Outcome)
			e.sightOutcome(at, d.event.Outcome)
		}
		e.checkpoint.MaxEvent = max(e.checkpoint.MaxEvent, d.ts)
	}
	e.ledger().UnknownFields += int64(d.unknown)
	e.checkpoint.Progress.Clock.ObserveAt(e.source(m), m.Kind, witnessed(d.ts, m.Stored))
	e.guard()
	return nil
}

// decoded is an event, as far as it has to be decoded to be taken in.
type decoded struct {
	ts        events.Time
	heartbeat bool
	unknown   int // fields
	unheld    int // values
	event     joiner.Event
}

// decode finds out what an event is. An outcome is good until the next call.
func (e *Engine) decode(m *events.Message, at events.Origin, data []byte) (d decoded, err error) {
	d.event = joiner.Event{Origin: at, Data: data}
	if m.Kind == events.KindRequest {
		scan, err := e.parsers[m.Kind].ScanRequest(data)
		d.ts, d.heartbeat, d.unknown, d.unheld = scan.TS, scan.Heartbeat, scan.Unknown, scan.Unheld
		d.event.Key = joiner.RequestKey{TS: scan.TS, ID: string(scan.ID)}
		return d, err
	}
	o, info, err := e.parsers[m.Kind].Outcome(data)
	e.decoded = o
	d.ts, d.heartbeat, d.unknown, d.unheld = o.TS, info.Heartbeat, info.Unknown, info.Unheld
	if d.heartbeat {
		d.ts = info.HeartbeatTS
	}
	d.event.Outcome, d.event.Key = &e.decoded, joiner.RequestKey{TS: o.TS, ID: o.RequestID}
	return d, err
}

// witnessed is how far an event stamped ts moves the clock: at most to the time
// at which the broker stored it. What is stamped later than that was stamped by
// a clock that is fast, and other producers have not come that far. Logs in files
// have no broker's time.
func witnessed(ts, stored events.Time) events.Time {
	if stored == events.MinTime {
		return ts
	}
	return min(ts, stored)
}

func (e *Engine) reject(m *events.Message, at events.Origin, data []byte, err error) {
	var reject *events.RejectError
	if errors.As(err, &reject) {
		e.deadLetter(m, at, data, joiner.DispositionRejected, reject.Reason, reject.Detail)
		return
	}
	e.deadLetter(m, at, data, joiner.DispositionRejected, "undecodable", err.Error())
}

// deadLetter keeps an event for a person to look at.
func (e *Engine) deadLetter(m *events.Message, at events.Origin, data []byte, d joiner.Disposition, reason,
	detail string) {
	e.dispose(m.Kind, d)
	if e.mode.rereads() {
		return
	}
	if e.codec(m) != nil {
		data = m.Data // the record, from which a corrected mapping can make an event
	}
	letter := events.DeadLetter{
		Origin: at, Input: e.o.Inputs[at.Input].Name, Kind: m.Kind,
		Reason: reason, Detail: detail, Stored: m.Stored, Data: data, Subject: m.Subject,
	}
	if m.Envelope != nil {
		letter.Header = m.Envelope.Header
	}
	if e.o.Refused != nil {
		e.o.Refused(&letter)
	}
	e.o.Store.AddDeadLetter(&letter)
}
