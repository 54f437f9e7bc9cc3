package joiner

import "github.com/labeljoin/labeljoin/events"

// folded is the fold of an open request's outcomes, which goes on with the next of them. A
// producer that sends the outcomes of one request by the thousand would else have all of them
// folded again for each.
//
// Invariant: decision is that of the first n of the entry's outcomes and of all pieces. What
// changes either forgets it.
type folded struct {
	decision *Decision // nil: nothing was folded
	req      *events.Request
	n        int
}

// mostKept bounds the parts of a decision that is kept: they take some 10 MB then. A larger one is made
// anew, as it would be of a request that is not at hand.
const mostKept = 100_000

// parts is what a decision holds: folds, votes and pairs.
func (d *Decision) parts() int { return len(d.folds) + d.votesAndPairs + len(d.copies) }

func (k *folded) forget() { *k = folded{} }

// forgetMade forgets what was made of the outcomes, as one of them is taken away.
func (x *Entry) forgetMade() {
	x.crowd.forget()
	x.folded.forget()
}

// decideAll is decide with all outcomes of an open request, and folds those that it did not
// fold before. The decision is good until the next call.
func (x *Entry) decideAll(m *Machine) (*events.Request, *Decision, error) {
	k := &x.folded
	if k.decision == nil || k.decision.rules != m.Rules {
		req, d, err := x.decide(m, m.Rules, lateSeqAny)
		// Edits are folded when all are there.
		if err == nil && m.Rules.SameID == SameFirst && d.parts() <= mostKept {
			*k = folded{decision: d, req: req, n: len(x.Outcomes)}
		}
		return req, d, err
	}
	for ; k.n < len(x.Outcomes); k.n++ {
		k.decision.AddFact(&x.Outcomes[k.n])
		x.work.Folded++
	}
	req, d := k.req, k.decision
	if d.parts() > mostKept {
		k.forget()
	}
	return req, d, nil
}
