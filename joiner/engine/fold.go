package engine

import (
	"context"
	"crypto/sha256"
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

func hash(data []byte) [32]byte { return sha256.Sum256(data) }

func hashText(text string) [32]byte { return hash([]byte(text)) }

// fold takes in the first limit events of a message. Those before the input's
// position were folded before and are passed over.
func (e *Engine) fold(ctx context.Context, m *events.Message, limit uint32) error {
	pos := &e.saved.Progress.Inputs[m.Input]
	if m.Seq < pos.Next {
		return nil
	}
	skip := uint32(0)
	if m.Seq == pos.Next {
		skip = pos.Skip
	}
	for index, data := range e.o.Decoders[m.Kind].Split(m.Data) {
		if index >= limit {
			return nil
		}
		if index < skip {
			continue
		}
		at := events.Origin{Input: m.Input, Seq: m.Seq, Index: index}
		// A batch applied before the event takes effect ends just before it.
		pos.Next, pos.Skip = m.Seq, index
		if err := e.event(ctx, m, at, data); err != nil {
			return err
		}
		pos.Skip = index + 1
		if e.events++; e.events >= maxBatch {
			if err := e.flush(ctx, false); err != nil {
				return err
			}
		}
	}
	pos.Next, pos.Skip = m.Seq+1, 0
	pos.Mark = m.Mark()
	e.volume.Bytes += int64(len(m.Data))
	return nil
}

// event takes in one event. The clock moves last: an event is judged by the
// watermark that those before it made.
func (e *Engine) event(ctx context.Context, m *events.Message, at events.Origin, data []byte) error {
	var ts events.Time
	var heartbeat bool
	var unknown int
	var err error
	var id string
	o := &e.decoded
	if m.Kind == events.KindRequest {
		var scan events.Scan
		scan, err = e.parsers[m.Kind].ScanRequest(data)
		ts, heartbeat, unknown, id = scan.TS, scan.Heartbeat, scan.Unknown, string(scan.ID)
	} else {
		var info events.Info
		*o, info, err = e.parsers[m.Kind].Outcome(data)
		ts, heartbeat, unknown, id = o.TS, info.Heartbeat, info.Unknown, o.RequestID
		if heartbeat {
			ts = info.HeartbeatTS
		}
	}
	if err == nil && !heartbeat {
		if err := e.settled(ctx, id); err != nil {
			return err
		}
	}
	switch reason := e.quarantined(ts, m.Stored); {
	case err != nil:
		e.tally(m.Kind).Read++
		e.reject(m, at, data, err)
		return nil
	case reason != "":
		e.tally(m.Kind).Read++
		e.setAside(reason, ts, m.Stored)
		e.deadLetter(m, at, data, joiner.Quarantined, reason, "it is stamped "+ts.String())
		return nil
	case heartbeat:
		e.ledger().Heartbeats++
		if m.Kind == events.KindOutcome {
			e.saved.Progress.Guard.Heartbeat(witnessed(ts, m.Stored))
		}
	case m.Kind == events.KindRequest:
		e.tally(m.Kind).Read++
		err = e.request(m, at, joiner.Place{TS: ts, ID: id}, data)
	default:
		e.tally(m.Kind).Read++
		e.saved.Progress.Guard.Outcome(e.rules, o)
		err = e.outcome(m, at, o, data)
	}
	e.ledger().UnknownFields += int64(unknown)
	e.saved.Progress.Clock.Observe(m.Kind, witnessed(ts, m.Stored))
	if !heartbeat {
		e.saved.MaxEvent = max(e.saved.MaxEvent, ts)
	}
	e.guard()
	return err
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
		e.deadLetter(m, at, data, joiner.Rejected, reject.Reason, reject.Detail)
		return
	}
	e.deadLetter(m, at, data, joiner.Rejected, "undecodable", err.Error())
}

// deadLetter keeps an event for a person to look at.
func (e *Engine) deadLetter(m *events.Message, at events.Origin, data []byte, d joiner.Disposition, reason, detail string) {
	e.dispose(m.Kind, d)
	if e.quiet {
		return
	}
	letter := events.DeadLetter{
		Origin: at, Input: e.o.Inputs[at.Input].Name, Kind: m.Kind,
		Reason: reason, Detail: detail, Stored: m.Stored, Data: data,
	}
	if e.o.Refused != nil {
		e.o.Refused(&letter)
	}
	e.o.Store.AddDeadLetter(&letter)
}
