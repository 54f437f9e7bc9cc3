package tablelog

import (
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// commitOf is the cut as it stands in a manifest.
func commitOf(cut *joiner.Cut) *commit {
	p := &cut.Progress
	c := &commit{
		Commit: cut.Number, RulesHash: cut.RulesHash, From: toPositions(cut.From), To: toPositions(p.Inputs),
		Clock: clock{Request: sourceClockOf(&p.Clock, events.KindRequest),
			Outcome: sourceClockOf(&p.Clock, events.KindOutcome), Sources: toSources(p.Clock.Sources)},
		ClosedThrough: instant(p.ClosedThrough), MaxEvent: instant(cut.MaxEvent),
		Ledger: toLedger(&p.Ledger), Closed: toLedger(&cut.Closed),
		Guard: toGuard(&p.Guard), Gaps: toGaps(p.Gaps),
	}
	if p.PublishedThrough != p.ClosedThrough {
		c.Announced = new(instant(p.PublishedThrough))
	}
	return c
}

// cut is what commitOf was given. decode has checked that it can be.
func (m *commit) cut(nonce string) *joiner.Cut {
	c := &joiner.Cut{
		Number: m.Commit, Nonce: nonce, RulesHash: m.RulesHash, From: fromPositions(m.From),
		MaxEvent: events.Time(m.MaxEvent), Closed: fromLedger(&m.Closed),
		Progress: joiner.Progress{
			Commit: m.Commit, Inputs: fromPositions(m.To),
			ClosedThrough: events.Time(m.ClosedThrough), Ledger: fromLedger(&m.Ledger),
			Guard: fromGuard(m.Guard), Gaps: fromGaps(m.Gaps),
		},
	}
	if c.Progress.PublishedThrough = c.Progress.ClosedThrough; m.Announced != nil {
		c.Progress.PublishedThrough = events.Time(*m.Announced)
	}
	for kind, source := range [events.Kinds]sourceClock{events.KindRequest: m.Clock.Request,
		events.KindOutcome: m.Clock.Outcome} {
		c.Progress.Clock.Seen[kind] = events.Time(source.Seen)
		c.Progress.Clock.ReadThrough[kind] = events.Time(source.Proven)
	}
	c.Progress.Clock.Sources = fromSources(m.Clock.Sources)
	return c
}

func toSources(sources []joiner.SourceClock) []namedClock {
	var out []namedClock
	for i := range sources {
		s := &sources[i]
		n := namedClock{Name: s.Name}
		for k, into := range [events.Kinds]**sourceClock{events.KindRequest: &n.Request, events.KindOutcome: &n.Outcome} {
			if s.Kinds[k] {
				*into = &sourceClock{Seen: instant(s.Seen[k]), Proven: instant(s.ReadThrough[k])}
			}
		}
		out = append(out, n)
	}
	return out
}

func fromSources(named []namedClock) []joiner.SourceClock {
	var out []joiner.SourceClock
	for _, n := range named {
		s := joiner.SourceClock{Name: n.Name}
		for k, from := range [events.Kinds]*sourceClock{events.KindRequest: n.Request, events.KindOutcome: n.Outcome} {
			s.Seen[k], s.ReadThrough[k] = events.MinTime, events.MinTime
			if from != nil {
				s.Kinds[k], s.Seen[k], s.ReadThrough[k] = true, events.Time(from.Seen), events.Time(from.Proven)
			}
		}
		out = append(out, s)
	}
	return out
}

func sourceClockOf(c *joiner.Clock, k events.Kind) sourceClock {
	return sourceClock{Seen: instant(c.Seen[k]), Proven: instant(c.ReadThrough[k])}
}

func toPositions(ps []events.Position) []position {
	out := make([]position, len(ps))
	for i, p := range ps {
		out[i] = position{Input: p.Input, Created: instant(p.Created), Next: p.Next, Skip: p.Skip}
		if m := p.Mark; m != (events.Mark{}) {
			out[i].Mark = mark{Seq: m.Seq, Stored: instant(m.Stored), Bytes: m.Bytes, Sum: m.Sum}
		}
	}
	return out
}

func fromPositions(ps []position) []events.Position {
	if len(ps) == 0 {
		return nil
	}
	out := make([]events.Position, len(ps))
	for i, p := range ps {
		out[i] = events.Position{Input: p.Input, Created: events.Time(p.Created), Next: p.Next, Skip: p.Skip}
		if m := p.Mark; m != (mark{}) {
			out[i].Mark = events.Mark{Seq: m.Seq, Stored: events.Time(m.Stored), Bytes: m.Bytes, Sum: m.Sum}
		}
	}
	return out
}

func toLedger(l *joiner.Ledger) ledger {
	return ledger{
		Request: toTally(&l.Kinds[events.KindRequest]), Outcome: toTally(&l.Kinds[events.KindOutcome]),
		Heartbeats: l.Heartbeats, UnknownFields: l.UnknownFields,
		Rows: l.Rows, Unseen: l.Unseen, SampledOut: l.SampledOut, Unfit: l.Unfit,
	}
}

func fromLedger(l *ledger) joiner.Ledger {
	out := joiner.Ledger{
		Heartbeats: l.Heartbeats, UnknownFields: l.UnknownFields,
		Rows: l.Rows, Unseen: l.Unseen, SampledOut: l.SampledOut, Unfit: l.Unfit,
	}
	out.Kinds[events.KindRequest] = fromTally(&l.Request)
	out.Kinds[events.KindOutcome] = fromTally(&l.Outcome)
	return out
}

func toTally(t *joiner.Tally) tally {
	out := tally{Read: t.Read, ReadAgain: t.Again, Pending: t.Pending, Disposed: disposed{}}
	for d := range joiner.Disposition(joiner.Dispositions) {
		if n := t.Disposed[d]; n != 0 {
			out.Disposed[d.String()] = n
		}
	}
	return out
}

func fromTally(t *tally) joiner.Tally {
	out := joiner.Tally{Read: t.Read, Again: t.ReadAgain, Pending: t.Pending}
	for d := range joiner.Disposition(joiner.Dispositions) {
		out.Disposed[d] = t.Disposed[d.String()]
	}
	return out
}
