package joiner

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Assign changes what a request has of an outcome that named none, which was read at an
// origin: what it had goes, and give, if it is not nil, is what it has from now on. The
// entry has the request's outcomes. back says that the outcome was counted with this
// request, and waits to be counted again.
//
// A request that is not corrected any more keeps what it has, and is given nothing.
func (m *Machine) Assign(x *Entry, at events.Origin, give *Event, now Now) (fx Effects, back bool, err error) {
	switch phase := now.Phase(x.Key.TS); {
	case !x.Request.Late && phase == PhaseOpen:
		return m.assignOpen(x, at, give)
	case phase != PhaseOpen && phase != PhaseCorrectable:
		fx.Disposition = DispositionLate
		return fx, false, nil
	}
	if x.History.lateEvents() >= maxLateEvents {
		fx.Disposition = DispositionLate
		return fx, false, nil
	}
	if err := m.reviseEarly(x, &fx); err != nil {
		return fx, false, err
	}
	m.removeLate(x, &fx, at)
	if give == nil {
		x.History.LateSeq++
		return fx, false, m.revise(x, &fx)
	}
	if m.restoreGone(x, &fx, give) {
		fx.Disposition = DispositionCorrected
		x.History.LateSeq++
		return fx, false, m.revise(x, &fx)
	}
	return fx, false, m.assignLate(x, &fx, give, now)
}

func (m *Machine) assignOpen(x *Entry, at events.Origin, give *Event) (fx Effects, back bool, err error) {
	before, err := m.positives(x)
	if err != nil {
		return fx, false, err
	}
	removed := false
	x.Outcomes = slices.DeleteFunc(x.Outcomes, func(f *Fact) bool {
		if f.Origin != at {
			return false
		}
		removed, back = true, back || !f.Booked
		fx.Remove = append(fx.Remove, f.stored())
		return true
	})
	if removed {
		x.forgetMade()
		x.positivesKnown = false
		if m.Watched && m.silent(x) {
			m.retract(x, &fx, before, nil)
		}
		err = m.react(x, &fx, before)
	}
	if err != nil || give == nil {
		return fx, back, err
	}
	if back {
		give.Booked = false
	}
	return fx, back, m.onOutcome(x, &fx, give)
}

// removeLate takes an outcome away from a request that has closed. What counted at the close
// is kept for the rows of the close.
func (m *Machine) removeLate(x *Entry, fx *Effects, at events.Origin) {
	x.Outcomes = slices.DeleteFunc(x.Outcomes, func(f *Fact) bool {
		switch {
		case f.Origin != at:
			return false
		case f.LateSeq > x.History.Base:
			fx.Remove = append(fx.Remove, f.stored())
		default:
			gone := *f
			gone.Gone = true
			fx.Mark = append(fx.Mark, gone.stored())
			x.Gone = append(x.Gone, gone)
		}
		x.forgetMade()
		return true
	})
}

// restoreGone gives a request back what counted at its close.
func (m *Machine) restoreGone(x *Entry, fx *Effects, give *Event) bool {
	at := slices.IndexFunc(x.Gone, func(f Fact) bool {
		return f.Origin == give.Origin && f.Outcome.Hash == give.Outcome.Hash
	})
	if at < 0 {
		return false
	}
	f := x.Gone[at]
	x.Gone = slices.Delete(x.Gone, at, at+1)
	f.Gone = false
	fx.Mark = append(fx.Mark, f.stored())
	x.insertFact(f)
	return true
}

// assignLate gives an outcome to a request that has closed, as one that comes late; the
// rows are made anew, whatever it is, because another one may have been taken away.
func (m *Machine) assignLate(x *Entry, fx *Effects, give *Event, now Now) error {
	if err := m.onLateOutcome(x, fx, give, now); err != nil {
		return err
	}
	if len(fx.Mark)+len(fx.Remove) > 0 {
		return m.revise(x, fx)
	}
	return nil
}
