package joiner

import (
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Pair makes a label of pairs of outcomes, and not of single ones: one outcome opens a pair,
// and one after it in Order, with the same key, closes it. An outcome that closes belongs to
// an open since the close before it, both of its key: to the last of them or, with First, to
// the first. One that has none since then closes nothing, and an open without a close is no
// pair. Both count for the label by their own, so both are within its window.
//
// The pair stands where an outcome would: its time, its share, its columns and what Number
// sees are those of the outcome that closes. Its value is its length in seconds.
type Pair struct {
	Role  func(*events.Outcome) PairRole
	First bool
}

// PairRole is what an outcome does for a label of pairs. One that does both closes a pair
// first, and then opens another one.
type PairRole struct {
	Key           string
	Opens, Closes bool
}

// Any reports whether the outcome takes part.
func (r *PairRole) Any() bool { return r.Opens || r.Closes }

// labelRole is the role that an outcome has for a label, by the label's number.
type labelRole struct {
	label int
	role  PairRole
}

// noteRole notes that an outcome takes part in the pairs of a label, if it does.
func (f *Fact) noteRole(label int, l *Label, o *events.Outcome) {
	role := l.Pair.Role(o)
	if !role.Any() {
		return
	}
	f.qualifies.add(label)
	f.see(l, o)
	f.view.roles = append(f.view.roles, labelRole{label, role})
}

// roleOf is the role of an outcome for a label of pairs. What f knows is not evaluated again.
func (d *Decision) roleOf(label int, o *events.Outcome, f *Fact) PairRole {
	if f == nil {
		return d.rules.Labels[label].Pair.Role(o)
	}
	for i := range f.view.roles {
		if r := &f.view.roles[i]; r.label == label {
			return r.role
		}
	}
	return PairRole{}
}

// pairKey is where outcomes belong together.
type pairKey struct {
	at  RowLabel
	key string
}

// openPair is a pair that has not been closed.
type openPair struct {
	ts events.Time
	at int // index of the outcome, for the trace
}

// pair takes in an outcome that counts for a label of pairs in a row. It gives the length of
// the pair that the outcome closes, if it closes one.
func (d *Decision) pair(at RowLabel, o *events.Outcome, f *Fact) (length Number) {
	role := d.roleOf(at.Label, o, f)
	key := pairKey{at, role.Key}
	open, stands := d.opened[key]
	if role.Closes && stands {
		length = Number{Value: float64(o.TS.Sub(open.ts)) / float64(time.Second), Has: true}
		delete(d.opened, key)
		d.votesAndPairs--
	}
	if d.trace != nil {
		d.tracePair(at, role, open, length.Has)
	}
	stands = stands && !length.Has
	switch {
	case !role.Opens || stands && d.rules.Labels[at.Label].Pair.First:
	case !stands && !d.makeRoom():
		d.fault(at.Label, o, f, errTooManyVotes)
	default:
		if d.opened == nil {
			d.opened = map[pairKey]openPair{}
		}
		key.key = d.own(key.key)
		d.opened[key] = openPair{o.TS, d.at}
	}
	return length
}

// tracePair notes what became of an outcome that takes part in pairs.
func (d *Decision) tracePair(at RowLabel, role PairRole, open openPair, closed bool) {
	t := &d.trace[at.Row*len(d.rules.Labels)+at.Label]
	if role.Opens {
		t.Opens++
	}
	if role.Closes {
		t.Closes++
	}
	if closed {
		t.Pairs++
		t.last = TracedPair{Open: open.at, Close: d.at}
	}
}

// TracedPair is a pair by the indexes of its outcomes.
type TracedPair struct{ Open, Close int }
