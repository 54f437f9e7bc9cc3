package enginetest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// candidate is a row in the making.
type candidate struct {
	item     string
	at       int // of the item in the request's list; -1: none
	position int64
	outcomes []events.Outcome // those that concern it, within the longest window, in order
	edits    []events.Outcome // all of the request within it, if outcomes can be edited
	positive bool             // some label has a qualifying outcome
	seen     bool
}

// rows adds the rows of a request to the answer.
func (r *Reference) rows(a *Answer, req *events.Request, all []events.Outcome) {
	candidates := r.candidates(req)
	longest := time.Duration(0)
	for _, l := range r.Rules.Labels {
		longest = max(longest, l.Window)
	}
	for _, o := range r.distinct(a, all) {
		delay := time.Duration(o.TS - req.TS)
		if delay >= -r.Rules.ClockSkew && delay <= longest && r.Rules.SameID == joiner.SameLast {
			for i := range candidates {
				candidates[i].edits = append(candidates[i].edits, o)
			}
		}
		switch {
		case !concerns(req, o.ItemID):
			r.dispose(a, &o, joiner.DispositionUnknownItem)
			continue
		case delay < -r.Rules.ClockSkew || delay > longest:
			r.dispose(a, &o, joiner.DispositionOutsideWindow)
			continue
		}
		r.dispose(a, &o, joiner.DispositionJoined)
		for i := range candidates {
			if c := &candidates[i]; o.ItemID == "" || c.item == "" || o.ItemID == c.item {
				c.outcomes = append(c.outcomes, o)
			}
		}
	}
	for i := range candidates {
		c := &candidates[i]
		for _, l := range r.Rules.Labels {
			c.positive = c.positive || len(qualifying(&l, req, c)) > 0
		}
		for _, o := range c.outcomes {
			c.seen = c.seen || r.Rules.Impression != nil && r.Rules.Impression(&o) && !c.edited(&o, req.TS.Add(longest))
		}
	}
	for i := range candidates {
		r.row(a, req, candidates, i)
	}
}

// concerns reports whether an outcome of an item is one of the request's.
func concerns(req *events.Request, item string) bool {
	if item == "" || len(req.Items) == 0 {
		return true
	}
	for _, i := range req.Items {
		if i.ID == item {
			return true
		}
	}
	return false
}

func (r *Reference) candidates(req *events.Request) []candidate {
	if r.Rules.PerRequest || len(req.Items) == 0 {
		return []candidate{{at: -1}}
	}
	var out []candidate
	for i, item := range req.Items {
		c := candidate{item: item.ID, at: i, position: int64(i)}
		if item.HasPosition {
			c.position = item.Position
		}
		out = append(out, c)
	}
	return out
}

// row applies the policies to a candidate and adds it to the answer.
func (r *Reference) row(a *Answer, req *events.Request, all []candidate, i int) {
	c, key := &all[i], a.Key(req.ID, all[i].item, req.TS)
	at := -1
	if !r.Rules.PerRequest && len(req.Items) > 0 {
		at = i
	}
	row := Row{TS: req.TS, Columns: Columns(req, at), Weight: 1}
	if !c.positive {
		switch {
		case r.Rules.Negatives == joiner.NegativesSeen && !c.seen,
			r.Rules.Negatives == joiner.NegativesAboveLastPositive && belowLastPositive(all, i):
			a.LeftOut[key] = joiner.LeftOutUnseen
			return
		case r.Rules.SampleRate > 0 && !sampled(&r.Rules, req.ID):
			a.LeftOut[key] = joiner.LeftOutSampled
			return
		case r.Rules.SampleRate > 0:
			row.Weight = 1 / r.Rules.SampleRate
		}
	}
	var open []bool // by label: it is not decided
	for _, l := range r.Rules.Labels {
		if l = r.atAge(l); r.Age > 0 && l.Window > r.Age {
			row.Cells, open = append(row.Cells, null()), append(open, true)
			continue
		}
		if l.Of != nil {
			cell, waits := ofOthers(&l, req, c.at, row.Cells, open)
			row.Cells, open = append(row.Cells, cell), append(open, waits)
			continue
		}
		open = append(open, false)
		found := qualifying(&l, req, c)
		end := req.TS + events.Time(l.Window)
		gap := r.gap(req.TS, &l)
		if sure := l.Agg == joiner.AggAny && len(found) > 0 && r.Rules.SameID == joiner.SameFirst && l.Until == nil; !sure &&
			(end > r.Known || gap) {
			open[len(open)-1] = true
			row.Cells = append(row.Cells, null())
			row.Undecided = row.Undecided || end > r.Known
			row.Gap = row.Gap || gap
			continue
		}
		if l.Votes != nil {
			cell, _ := ofVotes(&l, lastVotes(&l, found))
			row.Cells = append(row.Cells, cell)
			continue
		}
		row.Cells = append(row.Cells, aggregate(l.Agg, req.TS, found))
	}
	row.Extra = r.extra(req, c, row.Cells, open)
	a.Rows[key] = row
}

// ofOthers makes a label of those before it, if they are decided.
func ofOthers(l *joiner.Label, req *events.Request, item int, cells []joiner.Cell, open []bool) (cell joiner.Cell,
	waits bool) {
	for _, n := range l.Needs {
		if open[n] {
			return null(), true
		}
	}
	cell, err := l.Of(cells, req, item)
	if err != nil {
		return null(), false
	}
	return cell, false
}

// extra is what labels keep of the outcomes that decided them.
func (r *Reference) extra(req *events.Request, c *candidate, cells []joiner.Cell, open []bool) string {
	var values []events.Value
	for i, l := range r.Rules.Labels {
		l = r.atAge(l)
		found := qualifying(&l, req, c)
		decided := cells[i].TS != events.MinTime
		var voted *events.Outcome
		own := make([]events.Value, len(l.Columns)-len(l.Kept()))
		if l.Votes != nil && !open[i] {
			votes := lastVotes(&l, found)
			copy(own, voteColumns(&l, votes, cells[i]))
			_, voted = ofVotes(&l, votes)
		}
		if l.Provisional > 0 && !open[i] {
			own[len(own)-2] = inSeconds(events.Time(l.Window))
		}
		if l.Provisional > 0 && decided {
			own[len(own)-1] = inSeconds(cells[i].TS - req.TS)
		}
		values = append(values, own...)
		for _, column := range l.Kept() {
			v := events.Value{}
			if decided {
				o := events.Outcome{}
				if voted != nil {
					o = *voted
				} else {
					o = deciding(l.Agg, found)
				}
				v, _ = column.Value(&o, req, itemOf(req, c, &o))
			}
			values = append(values, v)
		}
	}
	return Extra(&r.Rules, values)
}

func inSeconds(t events.Time) events.Value {
	return events.Value{Kind: events.ValueDouble, Float: float64(t) / 1e9}
}

// atAge is a label at the age of the requests that is asked for: if it is provisional then, it is
// what it would be with a window that ends then.
func (r *Reference) atAge(l joiner.Label) joiner.Label {
	if r.Age > 0 && 0 < l.Provisional && l.Provisional <= r.Age && r.Age < l.Window {
		l.Window = r.Age
	}
	return l
}

// deciding is the outcome that decides a label, of those that qualify, of which there is one.
func deciding(agg joiner.Agg, found []events.Outcome) events.Outcome {
	valued := slices.DeleteFunc(slices.Clone(found), func(o events.Outcome) bool { return !o.HasValue })
	switch agg {
	case joiner.AggAny, joiner.AggLatency:
		return found[0]
	case joiner.AggCount, joiner.AggCredit:
		return found[len(found)-1]
	case joiner.AggSum, joiner.AggMean, joiner.AggLast:
		return valued[len(valued)-1]
	}
	best := valued[0]
	for _, o := range valued {
		if agg == joiner.AggMax && o.Value > best.Value || agg == joiner.AggMin && o.Value < best.Value {
			best = o
		}
	}
	return best
}

// itemOf is the item of a row, or, where there is one row, that of an outcome.
func itemOf(req *events.Request, c *candidate, o *events.Outcome) int {
	at := c.at
	for i := range req.Items {
		if c.item == "" && req.Items[i].ID == o.ItemID {
			at = i
		}
	}
	return at
}

// gap reports whether the window of a label, with the skew before the request unless
// it begins later, has a moment in common with a declared gap in the outcomes.
func (r *Reference) gap(request events.Time, l *joiner.Label) bool {
	from, to := request-events.Time(r.Rules.ClockSkew), request+events.Time(l.Window)
	if l.From > 0 {
		from = request + events.Time(l.From)
	}
	for _, g := range r.Rules.Gaps {
		apart := g.To < from || to < g.From
		late := request < g.Since || g.Until != 0 && request >= g.Until
		if g.Kinds[events.KindOutcome] && !g.Quiet && !apart && !late {
			return true
		}
	}
	return false
}

// sampled reports whether the negatives of a request are kept. For the older hash, which
// SEMANTICS.md describes but by its parts, it asks package joiner whether it keeps a lone negative.
func sampled(r *joiner.Rules, requestID string) bool {
	if r.SampleHash == joiner.SampleSHA256 {
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte("negatives:"+requestID)))[:13] // 52 bits
		n, _ := strconv.ParseUint(hash, 16, 64)
		return float64(n)/(1<<52) < r.SampleRate
	}
	never := joiner.Label{When: func(*events.Outcome) bool { return false }}
	rules := joiner.Rules{Labels: []joiner.Label{never}, SampleRate: r.SampleRate}
	return joiner.Decide(&rules, &events.Request{ID: requestID}).Rows(events.MaxTime,
		joiner.ReasonClosed)[0].LeftOut == joiner.LeftOutNo
}

// belowLastPositive reports whether a row stands below every positive one, of
// which there is at least one.
func belowLastPositive(all []candidate, i int) bool {
	some := false
	for _, c := range all {
		if !c.positive {
			continue
		}
		some = true
		if all[i].position <= c.position {
			return false
		}
	}
	return some
}

// qualifying are the outcomes, or pairs, that count for a label of a row, each with what is its value
// for the label. Where there is one row, its item is that of the outcome.
func qualifying(l *joiner.Label, req *events.Request, c *candidate) []events.Outcome {
	var out []events.Outcome
	end := events.MaxTime // of the window, where an outcome ends it
	for _, o := range c.outcomes {
		delay := time.Duration(o.TS - req.TS)
		if l.Until != nil && l.Until(&o) && 0 <= delay && delay <= l.Window && !c.edited(&o, req.TS.Add(l.Window)) {
			end = min(end, o.TS)
		}
	}
	var counting []events.Outcome
	for _, o := range c.outcomes {
		delay := time.Duration(o.TS - req.TS)
		if early := l.From > 0 && delay < l.From; !early && delay <= l.Window && o.TS <= end && l.When(&o) &&
			!c.edited(&o, req.TS.Add(l.Window)) {
			counting = append(counting, o)
		}
	}
	if l.Pair != nil {
		counting = pairsOf(l.Pair, counting)
	}
	for _, o := range counting {
		at := itemOf(req, c, &o)
		if l.InRow != nil {
			if yes, err := l.InRow(&o, req, at); err != nil || !yes {
				continue
			}
		}
		if l.Number != nil {
			n, err := l.Number(&o, req, at)
			o.Value, o.HasValue = n.Value, n.Has && err == nil
		}
		out = append(out, o)
	}
	return out
}

// edited reports whether an outcome does not count because of another one of its id: a later
// one that is stamped by the end of the window replaces it, and one without a value takes back
// an earlier one with a value.
func (c *candidate) edited(o *events.Outcome, end events.Time) bool {
	for _, e := range c.edits {
		if o.ID == "" || e.ID != o.ID {
			continue
		}
		if order := before(*o, e); order < 0 && e.TS <= end || order > 0 && e.HasValue && !o.HasValue {
			return true
		}
	}
	return false
}

func null() joiner.Cell { return joiner.Cell{Null: true, TS: events.MinTime} }

// aggregate makes a cell of the outcomes that qualified, which are in order.
func aggregate(agg joiner.Agg, request events.Time, found []events.Outcome) joiner.Cell {
	var valued []events.Outcome
	for _, o := range found {
		if o.HasValue {
			valued = append(valued, o)
		}
	}
	nothing := joiner.Cell{TS: events.MinTime}
	switch n := len(found); {
	case agg == joiner.AggAny && n > 0:
		return joiner.Cell{Value: 1, TS: found[0].TS}
	case agg == joiner.AggCount && n > 0:
		return joiner.Cell{Value: float64(n), TS: found[n-1].TS}
	case agg == joiner.AggCredit && n > 0:
		sum := 0.0
		for _, o := range found {
			sum += part(o)
		}
		return joiner.Cell{Value: sum, TS: found[n-1].TS}
	case agg == joiner.AggAny, agg == joiner.AggCount, agg == joiner.AggCredit:
		return nothing
	case agg == joiner.AggLatency && n > 0:
		return joiner.Cell{Value: float64(found[0].TS-request) / 1e9, TS: found[0].TS}
	case agg == joiner.AggSum && len(valued) == 0:
		return nothing
	case agg == joiner.AggLatency, len(valued) == 0:
		return null()
	}
	return ofValues(agg, valued)
}

func ofValues(agg joiner.Agg, valued []events.Outcome) joiner.Cell {
	sum, best := 0.0, valued[0]
	for _, o := range valued {
		value := o.Value
		if agg == joiner.AggSum {
			value *= part(o)
		}
		sum += value
		if agg == joiner.AggMax && o.Value > best.Value || agg == joiner.AggMin && o.Value < best.Value {
			best = o
		}
	}
	last := valued[len(valued)-1]
	switch agg {
	case joiner.AggSum:
		return finite(sum, last.TS)
	case joiner.AggMean:
		return finite(sum/float64(len(valued)), last.TS)
	case joiner.AggLast:
		return joiner.Cell{Value: last.Value, TS: last.TS}
	}
	return joiner.Cell{Value: best.Value, TS: best.TS} // first, max, min
}

// finite is a cell of a sum or mean, which is null where float64 has no such number.
func finite(value float64, ts events.Time) joiner.Cell {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return null()
	}
	return joiner.Cell{Value: value, TS: ts}
}
