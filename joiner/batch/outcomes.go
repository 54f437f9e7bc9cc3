package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

// outcomeRead is an outcome that a worker has looked at.
type outcomeRead struct {
	at     events.Origin
	hash   uint64
	ts     events.Time
	data   []byte
	letter []byte // for the dead letters
	kept   bool   // it is for this pass
	info   jsonevent.Info
	err    error

	nameless bool // it names no request
	other    bool // it is of another part: only its time counts
}

// readOutcomes reads the log of outcomes, and holds those of the pass.
func (j *join) readOutcomes(ctx context.Context) error {
	const k = events.KindOutcome
	var spare sync.Pool // of *[]outcomeRead
	read := func(w *worker, b *events.Batch) *[]outcomeRead {
		some, ok := spare.Get().(*[]outcomeRead)
		if !ok {
			some = new([]outcomeRead)
		}
		*some = w.outcomes((*some)[:0], b)
		return some
	}
	err := each(ctx, j, j.o.Open[k], read, func(some *[]outcomeRead) error {
		for i := range *some {
			if err := j.countOutcome(&(*some)[i]); err != nil {
				return err
			}
		}
		clear(*some) // what they point to is large
		spare.Put(some)
		if j.outcomes.size() > j.o.Memory/2 && !j.passesFixed && j.passes < maxPasses {
			return errTooMuch
		}
		return nil
	})
	if err == nil {
		j.addShares()
		j.outcomes.sort(len(j.workers))
	}
	return err
}

// outcomes decodes the outcomes of a batch, in memory that is free. After the first pass those of other passes
// are not decoded any more.
func (w *worker) outcomes(some []outcomeRead, b *events.Batch) []outcomeRead {
	const k = events.KindOutcome
	some = slices.Grow(some, len(b.Messages))
	for i := range b.Messages {
		w.pieces(k, &b.Messages[i], func(at events.Origin, data []byte, made *events.Decoded) {
			if made != nil && made.Reject != nil {
				if w.j.first() {
					some = append(some, outcomeRead{at: at, letter: data, err: made.Reject})
				}
				return
			}
			if !w.j.first() || w.j.o.Keep != nil {
				id, ok := w.idOf(k, data)
				switch {
				case ok && len(id) == 0: // it names no request: see countNameless
					if !w.j.first() {
						return
					}
				case ok && !w.j.keeps(id):
					w.matchOther(data)
					some = w.appendOther(some, data)
					return
				case !w.j.first() && (!ok || !w.j.mine(hashOf(id))):
					return
				}
			}
			id, ts, info, err := w.parsers[k].ScanOutcome(data)
			r := outcomeRead{at: at, ts: ts, data: data, letter: letterOf(data, made), info: info, err: err}
			if err == nil {
				w.fields(k, info.Unknown, made)
			}
			if made != nil {
				r.info.Unknown += made.Unused
			}
			if err == nil && !info.Heartbeat {
				r.nameless = len(id) == 0
				if r.nameless {
					w.matchOther(data)
				}
				r.hash = hashOf(id)
				r.kept = !r.nameless && w.j.mine(r.hash)
			}
			some = append(some, r)
		})
	}
	return some
}

// appendOther adds an outcome of another part, of which only the time is asked.
func (w *worker) appendOther(some []outcomeRead, data []byte) []outcomeRead {
	if !w.j.first() || w.j.o.Complete {
		return some
	}
	_, ts, info, err := w.parsers[events.KindOutcome].ScanOutcome(data)
	switch {
	case err != nil:
		return some
	case info.Heartbeat:
		ts = info.HeartbeatTS
	}
	return append(some, outcomeRead{ts: ts, other: true})
}

// countOutcome counts an outcome and holds it.
func (j *join) countOutcome(r *outcomeRead) error {
	const k = events.KindOutcome
	if j.first() {
		if r.other || r.nameless {
			j.others = max(j.others, r.ts)
		}
		switch {
		case r.other:
			return nil
		case r.err != nil:
			j.tally(k).Read++
			return j.rejectError(k, r.at, r.letter, r.err)
		case r.info.Heartbeat:
			j.result.Ledger.Heartbeats++
			j.heartbeat = max(j.heartbeat, r.info.HeartbeatTS)
			j.observe(k, r.info.HeartbeatTS)
		case r.nameless && !j.countNameless(r):
			return nil
		default:
			j.tally(k).Read++
			j.observe(k, r.ts)
			j.result.MaxEvent = max(j.result.MaxEvent, r.ts)
			j.result.Outcomes[DayOf(r.ts)]++
		}
		j.result.Ledger.UnknownFields += int64(r.info.Unknown)
	}
	if r.kept {
		j.outcomes.add(r.hash, r.at, r.data)
	}
	return nil
}

func (j *join) rejectError(k events.Kind, at events.Origin, data []byte, err error) error {
	if reject, ok := errors.AsType[*events.RejectError](err); ok {
		return j.reject(k, at, data, reject.Reason, reject.Detail)
	}
	return j.reject(k, at, data, "undecodable", err.Error())
}

// limit rejects the outcomes that are more than an id may have: the first that arrived
// count. What is rejected moves no clock.
func (j *join) limit(ctx context.Context) error {
	if j.o.Limit <= 0 {
		return nil
	}
	t := j.outcomes
	var over []overflow
	for from, to := 0, 0; from < len(t.entries); from = to {
		for to = from; to < len(t.entries) && t.entries[to].hash == t.entries[from].hash; to++ {
		}
		if to-from <= j.o.Limit {
			continue
		}
		some, err := j.limitIDs(t.entries[from:to])
		if err != nil {
			return err
		}
		over = append(over, some...)
	}
	if len(over) > 0 && j.passes == 1 {
		if err := j.seenAgain(); err != nil {
			return err
		}
	}
	return j.rejectOver(ctx, over)
}

// overflow is an outcome that is more than its id may have.
type overflow struct {
	at   events.Origin
	data []byte
}

// rejectOver rejects outcomes that are too many. The dead letters keep the records that they
// were made of, for which the log is read again where a codec makes them: it is rare.
func (j *join) rejectOver(ctx context.Context, over []overflow) error {
	const k, reason = events.KindOutcome, "too_many_outcomes"
	detail := fmt.Sprintf("its request has %d outcomes already (limits.outcomes_per_request)", j.o.Limit)
	wanted := map[events.Origin]bool{}
	if slices.ContainsFunc(j.o.Codecs, func(c events.Codec) bool { return c != nil }) {
		for i := range over {
			wanted[over[i].at] = true
		}
	}
	if len(wanted) > 0 {
		read := func(w *worker, b *events.Batch) []outcomeRead { return w.outcomes(nil, b) }
		err := each(ctx, j, j.o.Open[k], read, func(some []outcomeRead) error {
			for i := range some {
				at := some[i].at
				if at.Input = uint8(k); !wanted[at] { // as entries have it
					continue
				}
				delete(wanted, at)
				if err := j.reject(k, at, some[i].letter, reason, detail); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(wanted) == 0 {
			return err
		}
		over = slices.DeleteFunc(over, func(o overflow) bool { return !wanted[o.at] }) // the log is another one now
	}
	for i := range over {
		if err := j.reject(k, over[i].at, over[i].data, reason, detail); err != nil {
			return err
		}
	}
	return nil
}

// limitIDs finds what is too much among the outcomes of one hash, in the order of arrival.
func (j *join) limitIDs(entries []entry) (over []overflow, err error) {
	const k = events.KindOutcome
	known := map[string]*joiner.Distinct{}
	counts := map[string]int{}
	for i := range entries {
		data, at := j.outcomes.data(&entries[i], nil)
		o, err := j.o.Decoders[k].DecodeStored(data)
		if err != nil {
			return nil, joiner.Undecodable("outcome", at, err)
		}
		d := known[o.RequestID]
		if d == nil {
			d = &joiner.Distinct{SameID: j.o.Rules.SameID}
			known[o.RequestID] = d
		}
		switch {
		case d.Has(&o):
		case counts[o.RequestID] < j.o.Limit:
			d.Add(&o)
			counts[o.RequestID]++
		default:
			j.outcomes.leave(&entries[i])
			switch _, given := events.AssignedTo(data); {
			case !given:
				over = append(over, overflow{at, data})
			case !entries[i].booked(): // it is not given to that request, and counted once
				j.tally(k).Disposed[joiner.DispositionOrphan]++
			}
		}
	}
	return over, nil
}

// seenAgain finds the largest time anew, without what was rejected since. The smallest one
// only says where the log begins.
func (j *join) seenAgain() error {
	const k = events.KindOutcome
	newest, memory := events.MinTime, []byte(nil)
	for i := range j.outcomes.entries {
		e := &j.outcomes.entries[i]
		if e.gone() {
			continue
		}
		var at events.Origin
		memory, at = j.outcomes.data(e, memory[:0])
		o, err := j.workers[0].parsers[k].StoredView(memory)
		if err != nil {
			return joiner.Undecodable("outcome", at, err)
		}
		newest = max(newest, o.TS)
	}
	j.result.Seen[k] = max(newest, j.heartbeat)
	return nil
}

// orphans counts the outcomes of the pass that no request has taken.
func (j *join) orphans() error {
	const k = events.KindOutcome
	t := j.outcomes
	for from, to := 0, 0; from < len(t.entries); from = to {
		known := map[string]*joiner.Distinct{}
		for to = from; to < len(t.entries) && t.entries[to].hash == t.entries[from].hash; to++ {
			if t.entries[to].gone() {
				continue
			}
			data, at := t.data(&t.entries[to], nil)
			o, err := j.workers[0].parsers[k].StoredView(data)
			if err != nil {
				return joiner.Undecodable("outcome", at, err)
			}
			if j.o.Rules.SameID == joiner.SameLast {
				o.Hash = jsonevent.HashOfStored(data)
			}
			j.workers[0].match(&o)
			if known[o.RequestID] == nil {
				known[o.RequestID] = &joiner.Distinct{SameID: j.o.Rules.SameID}
			}
			if t.entries[to].booked() {
				continue
			}
			if known[o.RequestID].Add(&o) {
				j.tally(k).Disposed[joiner.DispositionOrphan]++
				j.result.Orphans[DayOf(o.TS)]++
			} else {
				j.tally(k).Disposed[joiner.DispositionDuplicate]++
			}
		}
	}
	j.outcomes = nil
	return nil
}
