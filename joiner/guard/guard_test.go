package guard_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

var guardSeed = flag.Uint64("guardseed", 1, "seed of the traffic in the guard's simulations")

// traffic is what a simulated site does.
type traffic struct {
	days    float64
	perDay  float64 // requests a day
	night   float64 // the quietest hour's share of the busiest
	rate    float64 // outcomes a request
	swing   float64 // how much the rate changes with the hour
	window  time.Duration
	delay   time.Duration // mean from request to outcome
	late    time.Duration // lateness
	surges  bool          // a campaign now and then: ten times the requests within minutes
	outages []outage
}

// outage is when outcomes do not come, or hardly.
type outage struct {
	from, to events.Time
	rest     float64       // share that comes all the same
	lost     bool          // the others never come; else at the end, at ten times the usual pace
	lag      time.Duration // after the end, before they begin to
}

// simulated is an outcome on its way.
type simulated struct {
	request, ts, arrives events.Time
}

// simulation is what became of a traffic under the guard.
type simulation struct {
	outcomes, negatives int // those that came in time; false negatives
	alarms              int
	delays              time.Duration // of the release behind the watermark, at most
	wait                time.Duration // and their sum over steps
	steps               int
	held                []guard.Hold
}

const never = events.MaxTime

// all says that an outcome qualifies for every label.
func all(int) bool { return true }

// simulate plays a traffic against a guard, in steps of a quarter slot.
func simulate(t *testing.T, c traffic, seed uint64) simulation {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	rules := guard.Rules{
		Labels: []guard.Label{{Name: "clicked", Window: c.window}}, Longest: c.window,
		Config: guard.Config{Patience: min(4*c.window, 24*time.Hour), Tail: 1e-6, Learn: 100, Usual: 0.5},
	}
	requests, outcomes := c.events(rng)
	judging := func() *guard.Rules { return &rules }
	g := guard.New(&rules, &guard.Guard{})
	var s simulation
	step := events.Time(rules.Patience / 256)
	end := events.Time(c.days*24*float64(time.Hour)) + events.Time(2*c.window+2*rules.Patience)
	open, undelivered := 0, slices.Clone(outcomes)
	slices.SortFunc(undelivered, func(a, b simulated) int { return cmp.Compare(a.request, b.request) })
	i, j := 0, 0
	for now := events.Time(0); now < end; now += step {
		for ; i < len(requests) && requests[i] <= now; i++ {
			g.Request(requests[i])
		}
		for ; j < len(outcomes) && outcomes[j].arrives <= now; j++ {
			g.Outcome(outcomes[j].ts, all)
			s.outcomes++
		}
		if now/step%997 == 0 { // a restart
			g = restarted(t, &rules, g)
		}
		before := g.Held.On()
		g.Judge(judging, now.Add(-c.late))
		if g.Held.On() && !before {
			s.alarms++
			s.held = append(s.held, g.Held)
		}
		bound := min(g.Bound(), now.Add(-c.late))
		if ends := end - events.Time(2*c.window+2*rules.Patience); !g.Held.On() && now < ends {
			s.delays = max(s.delays, now.Add(-c.late).Sub(bound))
			s.wait += now.Add(-c.late).Sub(bound)
			s.steps++
		}
		for ; open < len(undelivered) && undelivered[open].request.Add(c.window) < bound; open++ {
			if undelivered[open].arrives > now {
				s.negatives++
			}
		}
	}
	return s
}

// restarted is a guard as the state keeps it.
func restarted(t *testing.T, rules *guard.Rules, g guard.Guard) guard.Guard {
	t.Helper()
	text, err := json.Marshal(&g)
	if err != nil {
		t.Fatal(err)
	}
	var again guard.Guard
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if len(g.Requests) > 0 && !reflect.DeepEqual(again.Requests, g.Requests) {
		t.Fatalf("%v is read back as %v", g.Requests, again.Requests)
	}
	again.Resume(rules)
	return again
}

// events draws the requests, and the outcomes in order of arrival.
func (c traffic) events(rng *rand.Rand) (requests []events.Time, outcomes []simulated) {
	const day = 24 * time.Hour
	mean := (1 + c.night) / 2
	for t := 0.0; ; {
		hour := math.Mod(t, float64(day)) / float64(day)
		share := (c.night + (1-c.night)*(1-math.Cos(2*math.Pi*hour))/2) / mean
		if c.surges && math.Mod(t, 3*float64(day)) < float64(2*c.window) {
			share *= 10
		}
		t += rng.ExpFloat64() * float64(day) / (c.perDay * share)
		if t >= c.days*float64(day) {
			break
		}
		ts := events.Time(t)
		requests = append(requests, ts)
		if rng.Float64() >= c.rate*(1+c.swing*math.Sin(2*math.Pi*hour)) {
			continue
		}
		o := simulated{request: ts, ts: ts.Add(time.Duration(rng.ExpFloat64() * float64(c.delay)))}
		if o.ts.Sub(ts) > c.window {
			continue
		}
		o.arrives = o.ts.Add(time.Duration(rng.Float64() * float64(c.late) * 0.9))
		for _, out := range c.outages {
			if o.ts >= out.from && o.ts < out.to && rng.Float64() >= out.rest {
				o.arrives = out.to.Add(out.lag + o.ts.Sub(out.from)/10)
				if out.lost {
					o.arrives = never
				}
			}
		}
		outcomes = append(outcomes, o)
	}
	slices.SortFunc(outcomes, func(a, b simulated) int { return cmp.Compare(a.arrives, b.arrives) })
	return requests, outcomes
}

var sites = map[string]traffic{
	"high":        {days: 2, perDay: 1e6, night: 0.1, rate: 0.05, swing: 0.2, window: 30 * time.Minute, delay: 3 * time.Minute, late: time.Minute},
	"middling":    {days: 2, perDay: 2e5, night: 0.3, rate: 0.05, swing: 0.2, window: 30 * time.Minute, delay: 3 * time.Minute, late: time.Minute},
	"low":         {days: 3, perDay: 3e4, night: 0.6, rate: 0.15, swing: 0.2, window: 30 * time.Minute, delay: 3 * time.Minute, late: time.Minute},
	"long window": {days: 12, perDay: 2e4, night: 0.1, rate: 0.03, swing: 0.2, window: 24 * time.Hour, delay: 4 * time.Hour, late: time.Minute},
}

// TestAMonthWithoutAFalseAlarm: days and nights, campaigns of ten times the
// requests every third day, a rate that changes with the hour, and nothing wrong.
func TestAMonthWithoutAFalseAlarm(t *testing.T) {
	for name, c := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.days, c.surges, c.perDay = 31, true, min(c.perDay, 2e5)
			if testing.Short() {
				c.days = 3
			}
			s := simulate(t, c, *guardSeed)
			t.Logf("-guardseed %d: %d outcomes", *guardSeed, s.outcomes)
			if s.alarms > 0 || s.negatives > 0 {
				t.Errorf("%d alarms, %d false negatives: %+v", s.alarms, s.negatives, s.held)
			}
		})
	}
}

// TestQuietTrafficIsNotHeldForLong: what the guard costs where nothing is wrong
// is that a row waits until it is sure, which takes a few dozen outcomes, and at
// most Patience.
func TestQuietTrafficIsNotHeldForLong(t *testing.T) {
	for name, want := range map[string]time.Duration{"high": 15 * time.Minute, "middling": 30 * time.Minute, "low": 2*time.Hour + 2*time.Minute} {
		t.Run(name, func(t *testing.T) {
			c := sites[name]
			c.days = 3
			s := simulate(t, c, *guardSeed)
			t.Logf("-guardseed %d: %s: rows wait %s on average, %s at most", *guardSeed, name, s.wait/time.Duration(s.steps), s.delays)
			if s.delays > want {
				t.Errorf("%s: rows wait up to %s longer than without a guard", name, s.delays)
			}
		})
	}
}

// TestOutagesGiveNoNegatives: of one and ten windows, total and down to a
// twentieth, by day and by night, caught up with or lost.
func TestOutagesGiveNoNegatives(t *testing.T) {
	for name, c := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range 16 {
				half := (n&3 == 1 || n&3 == 2) == (n>>2&3 == 1 || n>>2&3 == 2) // each pair of settings comes up
				if testing.Short() && (half || n < 8) {
					continue
				}
				windows, rest := []float64{1, 10}[n&1], []float64{0, 0.05}[n>>1&1]
				hour, lost := []float64{0, 12}[n>>2&1], n>>3&1 == 1 // days begin at midnight, in the deepest night
				from := events.Time((c.days - 1 + hour/24) * 24 * float64(time.Hour))
				site := c
				o := outage{from: from, to: from.Add(time.Duration(windows * float64(c.window))), rest: rest, lost: lost, lag: time.Minute}
				site.outages = []outage{o}
				site.days = max(site.days, float64(o.to)/24/float64(time.Hour)+0.5)
				if s := simulate(t, site, *guardSeed); s.negatives > 0 || s.alarms == 0 {
					t.Errorf("-guardseed %d: %v windows, rest %v, hour %v, lost %v: %d false negatives, %d alarms %+v",
						*guardSeed, windows, rest, hour, lost, s.negatives, s.alarms, s.held)
				}
			}
		})
	}
}

// TestQuietIsLearned: people really do less than half of what they did. A person
// says so, and says it again, until that is what is usual.
func TestQuietIsLearned(t *testing.T) {
	rules := guard.Rules{
		Labels: []guard.Label{{Name: "clicked", Window: time.Minute}}, Longest: time.Minute,
		Config: guard.Config{Patience: 256 * time.Second, Tail: 1e-6, Learn: 100, Usual: 0.5},
	}
	judging := func() *guard.Rules { return &rules }
	g := guard.New(&rules, &guard.Guard{})
	now, holds, lastHold := events.Time(0), 0, events.Time(0)
	second := func(outcomes int) {
		for range 20 {
			g.Request(now)
		}
		for range outcomes {
			g.Outcome(now, all)
		}
		now = now.Add(time.Second)
		g.Judge(judging, now)
		if g.Held.On() {
			holds++
			quiet := events.Gap{From: g.Held.From, To: now, Quiet: true}
			quiet.Kinds[events.KindOutcome] = true
			rules.Gaps = append(rules.Gaps, quiet)
			g.Declared(&rules, now)
			lastHold = now
		}
		if g.Held.On() {
			t.Fatalf("at %s: held, though a person said that nothing is missing", now)
		}
	}
	for range 2000 {
		second(10)
	}
	if holds > 0 {
		t.Fatalf("%d holds while all is as ever", holds)
	}
	for range 20_000 {
		second(3)
	}
	if holds == 0 || lastHold > events.Time(10_000*time.Second) {
		t.Errorf("%d holds, the last at %s: a third of the outcomes never became usual", holds, lastHold)
	}
}

// TestHeartbeatAfterLongSilence: a heartbeat releases what came before it, and
// not only what has waited for the guard's patience.
func TestHeartbeatAfterLongSilence(t *testing.T) {
	at := func(seconds int64) events.Time { return events.Time(seconds * int64(time.Second)) }
	rules := guard.Rules{
		Labels: []guard.Label{{Name: "clicked", Window: 10 * time.Second}}, Longest: 10 * time.Second,
		Config: guard.Config{Patience: 256 * time.Second, Tail: 1e-6, Learn: 1, Usual: 0.5},
	}
	judging := func() *guard.Rules { return &rules }
	g := guard.New(&rules, &guard.Guard{})
	g.Request(at(100))
	g.Outcome(at(101), all)
	g.Judge(judging, at(110))
	if g.Active {
		t.Fatal("ten seconds are enough to know what is usual")
	}
	g.Judge(judging, at(100+256))
	if !g.Active {
		t.Fatal("the guard has learned nothing")
	}
	g.Judge(judging, at(2000))
	if got := g.Bound(); got != at(2000-256) {
		t.Errorf("silence released %v, want what waited for the patience, %v", got, at(2000-256))
	}
	g.Heartbeat(at(3000))
	g.Judge(judging, at(3010))
	if got := g.Bound(); got != at(3000) {
		t.Errorf("the heartbeat released %v, want %v", got, at(3000))
	}
}

// TestNoOutcomesAnyMore: a label that had outcomes, and for which none counts by new rules, is not silent: what
// was usual of it is forgotten, and what was held for want of them is not.
func TestNoOutcomesAnyMore(t *testing.T) {
	before := guard.Guard{Width: 1, Active: true, Rates: []guard.Rate{
		{Label: "clicked", Requests: 900, Outcomes: 300, Slots: 999}, {Label: "bought", Requests: 900, Outcomes: 200,
			Slots: 999}}}
	for _, none := range []bool{false, true} {
		for _, held := range []string{"clicked", "bought"} {
			name := held
			if none {
				name += " of the request"
			}
			t.Run(name, func(t *testing.T) {
				before.Held = guard.Hold{Label: held}
				g := guard.New(&guard.Rules{Config: guard.Config{Patience: time.Hour, Learn: 100}, Labels: []guard.Label{
					{Name: "clicked", Window: time.Hour}, {Name: "bought", Window: time.Hour, None: none}}}, &before)
				if g.Rates[0] != before.Rates[0] || (g.Rates[1] == before.Rates[1]) == none || g.Rates[1].Label != "bought" {
					t.Errorf("the rates are %+v", g.Rates)
				}
				if want := !none || held == "clicked"; g.Held.On() != want {
					t.Errorf("the hold is %+v", g.Held)
				}
			})
		}
	}
}
