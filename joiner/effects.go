package joiner

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Effects is what a step has decided: what became of its event, what is to be
// written, told and saved. The entry holds what is known afterwards.
type Effects struct {
	Disposition Disposition // of the event; if Pending, it is decided later
	Pending     bool
	Reject      *events.RejectError // not nil: the event is rejected, and moves no clock
	Counts      bool                // it is a request that the guard counts

	Closed   bool                // the request had been pending, and closed with this event
	Disposed [Dispositions]int64 // what became of outcomes that were pending

	Rows               []QueuedRow   // that the next commit writes
	Unseen, SampledOut int64         // rows that the policies leave out
	Updates            []LabelUpdate // for the label stream

	Save
}

// Save is what of an entry has to be saved. Outcomes have the data of the event,
// if they are the event.
type Save struct {
	New      bool            // the request is its first event alone, and nothing is held of it so far
	Request  bool            // the request's record
	Moved    *RequestKey     // where the request was held before: it has another timestamp now
	History  bool            // its history
	Outcome  *StoredOutcome  // the event, as an outcome of the request
	Wait     *StoredOutcome  // the event, as one that waits
	Remove   []StoredOutcome // outcomes of the request that are disposed of; without Data
	Mark     []StoredOutcome // outcomes of the request whose Gone has changed; without Data
	Adopt    []StoredOutcome // these wait no more: they are the request's now
	Transfer []Former        // these of another request of the id are this one's
	Spare    []StoredOutcome // of those, these wait for another request of the id as well
	Drop     []StoredOutcome // these wait no more: they are disposed of
	Rewait   []Rewaited      // these wait longer
}

// Rewaited is an outcome that waits longer than before.
type Rewaited struct {
	Outcome StoredOutcome // as it is held so far
	Until   events.Time   // from now on
}

func (fx *Effects) reject(reason, detail string) {
	fx.Reject = &events.RejectError{Reason: reason, Detail: detail}
	fx.Disposition = DispositionRejected
}

// write puts rows among those that the next commit writes, and counts those that
// the policies left out.
func (fx *Effects) write(p RequestKey, req *events.Request, rows []Row, lateSeq uint32) {
	for i := range rows {
		switch rows[i].LeftOut {
		case LeftOutUnseen:
			fx.Unseen++
		case LeftOutSampled:
			fx.SampledOut++
		default:
			fx.Rows = append(fx.Rows, QueuedRow{Key: p, LateSeq: lateSeq, Item: itemOf(req, &rows[i]), Row: rows[i]})
		}
	}
}

// UpdatePhase says on what occasion something is told on the label stream.
type UpdatePhase uint8

// The phases. What is told in a later one replaces what was told in an earlier one.
const (
	UpdateEarly UpdatePhase = iota
	UpdateWindow
	UpdateClose
	UpdateCorrected
)

// String is the phase as it is published.
func (p UpdatePhase) String() string { return [...]string{"early", "window", "close", "corrected"}[p] }

// LabelUpdate is one message of the label stream: what is newly known of one row.
type LabelUpdate struct {
	RequestID string
	RequestTS events.Time
	Item      string // empty for a row of the whole request
	Phase     UpdatePhase
	Revision  uint32
	Cells     []Cell // all labels of the row
	Labels    []int  // which of them are told; nil: all
	// Window is, with UpdateWindow, the one that has ended. A label with a longer one is provisional.
	Window time.Duration
}

func newUpdate(req *events.Request, row *Row, phase UpdatePhase, labels []int) LabelUpdate {
	revision := row.Revision
	if phase < UpdateClose {
		revision = 0 // it is of no row yet
	}
	return LabelUpdate{
		RequestID: req.ID, RequestTS: req.TS, Item: itemOf(req, row), Phase: phase,
		Revision: revision, Cells: row.Cells, Labels: labels,
	}
}

// certain reports whether a label is told the moment it qualifies. Of the others the
// value is not known before the close.
func (r *Rules) certain(label int, c *Cell) bool {
	return r.Labels[label].Agg == AggAny && !c.Null && c.Value == 1
}

// CloseUpdates appends what the close of a request newly says: of its kept rows all but
// the positives, which were told already; of others, the positives that were told and
// are none any more. Rows that were corrected meanwhile were told whole by that. If
// anew, the positives are told too: something else may have been told since.
func (r *Rules) CloseUpdates(updates []LabelUpdate, req *events.Request, rows []Row, h *History,
	anew bool) []LabelUpdate {
	for i := range rows {
		if rows[i].LeftOut != LeftOutNo || h.corrected(itemOf(req, &rows[i]), true, r.Base()) {
			continue
		}
		if anew {
			updates = append(updates, newUpdate(req, &rows[i], UpdateClose, nil))
			continue
		}
		labels := make([]int, 0, len(rows[i].Cells))
		for j := range rows[i].Cells {
			if !r.certain(j, &rows[i].Cells[j]) {
				labels = append(labels, j)
			}
		}
		if len(labels) > 0 {
			updates = append(updates, newUpdate(req, &rows[i], UpdateClose, labels))
		}
	}
	return r.appendRetractions(updates, req, rows, h)
}

// WindowUpdates appends what the end of a window newly says of a request that is open: of the
// rows that are kept by what is known so far, the labels that have this window or are provisional
// from then on, but for the positives, which were told already. If anew, those too, as in
// CloseUpdates.
func (r *Rules) WindowUpdates(updates []LabelUpdate, req *events.Request, rows []Row, window time.Duration,
	anew bool) []LabelUpdate {
	for i := range rows {
		if rows[i].LeftOut != LeftOutNo {
			continue
		}
		var labels []int
		for j := range rows[i].Cells {
			l := &r.Labels[j]
			if (l.Window == window || l.Provisional == window) && (anew || !r.certain(j, &rows[i].Cells[j])) {
				labels = append(labels, j)
			}
		}
		if len(labels) > 0 {
			updates = append(updates, newUpdate(req, &rows[i], UpdateWindow, labels))
			updates[len(updates)-1].Window = window
		}
	}
	return updates
}

// appendRetractions appends the positives that were told of rows that are not kept: with
// their values, or null if the request does not list the item any more.
func (r *Rules) appendRetractions(updates []LabelUpdate, req *events.Request, rows []Row, h *History) []LabelUpdate {
	byItem := map[string][]int{}
	var items []string
	for _, s := range h.Retracted {
		if byItem[s.Item] == nil {
			items = append(items, s.Item)
		}
		byItem[s.Item] = append(byItem[s.Item], s.Label)
	}
	for _, item := range items {
		t := LabelUpdate{RequestID: req.ID, RequestTS: req.TS, Item: item, Phase: UpdateClose,
			Cells:  undecided(len(r.Labels)),
			Labels: byItem[item]}
		kept := false
		for i := range rows {
			if itemOf(req, &rows[i]) == item {
				kept, t.Cells = rows[i].LeftOut == LeftOutNo, rows[i].Cells
			}
		}
		if !kept && !h.corrected(item, false, r.Base()) {
			t.Cells = r.withoutOthers(t.Cells)
			updates = append(updates, t)
		}
	}
	return updates
}

// withoutOthers are the cells of a row that is not there: what is made of others is null.
func (r *Rules) withoutOthers(cells []Cell) []Cell {
	if !r.ofOthersEarly() {
		return cells
	}
	cells = slices.Clone(cells)
	for i := range cells {
		if r.Labels[i].Of != nil {
			cells[i] = Undecided()
		}
	}
	return cells
}

// updateAtClose is of a request that closes as it comes: its rows are told whole.
func (fx *Effects) updateAtClose(req *events.Request, rows []Row) {
	for i := range rows {
		if rows[i].LeftOut == LeftOutNo {
			fx.Updates = append(fx.Updates, newUpdate(req, &rows[i], UpdateClose, nil))
		}
	}
}

// updateCorrected is of rows that are written again, whole.
func (fx *Effects) updateCorrected(req *events.Request, rows []Row) {
	for i := range rows {
		fx.Updates = append(fx.Updates, newUpdate(req, &rows[i], UpdateCorrected, nil))
	}
}
