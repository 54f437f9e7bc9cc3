package joiner

import (
	"errors"

	"github.com/labeljoin/labeljoin/events"
)

// copiedVote is an outcome without an id that would be a vote, and is a copy of another one.
type copiedVote struct {
	at    RowLabel // the first row that it would be a vote in
	rater string
	o     events.Outcome // its time and its hash
	fact  *Fact          // nil if it was not added as one
}

// errCopiedVote says why a rater has no vote.
var errCopiedVote = errors.New("it is a copy of another rater's vote: neither has an outcome_id, and both are stamped alike and " +
	"say the same; give votes an outcome_id")

// mostCopies is how many such outcomes of a request are looked at: they are for a person to see.
const mostCopies = 1000

// sightCopy notes an outcome that is a copy and would be a vote. Copies are told apart without their
// raters, so that the vote of a second rater may be lost.
func (d *Decision) sightCopy(o *events.Outcome, f *Fact) {
	if o.ID != "" || len(d.copies) == mostCopies {
		return
	}
	row, known := d.row(o)
	if !known {
		return
	}
	for i := range d.rules.Labels {
		l := &d.rules.Labels[i]
		if l.Votes == nil || f != nil && !f.qualifies.has(i) || f == nil && !l.When(o) {
			continue
		}
		whole := o
		if f != nil {
			whole = f.whole()
		}
		if rater := l.Votes.By(whole); rater != "" {
			copied := copiedVote{at: RowLabel{max(row, 0), i}, rater: d.own(rater), o: events.Outcome{TS: o.TS, Hash: o.Hash},
				fact: f}
			d.copies = append(d.copies, copied)
		}
	}
}

// countCopies counts those of them whose rater has no vote of that time or later: another one's counts.
func (d *Decision) countCopies() {
	for i := range d.copies {
		c := &d.copies[i]
		b := d.ballots[c.at]
		if b == nil {
			continue
		}
		counts, voted := false, false
		for j := range b.votes {
			v := &b.votes[j]
			counts = counts || v.ts == c.o.TS
			voted = voted || v.ts >= c.o.TS && v.rater == c.rater
		}
		if counts && !voted {
			d.fault(c.at.Label, &c.o, c.fact, errCopiedVote)
		}
	}
	d.copies = nil
}
