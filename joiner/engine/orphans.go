package engine

import (
	"slices"

	"github.com/labeljoin/labeljoin/joiner"
)

// sightOrphans notices outcomes of an input that found no request.
func (e *Engine) sightOrphans(input uint8, alone, late int64) {
	if alone+late == 0 || e.mode.rereads() {
		return
	}
	s, name := &e.sighted, e.o.Inputs[input].Name
	s.stale = true
	at := slices.IndexFunc(s.now.Orphans, func(o OrphanCount) bool { return o.Stream == name })
	if at < 0 {
		at = len(s.now.Orphans)
		s.now.Orphans = append(s.now.Orphans, OrphanCount{Stream: name})
	}
	s.now.Orphans[at].Alone += alone
	s.now.Orphans[at].Late += late
}

// sightStep notices the orphans of a step. The outcomes of one request are taken to be of one stream.
func (e *Engine) sightStep(ev *joiner.Event, fx *joiner.Effects) {
	if ev != nil && ev.Outcome != nil && fx.Disposition == joiner.DispositionOrphan && fx.Reject == nil && !fx.Pending {
		e.sightOrphans(ev.Origin.Input, 0, 1)
	}
	if n := fx.Disposed[joiner.DispositionOrphan]; n > 0 && len(fx.Drop) > 0 {
		e.sightOrphans(fx.Drop[0].Origin.Input, n, 0)
	}
}
