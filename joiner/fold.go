package joiner

import (
	"math"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// fold accumulates the outcomes that qualify for one label of one row, in
// Order, which makes even the sum of doubles a function of the set.
type fold struct {
	n      int64       // outcomes that qualified
	valued int64       // those of them that had a value
	acc    float64     // what the aggregate has come to
	ts     events.Time // of the outcome that decided it
	first  events.Time
}

// add folds an outcome in, and reports whether it is now the one that decides.
func (f *fold) add(agg Agg, o *events.Outcome, v Number) bool {
	ts := o.TS
	f.n++
	if f.n == 1 {
		f.first = ts
	}
	switch agg {
	case AggAny, AggLatency:
		f.ts = f.first
		return f.n == 1
	case AggCount:
		f.ts = ts
		return true
	case AggCredit:
		f.ts = ts
		f.acc += share(o)
		return true
	}
	if !v.Has {
		return false
	}
	if agg == AggSum {
		v.Value *= share(o)
	}
	f.valued++
	if !f.mergeValue(agg, v.Value) {
		return false
	}
	f.ts = ts
	return true
}

// share is how much of an outcome its request has.
func share(o *events.Outcome) float64 {
	if o.Share == 0 {
		return 1
	}
	return o.Share
}

// mergeValue merges a value and reports whether its outcome is the deciding one.
func (f *fold) mergeValue(agg Agg, v float64) bool {
	switch {
	case agg == AggSum || agg == AggMean:
		f.acc += v
	case f.valued == 1 || agg == AggLast, agg == AggMax && v > f.acc, agg == AggMin && v < f.acc:
		f.acc = v
	default:
		return false
	}
	return true
}

// cell is what the label's column holds.
func (f *fold) cell(agg Agg, request events.Time) Cell {
	c := Cell{TS: events.MinTime}
	switch agg {
	case AggAny:
		if f.n > 0 {
			c.Value, c.TS = 1, f.ts
		}
		return c
	case AggCount:
		if f.n > 0 {
			c.Value, c.TS = float64(f.n), f.ts
		}
		return c
	case AggCredit:
		if f.n > 0 {
			c.Value, c.TS = f.acc, f.ts
		}
		return c
	case AggLatency:
		if f.n == 0 {
			return Undecided()
		}
		return Cell{Value: float64(f.first.Sub(request)) / float64(time.Second), TS: f.ts}
	}
	switch {
	case f.valued == 0 && agg == AggSum:
		return c
	case f.valued == 0:
		return Undecided()
	}
	c.Value, c.TS = f.acc, f.ts
	if agg == AggMean {
		c.Value /= float64(f.valued)
	}
	if math.IsInf(c.Value, 0) || math.IsNaN(c.Value) {
		return Undecided() // a sum beyond float64 is not known
	}
	return c
}
