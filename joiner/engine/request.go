package engine

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// maxCopies is how many different events of one request are told apart. A
// request written in more pieces than this is a mistake, and costs no more.
const maxCopies = 1000

// request takes in a request event.
func (e *Engine) request(m *events.Message, at events.Origin, p joiner.Place, data []byte) error {
	w := e.watermark()
	e.volume.Rows++
	found, known, err := e.find(p.ID, w)
	if err != nil {
		return err
	}
	if known {
		return e.again(m, at, found.Place, p.TS, data)
	}
	phase := e.phase(p.TS, w)
	if phase == joiner.Forgotten || p.TS < e.rules.Decided() {
		e.dispose(events.KindRequest, joiner.Expired)
		return nil
	}
	e.saved.Progress.Guard.Request(e.rules, p.TS)
	if phase != joiner.Open {
		return e.lateRequest(p, at, data, w)
	}
	e.o.Store.AddRequest(p, at, data)
	e.tally(events.KindRequest).Pending++
	outcomes, err := e.adopt(p, w)
	if err != nil || !e.watched() || e.o.Store.OutcomeCount(p.ID) == 0 {
		return err
	}
	held := heldRequest(at, data)
	return e.react(p, p, &held, outcomes)
}

// heldRequest is how a request is held that has one event so far.
func heldRequest(at events.Origin, data []byte) joiner.HeldRequest {
	return joiner.HeldRequest{Pieces: []joiner.HeldPiece{{Origin: at, Data: string(data)}}}
}

// lateRequest takes in a request that comes when it should have closed before.
func (e *Engine) lateRequest(p joiner.Place, at events.Origin, data []byte, w events.Time) error {
	held := heldRequest(at, data)
	held.Late = true
	e.o.Store.PutRequest(p, &held)
	outcomes, err := e.adopt(p, w)
	if err != nil {
		return err
	}
	e.dispose(events.KindRequest, joiner.LateArrival)
	return e.closeLate(p, p, &held, outcomes)
}

// adopt gives a request the outcomes that came before it, in Order. Those that
// were orphans by then stay so: the next commit counts them.
func (e *Engine) adopt(p joiner.Place, w events.Time) ([]joiner.HeldOutcome, error) {
	if !e.o.Store.HasWaiting(p.ID) {
		return nil, nil
	}
	waiting, err := e.o.Store.Waiting(p.ID)
	if err != nil {
		return nil, err
	}
	orphaned := e.orphaned(w)
	waiting = slices.DeleteFunc(waiting, func(h joiner.HeldOutcome) bool { return h.TS < orphaned })
	for i := range waiting {
		e.o.Store.DeleteWaiting(p.ID, &waiting[i])
		e.o.Store.PutOutcome(p, &waiting[i])
	}
	slices.SortFunc(waiting, orderHeld)
	return waiting, nil
}

// again takes in another event of a known request.
func (e *Engine) again(m *events.Message, at events.Origin, p joiner.Place, ts events.Time, data []byte) error {
	held, err := e.load(p)
	if err != nil {
		return err
	}
	sum := hash(data)
	same := func(h joiner.HeldPiece) bool { return hashText(h.Data) == sum }
	if slices.Contains(held.Copies, sum) || slices.ContainsFunc(held.Pieces, same) {
		e.dispose(events.KindRequest, joiner.Duplicate)
		return nil
	}
	if len(held.Copies)+len(held.Pieces) >= maxCopies {
		e.deadLetter(m, at, data, joiner.Rejected, "too_many_copies", "its request has 1000 different copies already")
		return nil
	}
	if e.rules.Merge {
		e.dispose(events.KindRequest, joiner.Merged)
	} else {
		e.dispose(events.KindRequest, joiner.Conflict)
	}
	piece := joiner.HeldPiece{Origin: at, Data: string(data)}
	w := e.watermark()
	switch e.phase(p.TS, w) {
	case joiner.Open:
		return e.rearrange(p, held, piece, ts, w)
	case joiner.Correctable:
		return e.latePiece(p, held, piece, ts)
	}
	held.Copies = append(held.Copies, sum)
	e.o.Store.PutRequest(p, &held)
	return nil
}

// wins reports whether a new piece takes part in the request: any does when
// they are merged, else only one that is smaller than the one that counts.
func (e *Engine) wins(held *joiner.HeldRequest, data string, ts events.Time) (bool, error) {
	if e.rules.Merge {
		return true, nil
	}
	d := &e.o.Decoders[events.KindRequest]
	for i := range held.Pieces {
		scan, err := d.ScanRequest([]byte(held.Pieces[i].Data))
		if err != nil {
			return false, err
		}
		a, b := hashText(data), hashText(held.Pieces[i].Data)
		if ts > scan.TS || ts == scan.TS && slices.Compare(a[:], b[:]) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// rearrange adds a piece to an open request. The request is kept under its
// smallest timestamp, so an earlier piece moves it, with its outcomes; a piece
// so early that the request should have closed closes it, and one that would be
// forgotten takes no part.
func (e *Engine) rearrange(p joiner.Place, held joiner.HeldRequest, piece joiner.HeldPiece, ts, w events.Time) error {
	phase := e.phase(ts, w)
	if phase == joiner.Forgotten {
		held.Copies = append(held.Copies, hashText(piece.Data))
		e.o.Store.PutRequest(p, &held)
		return nil
	}
	wins, err := e.wins(&held, piece.Data, ts)
	switch {
	case err != nil:
		return err
	case e.rules.Merge:
		held.Pieces = append(held.Pieces, piece)
	case wins:
		held.Copies = append(held.Copies, hashText(held.Pieces[0].Data))
		held.Pieces[0] = piece
	default:
		held.Copies = append(held.Copies, hashText(piece.Data))
	}
	from := p // where everything still is, as far as reads see
	if ts < p.TS {
		if p, err = e.move(p, ts); err != nil {
			return err
		}
	}
	if phase != joiner.Open {
		held.Late = true
	}
	e.o.Store.PutRequest(p, &held)
	if !held.Late {
		return e.react(p, from, &held, nil)
	}
	e.tally(events.KindRequest).Pending--
	e.dispose(events.KindRequest, joiner.Accepted)
	return e.closeLate(p, from, &held, nil)
}

// move takes a request and all that belongs to it to an earlier timestamp. The
// caller writes the request itself.
func (e *Engine) move(from joiner.Place, ts events.Time) (joiner.Place, error) {
	to := joiner.Place{TS: ts, ID: from.ID}
	e.o.Store.DeleteRequest(from)
	for o, err := range e.o.Store.Outcomes(from) {
		if err != nil {
			return to, err
		}
		e.o.Store.DeleteOutcome(from, &o)
		e.o.Store.PutOutcome(to, &o)
	}
	h, ok, err := e.o.Store.History(from)
	if !ok || err != nil {
		return to, err
	}
	e.o.Store.DeleteHistory(from)
	e.o.Store.PutHistory(to, &h)
	return to, e.o.Store.MoveUnwritten(from, to)
}
