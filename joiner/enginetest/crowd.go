package enginetest

import (
	"fmt"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// crowds lets half of the hot and of the late histories have so many outcomes of an id that the engine keeps the
// id at hand: in hot ones of a request, and of ids whose request never comes.
func (g *generator) crowds() {
	if !g.shape.Hot && !g.shape.Late || g.many.IntN(2) == 0 {
		return
	}
	if g.shape.Hot {
		g.h.Limit = joiner.ManyOutcomes + g.many.IntN(20)
	}
	for i := range g.many.IntN(3) {
		ts, apart := start.Add(time.Duration(g.many.Int64N(int64(g.span)))), int64(g.h.Rules.Longest())
		for j := range 1 + g.many.IntN(40) {
			at := ts.Add(time.Duration(g.many.Int64N(apart)))
			g.add(events.KindOutcome, at, g.outcomeJSON(fmt.Sprint("y", i), fmt.Sprint("o", j), at))
		}
	}
}
