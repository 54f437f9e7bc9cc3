package joiner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// Machine says what an event means for a request. It is all rules and no state: what
// is known of a request is its Entry, how far time has come is a Now, and what follows
// is Effects. Its only error is that an event of the state is damaged.
type Machine struct {
	Rules    *Rules
	Decoders *[events.Kinds]jsonevent.Decoder
	// Outcomes is how many different outcomes of one request are held; 0 is no bound.
	Outcomes int
	// Early says that rows are written as soon as they are decided.
	Early bool
	// Watched says that the label stream is told of positives as they come.
	Watched bool
}

// The bounds of what one request may bring. Each late event is judged beside all
// that came before it, so that without a bound one broken producer could keep a joiner
// busy with a single request.
const (
	MaxCopies     = 1000 // different events of one request
	maxLateEvents = 1000 // late events that a closed request takes in

	// MaxPieces is how many bytes pieces of one request may have that are followed by
	// another one: each is written and decoded again with each that follows.
	MaxPieces = 16 << 20
)

// Event is a request or an outcome that was read.
type Event struct {
	Origin  events.Origin
	Key     RequestKey      // of a request: its ts and id
	Outcome *events.Outcome // nil: it is a request
	Booked  bool            // of an outcome: it is counted elsewhere, as of a StoredOutcome
	Data    []byte
}

// ErrNoPieces says that a request is held without an event.
var ErrNoPieces = errors.New("a request is held without an event: the state is damaged; delete its directory and it is rebuilt from the log")

// Step takes in an event. The entry is the one that the event belongs to, see
// Rules.OfRequest and Rules.OfOutcome, or one of which nothing is known; it is changed
// to what is known afterwards.
func (m *Machine) Step(x *Entry, ev *Event, now Now) (fx Effects, err error) {
	switch {
	case ev.Outcome == nil && x.Known:
		err = m.onDuplicate(x, &fx, ev, now)
	case ev.Outcome == nil:
		err = m.onRequest(x, &fx, ev, now)
	case !x.Known:
		m.onEarlyOutcome(x, &fx, ev, now)
	case x.Request.Late || now.Phase(x.Key.TS) != PhaseOpen:
		err = m.onLateOutcome(x, &fx, ev, now)
	default:
		err = m.onOutcome(x, &fx, ev)
	}
	if err == nil && ev.Outcome != nil && x.Known && fx.Reject == nil && m.Rules.elsewhere(x.Key.TS, ev.Outcome.TS) {
		m.spare(x, &fx, ev)
	}
	return fx, err
}

// Needs reports whether a step needs the outcomes that the state holds of a request.
func (m *Machine) Needs(x *Entry, ev *Event, now Now) bool {
	if !x.Known {
		return false
	}
	if ev.Outcome != nil {
		return true
	}
	switch now.Phase(x.Key.TS) {
	case PhaseOpen:
		return m.emitsWhileOpen() || len(x.Waiting) > 0 || now.Phase(ev.Key.TS) != PhaseOpen
	case PhaseCorrectable:
		return true
	}
	return false
}

// emitsWhileOpen reports whether anything is said of a request before it closes.
func (m *Machine) emitsWhileOpen() bool { return m.Early || m.Watched }

// Alone takes in an event that needs no entry, because a step on one would find
// nothing in it that matters and do no more than keep the event; ok is false if it
// takes a step. place is where the event's request is held, nil if it is not known,
// and outcomes is how many are held of the id, at least.
func (m *Machine) Alone(ev *Event, found *Found, outcomes int, now Now) (fx Effects, ok bool) {
	switch {
	case ev.Outcome == nil && found == nil && outcomes == 0:
		switch {
		case m.expired(ev.Key.TS, now):
			fx.Disposition = DispositionExpired
			return fx, true
		case now.Phase(ev.Key.TS) == PhaseOpen:
			fx.New, fx.Pending, fx.Counts = true, true, true
			return fx, true
		}
	case ev.Outcome != nil && found == nil && outcomes == 0:
		if ev.Outcome.TS < now.Orphaned {
			fx.Disposition = DispositionOrphan
			return fx, true
		}
		stored := storedOutcome(ev, 0)
		stored.Until = stored.TS
		fx.Pending, fx.Wait = true, &stored
		return fx, true
	case ev.Outcome != nil && found != nil && !found.Late && now.Phase(found.Key.TS) == PhaseOpen:
		// Beside others it may be one too many, and it may change what is told: if it
		// qualifies, or if it is a copy of one that did.
		if m.Outcomes > 0 && outcomes >= m.Outcomes || m.emitsWhileOpen() && (outcomes > 0 || m.qualifies(ev.Outcome)) ||
			m.Rules.elsewhere(found.Key.TS, ev.Outcome.TS) {
			return fx, false
		}
		stored := storedOutcome(ev, 0)
		fx.Pending, fx.Outcome = true, &stored
		return fx, true
	}
	return fx, false
}

// qualifies reports whether any label wants an outcome.
func (m *Machine) qualifies(o *events.Outcome) bool {
	for i := range m.Rules.Labels {
		if m.Rules.Labels[i].When(o) {
			return true
		}
	}
	return false
}

// expired reports whether a request that is not known is older than what is: it may
// have been decided.
func (m *Machine) expired(ts events.Time, now Now) bool {
	return now.Phase(ts) == PhaseForgotten || ts < m.Rules.Decided()
}

// onRequest takes in the first event of a request.
func (m *Machine) onRequest(x *Entry, fx *Effects, ev *Event, now Now) error {
	if m.expired(ev.Key.TS, now) {
		fx.Disposition = DispositionExpired
		return nil
	}
	phase := now.Phase(ev.Key.TS)
	fx.Counts = true
	x.Known, x.Key = true, ev.Key
	x.Request = StoredRequest{Late: phase != PhaseOpen, Pieces: []StoredPiece{{Origin: ev.Origin, Data: string(ev.Data)}}}
	x.decoded = nil
	m.attachWaiting(x, fx, now)
	if x.Request.Late {
		fx.Request, fx.Disposition = true, DispositionLateRequest
		return m.closeLate(x, fx, nil)
	}
	fx.New, fx.Pending = true, true
	return m.react(x, fx, nil)
}

// onDuplicate takes in another event of a request.
func (m *Machine) onDuplicate(x *Entry, fx *Effects, ev *Event, now Now) error {
	stored := &x.Request
	sum := hashOf(string(ev.Data))
	same := func(h StoredPiece) bool { return hashOf(h.Data) == sum }
	if slices.Contains(stored.Copies, sum) || slices.ContainsFunc(stored.Pieces, same) {
		fx.Disposition = DispositionDuplicate
		return nil
	}
	if len(stored.Copies)+len(stored.Pieces) >= MaxCopies {
		fx.reject("too_many_copies", fmt.Sprintf("its request has %d different copies already", MaxCopies))
		return nil
	}
	if m.Rules.Merge && stored.bytes() >= MaxPieces {
		fx.reject("too_many_pieces", fmt.Sprintf("its request has %d MiB of pieces already", MaxPieces>>20))
		return nil
	}
	fx.Disposition = DispositionConflict
	if m.Rules.Merge {
		fx.Disposition = DispositionMerged
	}
	fx.Request = true
	phase, own := now.Phase(x.Key.TS), now.Phase(ev.Key.TS)
	wins, err := m.wins(x, ev, sum)
	switch {
	case err != nil:
		return err
	case !wins, phase == PhaseRemembered, phase == PhaseOpen && own == PhaseForgotten:
		// It takes no part. If it is the smallest by its time, it came too late.
		stored.Copies = append(stored.Copies, sum)
		return nil
	case phase == PhaseOpen:
		return m.addVersion(x, fx, ev, now)
	}
	if err := m.reviseEarly(x, fx); err != nil {
		return err
	}
	x.History.LateSeq++
	stored.Pieces = append(stored.Pieces, StoredPiece{Origin: ev.Origin, LateSeq: x.History.LateSeq,
		Data: string(ev.Data)})
	return m.revise(x, fx)
}

// wins reports whether an event takes part in its request: any does when they are
// merged, else only one that is smaller by (ts, hash) than those that did.
func (m *Machine) wins(x *Entry, ev *Event, sum [32]byte) (bool, error) {
	if m.Rules.Merge {
		return true, nil
	}
	for i := range x.Request.Pieces {
		h := &x.Request.Pieces[i]
		scan, err := m.Decoders[events.KindRequest].ScanRequest([]byte(h.Data))
		if err != nil {
			return false, Undecodable("request", h.Origin, err)
		}
		other := hashOf(h.Data)
		if ev.Key.TS > scan.TS || ev.Key.TS == scan.TS && slices.Compare(sum[:], other[:]) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// addVersion adds a piece that takes part to an open request. The request is kept
// under its smallest timestamp, so an earlier piece moves it; one so early that the
// request should have closed closes it.
func (m *Machine) addVersion(x *Entry, fx *Effects, ev *Event, now Now) error {
	if err := m.rememberStages(x, fx, now); err != nil {
		return err
	}
	before, err := m.positives(x)
	if err != nil {
		return err
	}
	stored := &x.Request
	x.firsts.forget()
	piece := StoredPiece{Origin: ev.Origin, Data: string(ev.Data)}
	if len(x.History.Rows) > 0 { // rows were written, of the pieces so far
		x.History.LateSeq++
		piece.LateSeq, fx.History = x.History.LateSeq, true
	}
	if m.Rules.Merge || piece.LateSeq > 0 {
		stored.Pieces = append(stored.Pieces, piece)
	} else {
		stored.Copies = append(stored.Copies, hashOf(stored.Pieces[0].Data))
		stored.Pieces[0], x.decoded = piece, nil
	}
	if ts := ev.Key.TS; ts < x.Key.TS {
		from := x.Key
		x.Key.TS, fx.Moved = ts, &from
	}
	m.attachWaiting(x, fx, now)
	if now.Phase(x.Key.TS) == PhaseOpen {
		return m.react(x, fx, before)
	}
	stored.Late, fx.Closed = true, true
	return m.closeLate(x, fx, before)
}

// closeLate closes a request that came, or turned out, to be older than what has
// closed, with what is known.
func (m *Machine) closeLate(x *Entry, fx *Effects, before []LabelRef) error {
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return err
	}
	d := Decide(m.Rules, &req)
	for _, f := range x.Outcomes {
		if fate := d.AddFact(f); !f.Booked {
			fx.Disposed[fate]++
		}
		x.work.Folded++
	}
	if m.Watched {
		m.retract(x, fx, before, labelRefs(&req, d))
	}
	rows := d.Rows(events.MaxTime, ReasonLateRequest)
	fx.Updates = m.Rules.appendRetractions(fx.Updates, &req, rows, &x.History)
	if len(x.History.Rows) > 0 {
		var changed []Row
		changed, x.History.Rows = ReviseAtClose(&req, rows, x.History.Rows)
		rows = append(UnlessEarly(&req, rows, x.History.Rows), changed...)
		x.History.Closed, x.History.Base, fx.History = true, x.History.LateSeq, true
	}
	fx.write(x.Key, &req, rows, x.History.LateSeq)
	fx.updateAtClose(&req, rows)
	return nil
}

// UnlessEarly drops the rows that were written before their request closed.
func UnlessEarly(req *events.Request, rows []Row, standing []RowState) []Row {
	return slices.DeleteFunc(rows, func(r Row) bool {
		item := itemOf(req, &r)
		return slices.ContainsFunc(standing, func(s RowState) bool { return s.Early && s.Item == item })
	})
}

// positives lists the positives of an open request, if the label stream is told.
func (m *Machine) positives(x *Entry) ([]LabelRef, error) {
	if !m.Watched || m.silent(x) {
		return nil, nil
	}
	if x.positivesKnown {
		return x.positives, nil
	}
	req, d, err := x.decideFirst(m)
	if err != nil {
		return nil, err
	}
	return labelRefs(req, d), nil
}

// labelRefs is where an outcome counts that may have been told, by the items of the rows.
func labelRefs(req *events.Request, d *Decision) []LabelRef {
	spots := d.Positives()
	out := make([]LabelRef, len(spots))
	for i, s := range spots {
		out[i].Label = s.Label
		if s.Row < len(req.Items) && !d.rules.PerRequest {
			out[i].Item = req.Items[s.Row].ID
		}
	}
	return out
}

// orderLabelRefs is an order in which to find them.
func orderLabelRefs(a, b LabelRef) int {
	if d := strings.Compare(a.Item, b.Item); d != 0 {
		return d
	}
	return a.Label - b.Label
}

// retract remembers which of the positives that were told are none any more, and
// returns those that are new.
func (m *Machine) retract(x *Entry, fx *Effects, before, after []LabelRef) (added []LabelRef) {
	old, now := slices.Clone(before), slices.Clone(after)
	slices.SortFunc(old, orderLabelRefs)
	slices.SortFunc(now, orderLabelRefs)
	has := func(list []LabelRef, s LabelRef) bool {
		_, found := slices.BinarySearchFunc(list, s, orderLabelRefs)
		return found
	}
	for _, s := range after {
		if !has(old, s) {
			added = append(added, s)
		}
	}
	for _, s := range before {
		if !has(now, s) && !slices.Contains(x.History.Retracted, s) {
			x.History.Retracted = append(x.History.Retracted, s)
			fx.History = true
		}
	}
	n := len(x.History.Retracted)
	x.History.Retracted = slices.DeleteFunc(x.History.Retracted, func(s LabelRef) bool { return has(now, s) })
	fx.History = fx.History || n != len(x.History.Retracted)
	return added
}

// react tells what an open request's outcomes have decided so far: positives that
// are new, and rows when they are written early. before is what was positive before
// the event.
func (m *Machine) react(x *Entry, fx *Effects, before []LabelRef) error {
	if !m.emitsWhileOpen() || m.silent(x) {
		return nil
	}
	req, d, err := x.decideFirst(m)
	if err != nil || !x.firsts.hasChanged() {
		return err
	}
	if m.Watched {
		x.positives, x.positivesKnown = labelRefs(req, d), true
		m.updatePositives(fx, req, d, m.retract(x, fx, before, x.positives))
	}
	if m.Early {
		m.writeEarly(x, fx, req, d)
	}
	return nil
}

// updatePositives tells the positives that are new.
func (m *Machine) updatePositives(fx *Effects, req *events.Request, d *Decision, added []LabelRef) {
	added = slices.DeleteFunc(added, func(r LabelRef) bool {
		return m.Rules.Labels[r.Label].Agg != AggAny // it is told when its window ends
	})
	if len(added) == 0 {
		return
	}
	slices.SortFunc(added, orderLabelRefs)
	rows := d.RowsToPublish(ReasonEarly)
	for i := range rows {
		for j := range rows[i].Cells {
			if _, isNew := slices.BinarySearchFunc(added, LabelRef{itemOf(req, &rows[i]), j}, orderLabelRefs); isNew {
				u := newUpdate(req, &rows[i], UpdateEarly, []int{j})
				u.Cells = slices.Clone(u.Cells) // the decision may go on, in the memory of its rows
				fx.Updates = append(fx.Updates, u)
			}
		}
	}
}

// silent reports whether nothing can have been told of an open request.
func (m *Machine) silent(x *Entry) bool { return len(x.Outcomes) == 0 && !m.Rules.ofOthersEarly() }

// writeEarly writes the rows of which every label is decided, once.
func (m *Machine) writeEarly(x *Entry, fx *Effects, req *events.Request, d *Decision) {
	decided := d.Decided()
	if len(decided) == 0 {
		return
	}
	written := map[string]bool{}
	for i := range x.History.Rows {
		written[x.History.Rows[i].Item] = true
	}
	var newRows []Row
	for i, s := range RowStates(req, decided) {
		if s.Written && !written[s.Item] {
			x.History.Rows, fx.History = append(x.History.Rows, s), true
			newRows = append(newRows, decided[i])
		}
	}
	fx.write(x.Key, req, newRows, x.History.LateSeq)
}

// ReviseEarly compares a request that has closed with what was written of it early,
// once, before its close is committed.
func (m *Machine) ReviseEarly(x *Entry) (fx Effects, err error) {
	err = m.reviseEarly(x, &fx)
	return fx, err
}

// reviseEarly compares a closed request with what was written of it early, once, so that
// its history says how all its rows stand.
func (m *Machine) reviseEarly(x *Entry, fx *Effects) error {
	h := &x.History
	if h.Closed {
		return nil
	}
	req, d, err := x.decide(m, m.Rules, h.LateSeq)
	if err != nil {
		return err
	}
	changed, standing := ReviseAtClose(req, d.Rows(events.MaxTime, ReasonClosed), h.Rows)
	fx.write(x.Key, req, changed, h.LateSeq)
	fx.updateCorrected(req, slices.DeleteFunc(changed, func(r Row) bool { // of the others the close tells
		return r.Reason != ReasonCorrected && r.Reason != ReasonWithdrawn
	}))
	h.Closed, h.Base, h.Rows, fx.History = true, h.LateSeq, standing, true
	return nil
}

// revise writes again what a late event has changed.
func (m *Machine) revise(x *Entry, fx *Effects) error {
	req, d, err := x.decide(m, m.Rules, lateSeqAny)
	if err != nil {
		return err
	}
	var changed []Row
	changed, x.History.Rows = Revise(req, d.Rows(events.MaxTime, ReasonCorrected), x.History.Rows, ReasonCorrected)
	fx.write(x.Key, req, changed, x.History.LateSeq)
	fx.updateCorrected(req, changed)
	fx.History = true
	return nil
}

// Gap writes again the rows of a closed request that rules with another gap make
// unknown, or rules without one make known.
func (m *Machine) Gap(x *Entry, with *Rules) (fx Effects, err error) {
	if err := m.reviseEarly(x, &fx); err != nil {
		return fx, err
	}
	req, d, err := x.decide(m, with, lateSeqAny)
	if err != nil {
		return fx, err
	}
	var changed []Row
	reason := ReasonCorrected // a gap was taken back, unless there is one
	if slices.ContainsFunc(with.Gaps, func(g events.Gap) bool { return with.Touches(&g, req.TS) }) {
		reason = ReasonGap
	}
	changed, x.History.Rows = Revise(req, d.Rows(events.MaxTime, reason), x.History.Rows, reason)
	fx.write(x.Key, req, changed, x.History.LateSeq)
	fx.updateCorrected(req, changed)
	fx.History = len(fx.Rows) > 0
	return fx, nil
}
