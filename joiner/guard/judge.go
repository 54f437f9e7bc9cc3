package guard

import (
	"math"
)

// release moves Released as far as the evidence allows.
//
// A stretch of slots is improbable if it has too few outcomes of a label even
// for the Usual share of the rate, and alive if it has too many for half of
// that. Up to the first improbable stretch a slot is released by a stretch after
// it that is alive; if nothing is improbable, also by having waited for Patience.
func (g *Guard) release(r *Rules) {
	from := g.slot(g.Released)
	if g.at(from) < g.Released {
		from++ // a slot released in part is released
	}
	to := max(from, min(g.Complete, g.First+maxSlots))
	if rest := g.Complete - slotsPerPatience; g.empty(from) && rest > from && !g.Held.On() {
		g.learn(r, from)
		g.Released = g.at(max(rest, min(g.Complete, g.slot(g.LastHeartbeat))))
		return
	}
	s := g.survey(r, from, to)
	g.hold(s.improbable())
	bound := to
	if g.Held.On() {
		bound = max(from, g.slot(g.Held.From))
	}
	released := from
	for n := bound; n > from; n-- {
		waited := !g.Held.On() && (n <= to-slotsPerPatience || g.at(n) <= g.LastHeartbeat)
		if waited || s.alive(n, bound) {
			released = n
			break
		}
	}
	if released > from {
		g.learn(r, released)
		g.Released = max(g.Released, g.at(released))
	}
}

// empty reports whether nothing was counted from a slot on: a stream that begins
// long before now, or has ended long ago, is not gone through slot by slot.
func (g *Guard) empty(from int64) bool {
	counted := len(g.Requests)
	for _, o := range g.Outcomes {
		counted = max(counted, len(o))
	}
	return g.First+int64(counted) <= from
}

// hold begins a hold, keeps it, or ends it. Nothing of it is released before it
// ends: who catches up need not do so in order. It ends when nothing has been
// improbable since a while: long enough that a backlog of outcomes is no longer
// being read, of which what is still to come may be too little to be noticed.
func (g *Guard) hold(improbable Hold) {
	switch {
	case improbable.On():
		if g.Held.On() {
			improbable.From = min(improbable.From, g.Held.From)
		}
		g.Held = improbable
	case !g.Held.On():
	case g.Held.Cleared == 0:
		g.Held.Cleared = g.Complete
		fallthrough
	default:
		caughtUp := g.Backfilled <= catchingUp*g.OnTime || g.Backfilled < 1
		if caughtUp || g.Complete >= g.Held.Cleared+slotsPerPatience {
			g.Held = Hold{}
		}
	}
}

// survey is the slots under judgement, summed up so that any stretch of them
// is looked up at once.
type survey struct {
	g        *Guard
	r        *Rules
	from, to int64     // slots
	surprise float64   // -ln of the tail
	counted  []int64   // slots that are not declared, before each from First on
	requests []int64   // requests in them
	all      []int64   // requests in all slots
	outcomes [][]int64 // outcomes in them, by label
	coarse   []int64
}

func (g *Guard) survey(r *Rules, from, to int64) *survey {
	s := &survey{g: g, r: r, from: from, to: to, surprise: -math.Log(r.Tail)}
	n := max(0, to-g.First)
	s.counted, s.requests, s.all = make([]int64, n+1), make([]int64, n+1), make([]int64, n+1)
	s.outcomes = make([][]int64, len(g.Outcomes))
	for j := range s.outcomes {
		s.outcomes[j] = make([]int64, n+1)
	}
	for i := range n {
		one := int64(1)
		if len(r.Gaps) > 0 && r.declared(g.at(g.First+i), g.at(g.First+i+1), true) {
			one = 0
		}
		s.counted[i+1] = s.counted[i] + one
		s.all[i+1] = s.all[i] + g.Requests.at(i)
		s.requests[i+1] = s.requests[i] + one*g.Requests.at(i)
		for j := range s.outcomes {
			s.outcomes[j][i+1] = s.outcomes[j][i] + one*g.Outcomes[j].at(i)
		}
	}
	s.coarse = make([]int64, len(g.Coarse)+1)
	for i, c := range g.Coarse {
		s.coarse[i+1] = s.coarse[i] + int64(c)
	}
	return s
}

func (s *survey) sum(prefix []int64, from, to int64) float64 {
	first := s.g.First
	return float64(prefix[max(0, to-first)] - prefix[max(0, from-first)])
}

// expected is how many outcomes of a label the slots from..to should have had.
// An outcome may come long after its request, and how long is not known. If
// shorter delays are likelier than longer ones, the delays are a mixture of even
// distributions over [0, x], whatever the x (Khintchine's theorem on unimodal
// distributions); so the number expected is at least what the x expects that
// expects the least. No alarm is raised by a surge of requests whose outcomes
// cannot have come yet.
func (s *survey) expected(j int, from, to int64) float64 {
	rate := &s.g.Rates[j]
	counted := s.sum(s.counted, from, to)
	least := s.sum(s.requests, from, to)
	window := int64(s.r.Labels[j].Window / s.g.Width)
	for x := to - from; x <= window && least > 0; x *= 2 {
		least = min(least, s.before(from, x)*counted/float64(x))
	}
	return least * rate.Outcomes / rate.Requests
}

// before is how many requests there were in the x slots before one.
func (s *survey) before(n, x int64) float64 {
	if n-x >= s.g.First {
		return s.sum(s.all, n-x, n)
	}
	// The coarse slots that are whole, scaled to x.
	width := s.g.Wide
	k := max(1, x*int64(s.g.Width)/int64(width))
	to := number(s.g.at(n), width) - s.g.CoarseFirst
	last := int64(len(s.coarse) - 1)
	sum := s.coarse[min(max(to, 0), last)] - s.coarse[min(max(to-k, 0), last)]
	return float64(sum) * float64(x) * float64(s.g.Width) / (float64(k) * float64(width))
}

// surprising is -ln of a bound on the probability that a Poisson variable of
// mean m is as far off as k, or further (Chernoff; Mitzenmacher and Upfal,
// Probability and Computing, theorem 5.4). For k = 0 it is exact.
func surprising(k, m float64) float64 {
	switch {
	case m == 0 && k == 0:
		return 0
	case m == 0:
		return math.Inf(1)
	case k == 0:
		return m
	}
	return m - k + k*math.Log(k/m)
}

// improbable finds the earliest stretch with too few outcomes, and what is
// known of it. While negatives are held any such stretch will do, and the long
// ones are the likeliest.
func (s *survey) improbable() (h Hold) {
	for j := range s.g.Rates {
		if !s.r.armed(s.g.Rates[j]) {
			continue
		}
		for length := s.longest(); length > 0; length /= 2 {
			if found := s.improbableFor(j, length); found.On() && (!h.On() || found.From < h.From) {
				h = found
			}
			if h.On() && s.g.Held.On() {
				return h
			}
		}
	}
	return h
}

// longest is the longest stretch looked at: all there is, in a power of two.
func (s *survey) longest() int64 {
	length := int64(1)
	for length < s.to-s.from {
		length *= 2
	}
	return length
}

// improbableFor finds the earliest stretch of a length that has too few
// outcomes of a label.
func (s *survey) improbableFor(j int, length int64) Hold {
	for end := s.from + min(length, s.to-s.from); end <= s.to; end++ {
		start := max(s.from, end-length)
		expected := s.expected(j, start, end)
		seen, usual := s.sum(s.outcomes[j], start, end), s.r.Usual*expected
		if seen < usual && surprising(seen, usual) >= s.surprise {
			return Hold{Label: s.g.Rates[j].Label, From: s.g.at(start), Expected: expected, Seen: seen}
		}
	}
	return Hold{}
}

// alive reports whether for every label some stretch that begins at a slot has
// more outcomes than an outage leaves.
func (s *survey) alive(n, bound int64) bool {
	for j := range s.g.Rates {
		if s.r.armed(s.g.Rates[j]) && !s.aliveFor(j, n, bound) {
			return false
		}
	}
	return true
}

func (s *survey) aliveFor(j int, n, bound int64) bool {
	for length := int64(1); n+length <= bound; length *= 2 {
		seen, few := s.sum(s.outcomes[j], n, n+length), s.r.Usual/2*s.expected(j, n, n+length)
		if few > 0 && seen > few && surprising(seen, few) >= s.surprise {
			return true
		}
	}
	return false
}
