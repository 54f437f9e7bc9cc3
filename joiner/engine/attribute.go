package engine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// An outcome that names no request waits under its key, as those do whose request has not
// come, and stays there until it would be an orphan. When the watermark has passed it, the
// requests that it belongs to are found, and it is given to them, as outcomes of theirs; who
// has it stands beside it. Until then nothing closes that is stamped later: see
// joiner.Attributed. A request that comes after that, or changes, has the outcomes of its
// keys looked at again, which is noted in the state with it: see state.Moved.
//
// Invariant: of the outcomes that wait under keys and are stamped before
// Progress.Attributed.Through, each is with the requests that joiner.Attribution.Choose
// says, by all that are known, unless it is among state.Moved. So it does not matter when
// they came.

// attributing is what an engine keeps at hand for that; all of it can be read from the state.
type attributing struct {
	rules *joiner.Attribution
	index *keyIndex
	due   dueHeap // outcomes that wait for the watermark
	bytes int     // of those of them that are at hand

	request events.Request // scratch
}

func newAttributing(rules *joiner.Attribution) *attributing {
	if rules == nil {
		return nil
	}
	return &attributing{rules: rules, index: newKeyIndex(rules.Within)}
}

// beginAttributing makes the engine's own of what a state holds, after recovery.
func (e *Engine) beginAttributing() error {
	at := &e.checkpoint.Progress.Attributed
	if e.attr == nil {
		*at, e.checkpoint.Moved = joiner.Attributed{}, nil
		return nil
	}
	e.attr = newAttributing(e.attr.rules)
	if !at.On {
		*at = joiner.Attributed{On: true, Through: e.checkpoint.Progress.Read(e.rules.Lateness)}
	}
	v := e.o.Store.View()
	err := errors.Join(e.indexStored(v), e.collectDue(v, at.Through))
	return errors.Join(err, v.Close())
}

// indexStored puts the requests of a state into the index.
func (e *Engine) indexStored(v state.View) error {
	for h, err := range v.Stored(e.checkpoint.Forgotten, events.MaxTime) {
		if err != nil {
			return err
		}
		req := &e.attr.request
		if err := e.requestOf(&h.Request, req); err != nil {
			return err
		}
		if key, ok := e.attr.rules.KeyOfRequest(req); ok {
			e.attr.index.add(key, req.TS, h.Key)
		}
	}
	return nil
}

// requestOf decodes a request that is held, into memory that is used again.
func (e *Engine) requestOf(stored *joiner.StoredRequest, into *events.Request) (err error) {
	if len(stored.Pieces) > 1 {
		x := joiner.Entry{Request: *stored}
		*into, err = x.At(&e.machine, joiner.LateSeqAny)
		return err
	}
	if len(stored.Pieces) == 0 {
		return joiner.ErrNoPieces
	}
	piece := &stored.Pieces[0]
	if err := e.parsers[events.KindRequest].Request(piece.Data, into); err != nil {
		return joiner.Undecodable("request", piece.Origin, err)
	}
	return nil
}

// stepUnnamed takes in an outcome that names no request.
func (e *Engine) stepUnnamed(m *events.Message, ev *joiner.Event) {
	key, ok := e.attr.rules.KeyOfOutcome(ev.Outcome)
	if !ok {
		e.sightKeyless(ev.Origin, ev.Outcome)
		e.noteOrphans(e.sourceOf(ev), joiner.OrphanCount{Keyless: 1})
	} else if ev.Outcome.TS < e.now().Orphaned {
		e.noteOrphans(e.sourceOf(ev), joiner.OrphanCount{Late: 1})
	}
	if !ok || ev.Outcome.TS < e.now().Orphaned {
		e.dispose(m.Kind, joiner.DispositionOrphan)
		return
	}
	o := ev.Outcome
	stored := joiner.StoredOutcome{Origin: ev.Origin, Until: o.TS, TS: o.TS, ID: strings.Clone(o.ID), Hash: o.Hash,
		Data: joiner.AppendUnnamed(nil, nil, ev.Data)}
	e.o.Store.PutWaiting(key, &stored)
	e.tally(m.Kind).Pending++
	if e.reads() || o.TS >= e.checkpoint.Progress.Attributed.Through {
		met := events.MinTime
		if e.pace != nil {
			met = e.pace.watermark
		}
		e.attr.await(key, &stored, met)
		return
	}
	e.reconsider(key, o.TS, o.TS)
}

// reconsider notes that outcomes may have other requests now.
func (e *Engine) reconsider(key string, from, to events.Time) {
	if e.reads() || from >= e.checkpoint.Progress.Attributed.Through || !e.o.Store.HasWaiting(key) {
		return
	}
	e.checkpoint.Moved = append(slices.Clip(e.checkpoint.Moved), state.Moved{Key: []byte(key), From: from, To: to})
}

// keyed is a request as far as outcomes are given to it.
type keyed struct {
	ts      events.Time
	request joiner.RequestKey // one that has closed may have an earlier time since
	key     string
	ok      bool // it has a key
}

// keyedOf is what an entry says of its request.
func (e *Engine) keyedOf(x *joiner.Entry) (k keyed, err error) {
	if !x.Known {
		return keyed{}, nil
	}
	req, err := x.At(&e.machine, joiner.LateSeqAny)
	if err != nil {
		return keyed{}, err
	}
	k.ts, k.request = req.TS, x.Key
	k.key, k.ok = e.attr.rules.KeyOfRequest(&req)
	return k, nil
}

// requestAlone puts a request that came into the index, of which nothing was known.
func (e *Engine) requestAlone(ev *joiner.Event) error {
	if err := e.parsers[events.KindRequest].Request(string(ev.Data), &e.attr.request); err != nil {
		return joiner.Undecodable("request", ev.Origin, err)
	}
	key, ok := e.attr.rules.KeyOfRequest(&e.attr.request)
	e.requestChanged(keyed{}, keyed{ts: ev.Key.TS, request: ev.Key, key: key, ok: ok})
	return nil
}

// requestChanged notes what a request is now, and that its outcomes, before and after, may
// have other requests.
func (e *Engine) requestChanged(before, after keyed) {
	a := e.attr
	if before.ok && before != after {
		a.index.remove(before.key, before.ts, before.request)
	}
	if after.ok && before != after {
		a.index.add(after.key, after.ts, after.request)
	}
	if before.ok && before != after {
		e.reconsider(before.key, before.ts, before.ts.Add(a.rules.Within))
	}
	if after.ok { // its items may have changed
		e.reconsider(after.key, after.ts, after.ts.Add(a.rules.Within))
	}
}

// stepKeyed is a step with an event of a request, which may change what its outcomes are.
func (e *Engine) stepKeyed(x *joiner.Entry, ev *joiner.Event, now joiner.Now) (joiner.Effects, error) {
	before, err := e.keyedOf(x)
	if err != nil {
		return joiner.Effects{}, err
	}
	fx, err := e.machine.Step(x, ev, now)
	if err != nil || fx.Disposition == joiner.DispositionDuplicate || fx.Reject != nil {
		return fx, err // nothing about the request has changed
	}
	after, err := e.keyedOf(x)
	e.requestChanged(before, after)
	return fx, err
}

// attribute gives outcomes to the requests that they belong to: those that are to be looked
// at again, and those that the watermark has passed. It is done before the next event, and
// before anything closes.
func (e *Engine) attribute(ctx context.Context) error {
	if e.attr == nil || e.reads() {
		return nil
	}
	for len(e.checkpoint.Moved) > 0 {
		m := e.checkpoint.Moved[0]
		if err := e.assignBetween(ctx, string(m.Key), m.From, m.To); err != nil {
			return err
		}
		e.checkpoint.Moved, e.unapplied = e.checkpoint.Moved[1:], true
	}
	return e.attributeTo(ctx, e.checkpoint.Progress.Read(e.rules.Lateness))
}

// attributeTo gives the outcomes stamped before a time to their requests.
func (e *Engine) attributeTo(ctx context.Context, to events.Time) error {
	through := &e.checkpoint.Progress.Attributed.Through
	for len(e.attr.due) > 0 && e.attr.due[0].ts < to {
		next, stored := e.attr.next()
		*through = max(*through, next.ts)
		if e.pace != nil { // what was forgotten when they were given for the first time has none of them
			e.pace.watermark = max(next.ts, next.met)
		}
		if stored == nil {
			if err := e.assignBetween(ctx, next.key, next.ts, next.ts); err != nil {
				return err
			}
		}
		for _, h := range stored {
			if h.TS < e.now().Orphaned {
				continue
			}
			if err := e.assign(ctx, next.key, h); err != nil {
				return err
			}
		}
	}
	*through = max(*through, to)
	return nil
}

// attributeRebuilt gives the outcomes that were read again to the requests that had them when
// a commit was cut.
func (e *Engine) attributeRebuilt(ctx context.Context, cut *joiner.Cut) error {
	if e.attr == nil {
		return nil
	}
	to := cut.Progress.Read(e.rules.Lateness)
	if cut.Progress.Attributed.On { // it does not go back, though the configuration may have more lateness now
		to = cut.Progress.Attributed.Through
	}
	return e.attributeTo(ctx, to)
}

// assignBetween gives the outcomes of a key to their requests, those stamped from..to, both
// included.
func (e *Engine) assignBetween(ctx context.Context, key string, from, to events.Time) error {
	if err := e.flushIfDirty(ctx, key); err != nil {
		return err
	}
	stored, err := e.o.Store.Waiting(key, from, to.Add(1))
	if err != nil {
		return err
	}
	orphaned, through := e.now().Orphaned, e.checkpoint.Progress.Attributed.Through
	slices.SortFunc(stored, func(a, b joiner.StoredOutcome) int { return compareStoredOutcomes(&a, &b) })
	for i := range stored {
		h := &stored[i]
		due := from != to && h.TS >= through // it is looked at when the watermark has passed it
		if h.TS < orphaned || due {
			continue
		}
		if err := e.assign(ctx, key, h); err != nil {
			return err
		}
	}
	return nil
}

// assign gives one outcome to its requests, and takes it from those that it does not belong
// to any more. All that has to be read is applied before; then all is in one batch.
func (e *Engine) assign(ctx context.Context, key string, h *joiner.StoredOutcome) error {
	has, data, err := joiner.ReadUnnamed(h.Data)
	if err != nil {
		return err
	}
	o, _, err := e.o.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		return joiner.Undecodable("outcome", h.Origin, err)
	}
	wants, err := e.choose(ctx, key, &o)
	if err != nil || slices.Equal(has, wants) {
		return err
	}
	moves, dirty := movesOf(has, wants), false
	for _, m := range moves {
		dirty = dirty || e.o.Store.Dirty(m.id)
	}
	if dirty {
		if err := e.flush(ctx, false); err != nil {
			return err
		}
	}
	booked := h.Booked
	for i := range moves {
		if err := e.moveShare(&moves[i], h, o, data, &booked); err != nil {
			return err
		}
	}
	e.o.Store.DeleteWaiting(key, h)
	h.Booked, h.Data = booked, joiner.AppendUnnamed(nil, wants, data)
	e.o.Store.PutWaiting(key, h)
	e.unapplied = true
	return nil
}

// choose finds the requests that an outcome belongs to.
func (e *Engine) choose(ctx context.Context, key string, o *events.Outcome) ([]joiner.Assigned, error) {
	rules, forgotten := e.attr.rules, e.now().Forgotten
	var request joiner.RequestKey // of the one that is looked at
	matching := func(yield func(joiner.RequestKey, error) bool) {
		for p := range e.attr.index.find(key, o.TS.Add(-rules.Within), o.TS, rules.FromFirst()) {
			if request = p.request; request.TS >= forgotten && !yield(joiner.RequestKey{TS: p.ts, ID: request.ID}, nil) {
				return
			}
		}
	}
	return rules.Choose(iter.Seq2[joiner.RequestKey, error](matching), func(joiner.RequestKey) (bool, error) {
		return e.lists(ctx, request, o)
	})
}

// lists reports whether a request has the item that an outcome asks for.
func (e *Engine) lists(ctx context.Context, p joiner.RequestKey, o *events.Outcome) (bool, error) {
	if !e.attr.rules.Item {
		return true, nil
	}
	if err := e.flushIfDirty(ctx, p.ID); err != nil {
		return false, err
	}
	stored, _, ok, err := e.o.Store.Get(p)
	if !ok || err != nil {
		return false, err
	}
	if err := e.requestOf(&stored, &e.attr.request); err != nil {
		return false, err
	}
	return e.attr.rules.Lists(&e.attr.request, o), nil
}

// shareMove is what changes for one request: what it has of an outcome goes, and it is
// given a share, or neither.
type shareMove struct {
	id     string
	remove bool
	give   bool
	share  float64
}

// movesOf are the changes from those who have an outcome to those it belongs to. What is
// taken comes first.
func movesOf(has, wants []joiner.Assigned) []shareMove {
	var moves []shareMove
	for _, a := range has {
		if !slices.ContainsFunc(wants, func(b joiner.Assigned) bool { return a.ID == b.ID }) {
			moves = append(moves, shareMove{id: a.ID, remove: true})
		}
	}
	for _, b := range wants {
		at := slices.IndexFunc(has, func(a joiner.Assigned) bool { return a.ID == b.ID })
		if at < 0 || has[at].Share != b.Share {
			moves = append(moves, shareMove{id: b.ID, remove: at >= 0, give: true, share: b.Share})
		}
	}
	return moves
}

// moveShare does what changes for one request. booked says whether the outcome is counted.
func (e *Engine) moveShare(move *shareMove, h *joiner.StoredOutcome, o events.Outcome, data []byte,
	booked *bool) error {
	now := e.now()
	ev := joiner.Event{Origin: h.Origin, Outcome: &o, Booked: *booked, Key: joiner.RequestKey{TS: o.TS, ID: move.id}}
	found, err := e.find(move.id, &ev, now)
	if found == nil || err != nil {
		return err // it is forgotten
	}
	delete(e.hot, move.id)
	var give *joiner.Event
	if move.give {
		give = &ev
		ev.Data = events.AppendAssigned(nil, move.id, move.share, data)
		if o, err = e.o.Decoders[events.KindOutcome].DecodeStored(ev.Data); err != nil {
			return joiner.Undecodable("outcome", h.Origin, err)
		}
		if fx, alone := e.machine.Alone(give, found, e.o.Store.OutcomeCount(move.id), now); alone && !move.remove {
			e.alone.Key = found.Key
			e.bookShare(&fx, booked)
			return e.save(nil, &e.alone, nil, &fx)
		}
	}
	x, err := e.load(move.id, found)
	if err == nil {
		err = e.loadOutcomes(x)
	}
	if err != nil {
		return err
	}
	fx, back, err := e.machine.Assign(x, h.Origin, give, now)
	if err != nil {
		return err
	}
	if *booked = *booked && !back; give != nil {
		e.bookShare(&fx, booked)
	}
	return e.save(nil, x, nil, &fx)
}

// bookShare counts an outcome with the first request that takes it.
func (e *Engine) bookShare(fx *joiner.Effects, booked *bool) {
	if *booked || fx.Reject != nil {
		return
	}
	if *booked = true; !fx.Pending {
		e.tally(events.KindOutcome).Pending--
		e.dispose(events.KindOutcome, fx.Disposition)
	}
}

func compareStoredOutcomes(a, b *joiner.StoredOutcome) int {
	x, y := events.Outcome{TS: a.TS, ID: a.ID, Hash: a.Hash}, events.Outcome{TS: b.TS, ID: b.ID, Hash: b.Hash}
	return joiner.Order(&x, &y)
}
