package joiner

import (
	"iter"
	"math"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// firsts is what an outcome of an open request may change at once: which labels of which rows are
// positive, and by which outcome first. That is all that is published, and written early, before a
// window ends. Unlike the fold of a sum, it can be kept up to date in whatever order outcomes come.
// So an outcome costs as much as it says itself, and not as much as its request has had before.
//
// Invariant: once made, of a request and of the entry's outcomes, which are in its crowd too,
//   - lists has the outcomes that count for the labels of rows, and those that end their windows;
//   - spots has for each label of each row the first in Order of either, by lists;
//   - of the labels of a row, decision has folded the first outcome that counts alone, if the window
//     had not ended before it. So in decision an AggAny is what it is by all outcomes, and of another
//     label the number of outcomes is 0 where it is 0, and else 1.
//
// What changes the request, or takes an outcome away that is not replaced, forgets it.
type firsts struct {
	decision *Decision // nil: not made
	req      *events.Request
	spots    []spot // by row, by label
	lists    map[pairKey]*counting
	closings map[RowLabel][]*Fact // of pairs: the outcome that closes the first pair of each key
	valued   map[string]*Fact     // by outcome_id, of edits: the first one that has a value
	room     int                  // that votes and pairs take, at most
	changed  bool                 // which labels are positive, or which rows were seen, since it was last asked
	off      bool                 // the request is too large: all is folded anew
}

// spot is one label of one row.
type spot struct {
	counts *Fact // the first outcome that counts, whether or not the window has ended before it; of pairs, that closes one
	ends   *Fact // the first one that ends the window
}

// mostSpots bounds what is kept: it takes some 10 MB then.
const mostSpots = 100_000

func (s *firsts) forget() { *s = firsts{} }

// hasChanged reports whether labels may have become positive, or are so no more, since it was last asked.
func (s *firsts) hasChanged() bool {
	changed := s.changed || s.off
	s.changed = false
	return changed
}

// forgetMade forgets what was made of the outcomes, as one of them is taken away.
func (x *Entry) forgetMade() {
	x.crowd.forget()
	x.firsts.forget()
}

// decideFirst is decide with all outcomes of an open request, as far as something may be said of
// it at once: see firsts. The decision is good until the next call.
func (x *Entry) decideFirst(m *Machine) (*events.Request, *Decision, error) {
	s := &x.firsts
	if !s.off && (s.decision == nil || s.decision.rules != m.Rules) {
		if err := x.makeFirsts(m); err != nil {
			return nil, nil, err
		}
	}
	if s.off {
		return x.decide(m, m.Rules, lateSeqAny)
	}
	return s.req, s.decision, nil
}

func (x *Entry) makeFirsts(m *Machine) error {
	req, err := x.assemble(m, lateSeqAny)
	if err != nil {
		return err
	}
	d := Decide(m.Rules, &req)
	x.firsts = firsts{decision: d, req: &req, changed: true}
	if len(d.folds) > mostSpots {
		x.firsts = firsts{off: true}
		return nil
	}
	x.firsts.spots, x.firsts.lists = make([]spot, len(d.folds)), map[pairKey]*counting{}
	x.crowd.gather(x.Outcomes, m.Rules.SameID)
	for _, f := range x.Outcomes {
		x.countFirst(f)
	}
	return nil
}

// countFirst takes in an outcome that is in the crowd.
func (x *Entry) countFirst(f *Fact) {
	s := &x.firsts
	if s.decision == nil {
		return
	}
	x.work.Folded++
	if !s.hasRoom(f) {
		*s = firsts{off: true}
		return
	}
	alike := x.crowd.of(&f.Outcome)
	switch {
	case x.crowd.edits(&f.Outcome):
		x.countEdit(f, alike)
	case alike[0] == f:
		x.updateFirst(f)
		if len(alike) > 1 {
			x.updateFirst(alike[1]) // it counted before
		}
	}
}

// countEdit takes in one of the edits of an outcome: it replaces the one before it, and takes back
// those without a value after it if it is the first that has one.
func (x *Entry) countEdit(f *Fact, edits []*Fact) {
	s := &x.firsts
	next := after(edits, &f.Outcome)
	if s.outside(f) || edits[next-1] != f { // the crowd has the same bytes
		return
	}
	x.updateFirst(f)
	if first := s.valued[f.Outcome.ID]; f.Outcome.HasValue && (first == nil || orderFacts(f, first) < 0) {
		if s.valued == nil {
			s.valued = map[string]*Fact{}
		}
		s.valued[f.Outcome.ID] = f
		for _, e := range edits[next:] {
			if e == first {
				break
			}
			x.work.Folded++
			x.updateFirst(e)
		}
	}
	if next > 1 {
		x.updateFirst(edits[next-2])
	}
}

// outside reports whether an outcome is in no label's window.
func (s *firsts) outside(f *Fact) bool {
	delay := f.Outcome.TS.Sub(s.req.TS)
	return delay < -s.decision.rules.ClockSkew || delay > s.decision.rules.Longest()
}

// hasRoom reports whether there is room for the votes and the pairs of an outcome, too, so that it
// does not matter which come first.
func (s *firsts) hasRoom(f *Fact) bool {
	ofPairs := false
	for i := range s.decision.rules.Labels {
		l := &s.decision.rules.Labels[i]
		ofPairs = ofPairs || l.Pair != nil
		if f.qualifies.has(i) && (l.Pair != nil || l.Votes != nil) {
			s.room += len(s.decision.cells)
		}
	}
	return !ofPairs || s.room <= maxVotesAndPairs
}

// The bounds of what life gives.
const (
	lifeNone = time.Duration(math.MinInt64)
	lifeFull = time.Duration(math.MaxInt64)
)

// life says in which windows an outcome counts beside its copies and its edits: in those that are shorter.
func (x *Entry) life(f *Fact) time.Duration {
	alike := x.crowd.of(&f.Outcome)
	if !x.crowd.edits(&f.Outcome) {
		if len(alike) > 0 && alike[0] == f {
			return lifeFull
		}
		return lifeNone
	}
	next, valued := after(alike, &f.Outcome), x.firsts.valued[f.Outcome.ID]
	switch {
	case alike[next-1] != f, valued != nil && !f.Outcome.HasValue && orderFacts(valued, f) < 0:
		return lifeNone
	case next == len(alike):
		return lifeFull
	}
	return alike[next].Outcome.TS.Sub(x.firsts.req.TS)
}

// updateFirst brings up to date what depends on whether an outcome counts.
func (x *Entry) updateFirst(f *Fact) {
	s := &x.firsts
	if s.decision == nil || s.outside(f) {
		return
	}
	d := s.decision
	row, known := d.row(&f.Outcome)
	if !known {
		return
	}
	if len(d.cells) == 1 {
		row = 0
	}
	life, rules := x.life(f), d.rules
	for i := range rules.Labels {
		if f.qualifies.has(i) || f.ends.has(i) {
			x.updateLabel(RowLabel{row, i}, f, life)
		}
	}
	if d.seen == nil || !f.impression {
		return
	}
	list := s.list(RowLabel{row, labelSeen}, "")
	list.these = keepIf(list.these, f, rules.Longest() < life)
	for row := range d.rowsOf(row) {
		seen := s.firstOf(RowLabel{row, labelSeen}, "", (*counting).first) != nil
		s.changed, d.seen[row] = s.changed || d.seen[row] != seen, seen
	}
}

// rowsOf are the rows that an outcome concerns.
func (d *Decision) rowsOf(row int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range d.cells {
			if (row < 0 || i == row) && !yield(i) {
				return
			}
		}
	}
}

// updateLabel does so for a label, of a row or, with the row -1, of all.
func (x *Entry) updateLabel(at RowLabel, f *Fact, life time.Duration) {
	s, d := &x.firsts, x.firsts.decision
	l, delay := &d.rules.Labels[at.Label], f.Outcome.TS.Sub(s.req.TS)
	if f.ends.has(at.Label) {
		list := s.list(at, "")
		list.ends = keepIf(list.ends, f, l.Window < life && delay >= 0 && delay <= l.Window)
	}
	counts := f.qualifies.has(at.Label) && l.Window < life && l.within(delay)
	switch {
	case !f.qualifies.has(at.Label):
	case l.Pair != nil:
		s.updatePairs(at, f, counts)
	default:
		list := s.list(at, "")
		list.these = keepIf(list.these, f, counts && (at.Row < 0 || d.counts(at.Row, at.Label, f)))
	}
	for row := range d.rowsOf(at.Row) {
		x.updateSpot(RowLabel{row, at.Label}, f, counts)
	}
}

// updateSpot does so for a label of a row, after the lists.
func (x *Entry) updateSpot(at RowLabel, f *Fact, counts bool) {
	s, d := &x.firsts, x.firsts.decision
	l, this := &d.rules.Labels[at.Label], &s.spots[at.Row*len(d.rules.Labels)+at.Label]
	was := *this
	if f.ends.has(at.Label) {
		this.ends = s.firstOf(at, "", func(c *counting) *Fact { return factAt(c.ends, 0) })
	}
	switch {
	case !f.qualifies.has(at.Label):
	case l.Pair != nil:
		this.counts = factAt(s.closings[at], 0)
	case l.InRow == nil:
		this.counts = s.firstOf(at, "", (*counting).first)
	case counts && d.counts(at.Row, at.Label, f):
		this.counts = earlier(this.counts, f)
	case this.counts == f:
		this.counts = s.firstOf(at, "", func(c *counting) *Fact {
			for _, f := range c.these {
				if x.work.Folded++; d.counts(at.Row, at.Label, f) {
					return f
				}
			}
			return nil
		})
	}
	if *this != was {
		s.fold(at, this)
	}
}

// fold folds the first outcome that counts for a label of a row.
func (s *firsts) fold(at RowLabel, this *spot) {
	d, l := s.decision, &s.decision.rules.Labels[at.Label]
	cell := &d.cells[at.Row][at.Label]
	positive := this.counts != nil && (this.ends == nil || this.counts.Outcome.TS <= this.ends.Outcome.TS)
	s.changed = s.changed || positive != (cell.n > 0)
	*cell = fold{}
	if !positive {
		return
	}
	cell.add(l.Agg, &this.counts.Outcome, Number{})
	if l.Agg == AggAny {
		d.keep(at.Row, at.Label, &this.counts.Outcome, this.counts)
	}
}
