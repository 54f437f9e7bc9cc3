package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Explanation is a request decided by all that is known of it, with what was
// decided of each outcome and of each label on the way.
type Explanation struct {
	Request      events.Request
	Rows         []Row
	Dispositions []Disposition // of Entry.Outcomes, in their order
	Labels       [][]Trace     // by row, by label
}

// Trace says which outcomes meet the condition of a label of a row. Outcomes are
// counted, since a request may have many of both.
type Trace struct {
	Inside int // that count
	Beyond int // that would, were they stamped or read in time
	First  int // index of the first one beyond; meaningless if there is none
	Ended  int // that would, were they stamped before the outcome that ended the window
	Edited int // that would, had no later one of their id replaced them or taken them back

	// Of a label of pairs: the outcomes that count and open or close one, the pairs, and the
	// one that decides, if there is one.
	Opens, Closes, Pairs int
	Decider              TracedPair

	last TracedPair // the one that was closed last
}

// decided notes that the outcome that was folded last decides, as far as is known.
func (t *Trace) decided() { t.Decider = t.last }

// Explain decides what is known of a request, as its steps do, and says how.
func (m *Machine) Explain(x *Entry, now Now) (*Explanation, error) {
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return nil, err
	}
	ex := &Explanation{Request: req, Dispositions: make([]Disposition, len(x.Outcomes))}
	d := Decide(m.Rules, &ex.Request)
	d.trace = make([]Trace, len(d.cells)*len(m.Rules.Labels))
	for i, f := range x.Outcomes {
		d.at = i
		if f.LateSeq == LateSeqBeyond {
			ex.Dispositions[i] = DispositionLate
			d.traceBeyond(&f.Outcome, f)
			continue
		}
		if ex.Dispositions[i] = d.AddFact(f); ex.Dispositions[i] == DispositionJoined &&
			f.LateSeq > x.History.LastBeforeClose() {
			ex.Dispositions[i] = DispositionCorrected
		}
	}
	reason := ReasonClosed
	switch {
	case x.Request.Late:
		reason = ReasonLateRequest
	case now.Phase(x.Key.TS) == PhaseOpen:
		reason = ReasonEarly
	}
	ex.Rows = d.Rows(events.MaxTime, reason)
	labels := len(m.Rules.Labels)
	for i := range ex.Rows {
		ex.Labels = append(ex.Labels, d.trace[i*labels:(i+1)*labels])
	}
	return ex, nil
}

// traceBeyond notes an outcome that is in no window of its rows' labels, or came too
// late to be.
func (d *Decision) traceBeyond(o *events.Outcome, f *Fact) {
	row, known := d.row(o)
	if !known {
		return
	}
	for i := range d.cells {
		if row >= 0 && i != row {
			continue
		}
		for j := range d.rules.Labels {
			if d.counts(i, j, f) {
				d.noteBeyond(i, j)
			}
		}
	}
}

// traceFolded notes an outcome that was folded into a row.
func (d *Decision) traceFolded(row int, delay time.Duration, f *Fact, e *edit) {
	for j := range d.rules.Labels {
		switch {
		case !d.counts(row, j, f):
		case d.rules.Labels[j].within(delay) && d.endedBefore(RowLabel{row, j}, f.Outcome.TS):
			d.trace[row*len(d.rules.Labels)+j].Ended++
		case d.rules.Labels[j].within(delay) && e != nil && e.gone(d.rules.Labels[j].Window):
			d.trace[row*len(d.rules.Labels)+j].Edited++
		case d.rules.Labels[j].within(delay):
			d.trace[row*len(d.rules.Labels)+j].Inside++
		default:
			d.noteBeyond(row, j)
		}
	}
}

// endedBefore reports whether the window of a label ended, by an outcome, before a time.
func (d *Decision) endedBefore(at RowLabel, ts events.Time) bool {
	end, some := d.ends[at]
	return some && ts > end
}

// counts reports whether an outcome meets the condition of a label of a row.
func (d *Decision) counts(row, label int, f *Fact) bool {
	if !f.qualifies.has(label) {
		return false
	}
	l := &d.rules.Labels[label]
	if l.InRow == nil {
		return true
	}
	yes, err := l.InRow(f.whole(), d.req, d.itemOf(row, &f.Outcome))
	return err == nil && yes
}

func (d *Decision) noteBeyond(row, label int) {
	t := &d.trace[row*len(d.rules.Labels)+label]
	if t.Beyond++; t.Beyond == 1 {
		t.First = d.at
	}
}
