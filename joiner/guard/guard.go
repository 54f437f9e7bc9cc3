// Package guard judges whether silence of the outcomes is evidence: it counts requests and
// outcomes by slots of event time, and holds back what too few outcomes would make negative.
package guard

import (
	"math"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Config says when silence of the outcomes is no evidence. The zero value
// guards nothing.
type Config struct {
	// Patience is how much longer than its window a request waits for evidence
	// that outcomes were still coming; 0 turns the guard off.
	Patience time.Duration
	// Tail is how improbable the number of outcomes must be before it counts as
	// an outage.
	Tail float64
	// Learn is how many outcomes of a label the guard wants to have seen, over
	// Patience of event time at least, before it has an opinion: a hundred give the
	// rate to about a tenth, and a beginning is not what is usual.
	Learn float64
	// Usual is the share of the expected outcomes that is no surprise: rates
	// change by themselves with the hour and with what people are shown.
	Usual float64
}

// Rules is what the guard has to know of a join to judge.
type Rules struct {
	Config
	Labels  []Label       // in column order
	Longest time.Duration // the longest window of any label, guarded or not
	Gaps    []events.Gap  // declared so far
}

// Label is what the guard has to know of a label.
type Label struct {
	Name   string
	Window time.Duration // after its request an outcome counts no more
	None   bool          // no outcome counts for it
}

const (
	// slotsPerPatience is how finely the guard looks at time. An outage is dated
	// to a slot, and a healthy stream is a slot behind.
	slotsPerPatience = 256
	// lookback is how many slots before the first unjudged one are kept, and in
	// how many the longest window is.
	lookback = 64
	// rateDecay is over how many slots the usual rate is forgotten: six
	// patiences, so that at the default it is that of about half a day.
	rateDecay = 6 * slotsPerPatience
	// maxSlots bounds what is remembered of a hold, at 64 patiences. What comes
	// beyond is not counted, and waits for a person to say what happened.
	maxSlots = 64 * slotsPerPatience
	// watched is how many labels are guarded: the first ones.
	watched = 16
	// catchingUp is the share of outcomes that come for slots long complete
	// while a backlog is being worked off.
	catchingUp = 0.1
	// catchUpSlots is the time constant of that share.
	catchUpSlots = 16
)

// Guard judges whether outcomes keep coming, from nothing but events: it counts
// requests and outcomes by slots of event time, and holds the outcomes' watermark
// where too few came. A slot is released once those after it show that the
// outcomes were alive, or after Patience of nothing that is improbable.
//
// Invariant: Released never goes back, and what is not released has not closed.
type Guard struct {
	Width         time.Duration // of a slot
	Wide          time.Duration `json:"-"` // of a coarser slot; the rules say it, so no state keeps it
	Active        bool          // some rate is known, so Released counts
	Released      events.Time   // everything before it is judged
	Complete      int64         // slots before this one are read, as of the last judgement
	LastHeartbeat events.Time   `json:"Beat"`   // the outcomes' producer says that it lives, up to here
	HeartbeatSeen bool          `json:"Beaten"` // it said so since the last judgement
	Held          Hold          // why Released does not follow; zero: it does
	Rates         []Rate        // by label
	Backfilled    float64       `json:"Filling"` // outcomes that came for complete slots, of late
	OnTime        float64       // and those that did not

	Begun    bool     // something was counted
	First    int64    // number of the first slot counted
	Requests Counts   // by slot
	Outcomes []Counts // by label and slot
	// The requests of the longest window, in coarser slots: outcomes are
	// expected of requests that came long before them.
	CoarseFirst int64
	Coarse      Counts
}

// Rate is what is usual for a label: how many outcomes there were for how many
// requests, the older ones counting less.
type Rate struct {
	Label              string
	Requests, Outcomes float64
	Slots              int64 // learned, since requests began
}

// Hold is an improbable silence.
type Hold struct {
	Label          string      // that is missing outcomes; empty: there is no hold
	From           events.Time // since when
	Expected, Seen float64     // outcomes in the stretch that showed it
	Cleared        int64       // slot in which nothing was improbable any more; 0: it still is
}

// On reports whether negatives are held.
func (h *Hold) On() bool { return h.Label != "" }

// Bound is up to when the outcomes are believed to be complete.
func (g *Guard) Bound() events.Time {
	if !g.Active {
		return events.MaxTime
	}
	return g.Released
}

// New returns a guard for rules that goes on from what one before knew.
// Its slots are empty: the log fills them.
func New(r *Rules, before *Guard) Guard {
	g := Guard{
		Width: r.slot(), Wide: r.coarse(), Active: before.Active, Released: before.Released, Held: before.Held,
		LastHeartbeat: before.LastHeartbeat, Backfilled: before.Backfilled, OnTime: before.OnTime,
	}
	if before.Width == 0 {
		g.Released, g.LastHeartbeat = events.MinTime, events.MinTime
	}
	g.Rates = make([]Rate, r.guarded())
	g.Outcomes = make([]Counts, len(g.Rates))
	for j := range g.Rates {
		g.Rates[j].Label = r.Labels[j].Name
		for _, known := range before.Rates {
			// A label that had outcomes and has none any more would be silent for ever.
			if known.Label == g.Rates[j].Label && !r.Labels[j].None {
				g.Rates[j] = known
			}
		}
	}
	if slices.ContainsFunc(r.Labels, func(l Label) bool { return l.None && l.Name == g.Held.Label }) {
		g.Held = Hold{} // nothing is missing of it
	}
	g.Active = g.Active && len(g.Rates) > 0
	if g.Width > 0 && g.Released > events.MinTime {
		g.begin(g.Released)
		g.Complete = g.slot(g.Released)
		if g.Width == before.Width {
			g.Complete = before.Complete
		}
	}
	return g
}

// Fits reports whether a guard counts as the rules say.
func (g *Guard) Fits(r *Rules) bool {
	same := func(a Rate, b Label) bool { return a.Label == b.Name }
	return g.Width == r.slot() && slices.EqualFunc(g.Rates, r.Labels[:r.guarded()], same)
}

// Resume makes a guard that a state kept, and that fits, go on under the rules.
func (g *Guard) Resume(r *Rules) { g.Wide = r.coarse() }

// guarded is how many labels the guard looks at.
func (r *Rules) guarded() int {
	if r.Patience <= 0 {
		return 0
	}
	return min(len(r.Labels), watched)
}

func (r *Rules) slot() time.Duration {
	if r.guarded() == 0 {
		return 0
	}
	return max(1, r.Patience/slotsPerPatience)
}

// coarse is the width of the coarser slots.
func (r *Rules) coarse() time.Duration { return max(r.slot(), r.Longest/lookback) }

// number is the slot of a width that a time lies in.
func number(t events.Time, width time.Duration) int64 {
	n := int64(t) / int64(width)
	if int64(t)%int64(width) < 0 {
		n--
	}
	return n
}

func (g *Guard) slot(t events.Time) int64 { return number(t, g.Width) }

// begin makes a time's slot the first that is needed whole: counting starts
// before it by what lookbacks reach.
func (g *Guard) begin(t events.Time) { g.Begun, g.First = true, g.slot(t)-lookback }

// Request counts a request.
func (g *Guard) Request(ts events.Time) {
	if g.Width == 0 {
		return
	}
	if !g.Begun {
		g.begin(ts)
	}
	g.Requests.add(g.slot(ts) - g.First)
	n := number(ts, g.Wide)
	if len(g.Coarse) == 0 {
		g.CoarseFirst = n - 1
	}
	g.Coarse.add(n - g.CoarseFirst)
}

// Outcome counts an outcome of a time for the labels that it qualifies for, by their numbers.
func (g *Guard) Outcome(ts events.Time, qualifies func(label int) bool) {
	if g.Width == 0 {
		return
	}
	n, counted := g.slot(ts), false
	for j := range g.Outcomes {
		if qualifies(j) {
			g.Outcomes[j].add(n - g.First)
			counted = true
		}
	}
	switch {
	case !counted:
	case n < g.Complete-1:
		g.Backfilled++
	default:
		g.OnTime++
	}
}

// Heartbeat takes in that the outcomes' producer had nothing more to say by ts.
func (g *Guard) Heartbeat(ts events.Time) {
	if g.Width > 0 && ts > g.LastHeartbeat {
		g.HeartbeatSeen = g.HeartbeatSeen || g.LastHeartbeat == events.MinTime || g.slot(ts) > g.slot(g.LastHeartbeat)
		g.LastHeartbeat = ts
	}
}

// Header is a copy without what is counted: what a commit keeps, because the
// log has the rest.
func (g *Guard) Header() Guard {
	return Guard{
		Width: g.Width, Wide: g.Wide, Active: g.Active, Released: g.Released, Complete: g.Complete,
		LastHeartbeat: g.LastHeartbeat,
		Held:          g.Held, Rates: slices.Clone(g.Rates), Backfilled: g.Backfilled, OnTime: g.OnTime,
	}
}

// Judge takes in how far the sources are read. It does nothing until that is
// another slot, so that what it says depends on the events, not on their batches.
// It asks for the rules only then: it is called with every event.
func (g *Guard) Judge(rules func() *Rules, read events.Time) {
	if g.Width == 0 || read == events.MinTime || read == events.MaxTime {
		return
	}
	complete := g.slot(read)
	if complete <= g.Complete && !g.HeartbeatSeen {
		if !g.Active {
			g.Released = max(g.Released, read)
		}
		return
	}
	g.HeartbeatSeen, complete = false, max(complete, g.Complete)
	decay := math.Pow(1-1./catchUpSlots, float64(complete-g.Complete))
	g.Backfilled, g.OnTime = g.Backfilled*decay, g.OnTime*decay
	g.Complete = complete
	g.rejudge(rules(), read)
}

// Declared takes in that a person has said what became of a stretch, which is
// better than waiting for a backlog to end.
func (g *Guard) Declared(r *Rules, read events.Time) {
	g.Backfilled = 0
	g.rejudge(r, read)
}

// rejudge judges anew what is not released.
func (g *Guard) rejudge(r *Rules, read events.Time) {
	if g.Width == 0 || !g.Begun {
		return
	}
	if !g.Active {
		g.learn(r, min(g.Complete, g.First+maxSlots))
		g.Released = max(g.Released, read)
		g.Active = slices.ContainsFunc(g.Rates, r.armed)
		g.forget(r)
		return
	}
	for {
		before, all := g.Released, g.Complete <= g.First+maxSlots
		g.release(r)
		g.forget(r)
		if all || g.Released == before {
			return
		}
	}
}

// learn makes slots up to one, not included, part of what is usual.
func (g *Guard) learn(r *Rules, through int64) {
	from := max(g.First, g.slot(g.Released))
	for n := from; n < through; n++ {
		if r.declared(g.at(n), g.at(n+1), false) {
			continue
		}
		for j := range g.Rates {
			g.Rates[j].learn(float64(g.Requests.at(n-g.First)), float64(g.Outcomes[j].at(n-g.First)), r.Learn)
		}
	}
}

func (g *Guard) at(n int64) events.Time { return events.Time(n * int64(g.Width)) }

// armed reports whether enough is known of a label.
func (r *Rules) armed(q Rate) bool {
	return q.Outcomes >= r.Learn && q.Requests > 0 && q.Slots >= slotsPerPatience
}

func (q *Rate) learn(requests, outcomes, enough float64) {
	if q.Requests == 0 && requests == 0 {
		return // outcomes of requests from before the beginning say nothing of the rate
	}
	if keep := 1 - 1./rateDecay; q.Outcomes*keep >= 2*enough {
		q.Requests, q.Outcomes = q.Requests*keep, q.Outcomes*keep
	}
	q.Slots++
	q.Requests += requests
	q.Outcomes += outcomes
}

// forget drops the slots that no judgement needs any more.
func (g *Guard) forget(r *Rules) {
	released := g.slot(g.Released)
	if !g.Active {
		released = g.Complete
	}
	if drop := released - lookback - g.First; drop > 0 {
		g.Requests.drop(drop)
		for j := range g.Outcomes {
			g.Outcomes[j].drop(drop)
		}
		g.First += drop
	}
	width := g.Wide
	if drop := number(g.at(released), width) - lookback - 1 - g.CoarseFirst; drop > 0 {
		g.Coarse.drop(drop)
		g.CoarseFirst += drop
	}
}

// declared reports whether a person has said what became of the outcomes in a
// stretch, its end not included: then too few of them raise no alarm. What was just
// quiet is usual all the same, from now on.
func (r *Rules) declared(from, to events.Time, withQuiet bool) bool {
	return slices.ContainsFunc(r.Gaps, func(g events.Gap) bool {
		return g.Kinds[events.KindOutcome] && g.InForce() && (withQuiet || !g.Quiet) && from <= g.To && to > g.From
	})
}
